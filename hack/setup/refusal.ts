// A fault of the machine, not of Tombolo: one sentence that names the remedy. Programs that set up end with exit code 2 on it.

export class Refusal extends Error {
  override readonly name = 'Refusal'
  /** What a shell sees. */
  readonly exitCode = 2
}

/** An error and what was behind it, for whoever typed the command. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? error.message : `${error.message}\n  because: ${messageOf(error.cause)}`
}
