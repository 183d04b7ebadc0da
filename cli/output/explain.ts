// From whatever was thrown to what a person reads: one sentence and what to do. Causes only when asked for, a stack never
// for a person's mistake.
import { CommanderError } from 'commander'
import { StatusError } from '#lib/kube/errors.ts'
import { Problem } from '../problem.ts'

/** `text` is empty where commander has printed what it had to say. */
export type Explained = { readonly text: string; readonly exitCode: number }

export function explainError(error: unknown, verbose: boolean): Explained {
  if (error instanceof CommanderError) return { text: '', exitCode: error.exitCode === 0 ? 0 : 2 }
  const causes = verbose ? causesOf(error) : []
  if (error instanceof Problem)
    return { text: [`error: ${error.message}`, `  ${error.remedy}`, ...causes].join('\n'), exitCode: error.exitCode }
  if (error instanceof StatusError)
    return {
      text: [`error: The apiserver refused: ${error.message}`, ...verboseHint(verbose), ...causes].join('\n'),
      exitCode: 1,
    }
  const text = error instanceof Error ? (verbose ? (error.stack ?? error.message) : error.message) : String(error)
  return { text: [`error: ${text}`, ...verboseHint(verbose), ...causes].join('\n'), exitCode: 1 }
}

const verboseHint = (verbose: boolean): readonly string[] => (verbose ? [] : ['  --verbose shows the causes.'])

function causesOf(error: unknown): readonly string[] {
  const cause = error instanceof Error ? error.cause : undefined
  return cause === undefined
    ? []
    : [`  because: ${cause instanceof Error ? cause.message : JSON.stringify(cause)}`, ...causesOf(cause)]
}
