// From whatever was thrown to what a person reads: one sentence and what to do. Causes only when asked for, a stack never
// for a person's mistake.
import { CommanderError } from 'commander'
import { StatusError } from '#lib/kube/errors.ts'
import { Problem } from '../problem.ts'

/** No lines where commander has printed what it had to say. */
export type Explained = { readonly lines: readonly string[]; readonly exitCode: number }

export function explainError(error: unknown, verbose: boolean): Explained {
  if (error instanceof CommanderError) return { lines: [], exitCode: error.exitCode === 0 ? 0 : 2 }
  const causes = verbose ? causesOf(error) : []
  if (error instanceof Problem)
    return { lines: [`error: ${error.message}`, `  ${error.remedy}`, ...causes], exitCode: error.exitCode }
  if (error instanceof StatusError)
    return { lines: [`error: The apiserver refused: ${error.message}`, ...verboseHint(verbose), ...causes], exitCode: 1 }
  const said = error instanceof Error ? error.message : String(error)
  return { lines: [`error: ${said}`, ...(verbose ? stackOf(error) : []), ...verboseHint(verbose), ...causes], exitCode: 1 }
}

const verboseHint = (verbose: boolean): readonly string[] => (verbose ? [] : ['  --verbose shows the causes.'])

/** Without the message before it, which may have lines of its own that look like anything. */
const stackOf = (error: unknown): readonly string[] =>
  error instanceof Error ? (error.stack ?? '').split('\n').filter((line) => line.startsWith('    at ')) : []

function causesOf(error: unknown): readonly string[] {
  const cause = error instanceof Error ? error.cause : undefined
  return cause === undefined
    ? []
    : [`  because: ${cause instanceof Error ? cause.message : JSON.stringify(cause)}`, ...causesOf(cause)]
}
