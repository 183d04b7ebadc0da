// The entry of `tombolo`: arguments in, exit code out (problem.ts has the list).
import { printable } from '#lib/std/printable.ts'
import type { Session } from './commands/command.ts'
import { explainError } from './output/explain.ts'
import { output } from './output/output.ts'
import { wantsColour } from './output/paint.ts'
import { program } from './program.ts'
import { version } from './version.ts'

const stop = new AbortController()
for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort())
// `tombolo … | head`: whoever reads has seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})

const { argv, env, stdin, stdout, stderr } = process
const args = argv.slice(2)
const colour = (stream: NodeJS.WriteStream) => wantsColour(stream, env, args)

const session: Session = {
  output: output({ out: stdout, err: stderr, colour: { out: colour(stdout), err: colour(stderr) } }),
  signal: stop.signal,
  version,
  confirm: stdin.isTTY && stderr.isTTY ? ask : undefined,
}

process.exitCode = await main()

async function main(): Promise<number> {
  const verbose = args.includes('--verbose')
  try {
    const tombolo = await program(args, session)
    await tombolo.parseAsync(
      args.filter((arg) => arg !== '--verbose' && arg !== '--no-color'),
      { from: 'user' },
    )
    return 0
  } catch (error) {
    if (stop.signal.aborted) {
      session.output.note(interrupted(session.output.progress.done))
      return 130
    }
    const { lines, exitCode } = explainError(error, verbose)
    for (const line of lines) session.output.note(line)
    return exitCode
  }
}

/** What there is now, and what to type. */
function interrupted(done: readonly string[]): string {
  const said = done.length === 0 ? '' : ` Done: ${done.join('; ')}.`
  return `interrupted.${said} The same command again goes on from there.`
}

async function ask(question: string): Promise<boolean> {
  const { createInterface } = await import('node:readline/promises')
  const lines = createInterface({ input: stdin, output: stderr })
  try {
    return /^y(es)?$/i.test((await lines.question(`${printable(question)} [y/N] `, { signal: stop.signal })).trim())
  } finally {
    lines.close()
  }
}
