// What went wrong, for the person who typed: one sentence, what to do about it, and the exit code that scripts read.

/** 1: it failed, or is not healthy. 2: usage, or refused input. 3: an apiserver was not reached. */
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
