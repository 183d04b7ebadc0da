// One command line: arguments in, exit code out (problem.ts has the list).
import type { Session } from './commands/command.ts'
import { explainError } from './output/explain.ts'
import { program } from './program.ts'

/** Says on the session's output what went wrong, and never throws. */
export async function run(args: readonly string[], session: Session): Promise<number> {
  const verbose = args.includes('--verbose')
  try {
    const tombolo = await program(args, session)
    await tombolo.parseAsync(
      args.filter((arg) => arg !== '--verbose' && arg !== '--no-color'),
      { from: 'user' },
    )
    return 0
  } catch (error) {
    if (session.signal.aborted) {
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
