// What went wrong, for the person who typed: one sentence, what to do about it, and the exit code that scripts read.

/** Of every command. */
export const exitCodes = [
  { code: 0, means: 'done, or healthy' },
  { code: 1, means: 'failed, or not healthy' },
  { code: 2, means: 'wrong usage, or refused input: nothing was changed' },
  { code: 3, means: 'an apiserver was not reached' },
  { code: 130, means: 'interrupted; running the command again goes on from there' },
] as const

export type ExitCode = 1 | 2 | 3

export class Problem extends Error {
  override readonly name = 'Problem'
  readonly exitCode: ExitCode
  /** What to type or look at next. */
  readonly remedy: string

  constructor(exitCode: ExitCode, says: string, remedy: string, cause?: unknown) {
    super(says, { cause })
    this.exitCode = exitCode
    this.remedy = remedy
  }
}

export const failed = (says: string, remedy: string, cause?: unknown): Problem => new Problem(1, says, remedy, cause)
export const refused = (says: string, remedy: string, cause?: unknown): Problem => new Problem(2, says, remedy, cause)
export const notReached = (says: string, remedy: string, cause?: unknown): Problem => new Problem(3, says, remedy, cause)
