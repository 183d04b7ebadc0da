// A grant as it comes to this command: on standard input or in a file, where no other user of the machine can read it; as an argument
// too, since that is what people paste, and it is used up in a minute.
import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import type { Grant } from '#lib/identity/grant.ts'
import { parseGrant } from '#lib/identity/grant.ts'
import { refused } from '../problem.ts'

export type GrantOptions = { readonly grant?: string; readonly grantFile?: string }

/** Undefined when none was given. */
export async function readGrant({ grant, grantFile }: GrantOptions, stdin: NodeJS.ReadableStream): Promise<Grant | undefined> {
  if (grant !== undefined && grantFile !== undefined)
    throw refused('There are two grants.', 'Give either --grant or --grant-file.')
  const given = grantFile === undefined ? (grant === '-' ? await text(stdin) : grant) : fileText(grantFile)
  if (given === undefined) return undefined
  const read = parseGrant(given)
  if (read.ok) return read.value
  throw refused('That is no grant.', `It must be ${read.error.want}.`)
}

function fileText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw refused(`The grant cannot be read from ${path}.`, 'Check the path and its rights.', error)
  }
}
