// The entry of `tombolo`: arguments in, exit code out.
//   0 done · 1 failed or not healthy · 2 wrong usage or refused input · 3 an apiserver was not reached · 130 interrupted
import { createInterface } from 'node:readline/promises'
import { Command, CommanderError } from 'commander'
import { commands } from './commands/index.ts'
import type { Session } from './commands/command.ts'
import { output } from './output/output.ts'
import { explainError } from './output/explain.ts'
import { defaultImage, version } from './version.ts'

const stop = new AbortController()
for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort())

const { stdin, stdout, stderr } = process
const session: Session = {
  output: output({ out: stdout, err: stderr }),
  signal: stop.signal,
  version,
  image: defaultImage,
  confirm: stdin.isTTY && stderr.isTTY ? ask : undefined,
}

process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  const program = new Command('tombolo')
    .description('Pods and services of many Kubernetes clusters reach each other through encrypted tunnels, by name.')
    .version(version, '--version', 'print the version')
    .option('--verbose', 'show the causes of an error')
    .showHelpAfterError('(--help shows how)')
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', '\nExit codes: 0 done, 1 failed or not healthy, 2 wrong usage or refused input, 3 cluster not reached')
    .exitOverride()
  for (const add of commands) add(program, session)
  const verbose = args.includes('--verbose')
  try {
    await program.parseAsync(
      args.filter((arg) => arg !== '--verbose'),
      { from: 'user' },
    )
    return 0
  } catch (error) {
    // Commander has printed what it had to say.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    if (stop.signal.aborted) {
      stderr.write('interrupted; running the command again goes on from here\n')
      return 130
    }
    const { text, exitCode } = explainError(error, verbose)
    stderr.write(`${text}\n`)
    return exitCode
  }
}

async function ask(question: string): Promise<boolean> {
  const lines = createInterface({ input: stdin, output: stderr })
  try {
    return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `, { signal: stop.signal })).trim())
  } finally {
    lines.close()
  }
}
