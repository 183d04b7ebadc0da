// `tombolo completion`: the script that makes a shell complete commands, options, choices and contexts.
import { Argument, Option } from 'commander'
import { refused } from '../problem.ts'
import type { AddCommand, Session } from './command.ts'

const shells = ['bash', 'zsh', 'fish'] as const
type Shell = (typeof shells)[number]

export const addCompletion: AddCommand = (program, session) => {
  program
    .command('completion')
    .summary('print the completion script of a shell')
    .description(
      'Prints a script that makes a shell complete commands, options, their choices, and the contexts of your kubeconfig.',
    )
    .addArgument(new Argument('[shell]', 'which shell').choices(shells))
    .addOption(new Option('--contexts <files>', 'print the contexts of kubeconfig files, separated by ":"').hideHelp())
    .addHelpText(
      'after',
      `
Examples:
  tombolo completion bash > /etc/bash_completion.d/tombolo
  tombolo completion zsh > "\${fpath[1]}/_tombolo"
  tombolo completion fish > ~/.config/fish/completions/tombolo.fish`,
    )
    .action((shell: Shell | undefined, { contexts }: { readonly contexts?: string }) => run(shell, contexts, session))
}

async function run(shell: Shell | undefined, files: string | undefined, session: Session): Promise<void> {
  if (files !== undefined) {
    const { contextsOf } = await import('../completion/contexts.ts')
    const contexts = await contextsOf(files)
    session.output.result('', { contexts }, 'name', contexts)
    return
  }
  if (shell === undefined) throw refused('For which shell?', `Name one: tombolo completion ${shells.join('|')}.`)
  session.output.script(await script(shell, session))
}

async function script(shell: Shell, session: Session): Promise<string> {
  const { program } = await import('../program.ts')
  const { placesOf } = await import('../completion/words.ts')
  const places = placesOf(await program([], session))
  switch (shell) {
    case 'bash':
      return (await import('../completion/bash.ts')).bashScript(places)
    case 'zsh':
      return (await import('../completion/zsh.ts')).zshScript(places)
    case 'fish':
      return (await import('../completion/fish.ts')).fishScript(places)
  }
}
