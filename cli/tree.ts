// The commands as a tree that can be walked, for all that is made from them: completion, the reference page, tests.
import { Readable } from 'node:stream'
import type { Command } from 'commander'
import type { Session } from './commands/command.ts'
import { version } from './version.ts'

export type Leaf = { readonly path: readonly string[]; readonly command: Command }

/** Every command that does something, with the words that name it. */
export const leavesOf = (command: Command, path: readonly string[] = []): readonly Leaf[] =>
  command.commands.length === 0
    ? [{ path, command }]
    : command.commands.flatMap((child) => leavesOf(child, [...path, child.name()]))

/** What --help prints, what was added to it included. */
export function helpOf(command: Command): string {
  let text = ''
  command.configureOutput({ writeOut: (part) => (text += part), getOutHelpWidth: () => 100 })
  command.outputHelp()
  return text
}

/** For looking at commands and never running them. */
export const quietSession: Session = {
  get output(): never {
    throw new Error('this session is for looking at commands')
  },
  signal: new AbortController().signal,
  version,
  stdin: Readable.from([]),
  confirm: undefined,
}
