// What may come next after each command, taken from the command tree: the one table from which the script of every shell is made.
import type { Command, Option } from 'commander'

/** What an option is followed by. */
export type Value =
  { readonly kind: 'none' | 'context' | 'file' | 'any' } | { readonly kind: 'choice'; readonly choices: readonly string[] }
export type OptionWords = { readonly flags: readonly string[]; readonly means: string; readonly value: Value }

export type Place = {
  /** `/show`, `/export/service`; empty for what comes first. */
  readonly path: string
  readonly commands: readonly { readonly name: string; readonly means: string }[]
  readonly options: readonly OptionWords[]
  /** Of arguments that are one of a few. */
  readonly choices: readonly string[]
}

export function placesOf(command: Command, path = '', above: readonly Option[] = []): readonly Place[] {
  const everywhere = path === '' ? command.options.filter((o) => ['--verbose', '--no-color'].includes(o.long ?? '')) : above
  const place: Place = {
    path,
    commands: command.commands.map((child) => ({ name: child.name(), means: child.summary() })),
    options: [...new Set([...command.options, ...everywhere])]
      .filter((o) => !o.hidden)
      .map(wordsOf)
      .concat(help),
    choices: command.registeredArguments.flatMap((argument) => argument.argChoices ?? []),
  }
  return [place, ...command.commands.flatMap((child) => placesOf(child, `${path}/${child.name()}`, everywhere))]
}

const help: OptionWords = { flags: ['-h', '--help'], means: 'show how', value: { kind: 'none' } }

const wordsOf = (option: Option): OptionWords => ({
  flags: [option.short, option.long].filter((flag) => flag !== undefined),
  means: option.description.split('\n', 1)[0] ?? '',
  value: valueOf(option),
})

function valueOf({ required, optional, argChoices, long = '' }: Option): Value {
  if (!required && !optional) return { kind: 'none' }
  if (argChoices !== undefined) return { kind: 'choice', choices: argChoices }
  if (/contexts?$/.test(long)) return { kind: 'context' }
  return { kind: /(kubeconfig|file|dir)$/.test(long) ? 'file' : 'any' }
}
