// The whole of `tombolo` as commander knows it: what --help, completion and the reference page are made from.
import { Command } from 'commander'
import type { Session } from './commands/command.ts'
import { commands } from './commands/index.ts'
import { exitCodes } from './problem.ts'

/** With the command that `args` name, or with all of them when they name none: for --help, and to suggest the one that was meant. */
export async function program(args: readonly string[], session: Session): Promise<Command> {
  const named = args.find((arg) => !arg.startsWith('-'))
  const wanted = named !== undefined && named in commands ? [named] : Object.keys(commands)
  const root = new Command('tombolo')
    .summary('tie Kubernetes clusters together')
    .description('Pods and services of many Kubernetes clusters reach each other through encrypted tunnels, by name.')
    .version(session.version, '--version', 'print the version')
    .option('--verbose', 'show the causes of an error')
    .option('--no-color', 'no colours, not even on a terminal (as with NO_COLOR)')
    .showHelpAfterError('(--help shows how)')
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    // Errors repeat what was typed, which may have been pasted.
    .configureOutput({
      writeOut: (text) => session.output.script(text),
      writeErr: (text) => session.output.note(text.trimEnd()),
    })
    .addHelpText(
      'afterAll',
      () => `\nExit codes:\n${exitCodes.map(({ code, means }) => `  ${String(code).padEnd(5)}${means}`).join('\n')}`,
    )
  for (const name of wanted) (await commands[name]?.())?.(root, session)
  return root
}
