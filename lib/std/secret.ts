// What must not be printed by accident: not in a template, not as JSON, not by console.log or a debugger. Whoever wants the text asks
// for it by name, and such a place is easy to look for.
import { inspect } from 'node:util'
import type { Result } from './result.ts'
import { invalid, ok } from './result.ts'

const hidden = '[secret]'

/** Extend it, and keep the value in a `#private` field: those are not shown either. */
export abstract class Secret {
  toString(): string {
    return hidden
  }

  toJSON(): string {
    return hidden
  }

  [inspect.custom](): string {
    return hidden
  }
}

/** The 32 bytes of a key, from base64 in the one right spelling; white space around it is no part of it. The error does not repeat the value. */
export function parseKeyBytes(field: string, text: string): Result<Buffer> {
  const raw = Buffer.from(text.trim(), 'base64')
  return raw.length === 32 && raw.toString('base64') === text.trim() ? ok(raw) : invalid(field, hidden, '32 bytes in base64')
}
