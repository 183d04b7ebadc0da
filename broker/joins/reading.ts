// What is read for the sake of newcomers alone. Where it cannot be read they wait, and members are answered as ever.
import type { Result } from '#lib/std/result.ts'
import { ok } from '#lib/std/result.ts'

/** Why not, as the rest of "The broker cannot read …". */
export type Reading<T> = Result<T, string>

export async function reading<T>(what: string, read: Promise<T>, signal: AbortSignal): Promise<Reading<T>> {
  try {
    return ok(await read)
  } catch (error) {
    signal.throwIfAborted()
    return { ok: false, error: `${what} (${error instanceof Error ? error.message : String(error)})` }
  }
}
