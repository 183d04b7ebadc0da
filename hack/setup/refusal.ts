// A fault of the machine, not of Tombolo: one sentence that names the remedy. Programs that set up end with exit code 2 on it.

export class Refusal extends Error {
  override readonly name = 'Refusal'
  /** What a shell sees. */
  readonly exitCode = 2
}
