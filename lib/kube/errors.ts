// The two ways a request fails: the apiserver answered with a Status (StatusError), or no answer came (UnreachableError).
// Ask the predicates below, never the text of a message.

/** metav1.Status, as far as anybody reads it. */
export interface Status {
  readonly code?: number
  readonly reason?: string
  readonly message?: string
  readonly details?: {
    readonly retryAfterSeconds?: number
    readonly causes?: readonly StatusCause[]
    readonly [field: string]: unknown
  }
}

export interface StatusCause {
  readonly reason?: string
  readonly message?: string
  readonly field?: string
}

export class StatusError extends Error {
  override readonly name = 'StatusError'
  /** The HTTP status code. */
  readonly code: number
  /** CamelCase, such as `NotFound`; empty when something between us and the apiserver answered. */
  readonly reason: string
  /** What the server asked us to wait before the next try, in ms. */
  readonly retryAfterMs?: number
  readonly details?: Status['details']

  constructor(what: string, code: number, status: Status, retryAfterMs?: number) {
    super(
      `${what}: ${code} ${[status.reason, status.message].filter((part) => part !== undefined && part !== '').join(': ')}`.trimEnd(),
    )
    this.code = code
    this.reason = status.reason ?? ''
    if (retryAfterMs !== undefined) this.retryAfterMs = retryAfterMs
    if (status.details !== undefined) this.details = status.details
  }
}

/** No answer: refused, reset, timed out, wrong certificate. `cause` says which. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError'
  constructor(what: string, cause: unknown) {
    super(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}

const hasCode = (error: unknown, code: number): error is StatusError => error instanceof StatusError && error.code === code

export const isNotFound = (error: unknown): error is StatusError => hasCode(error, 404)
export const isForbidden = (error: unknown): error is StatusError => hasCode(error, 403)
export const isUnauthorized = (error: unknown): error is StatusError => hasCode(error, 401)
/** Somebody wrote in between, a precondition failed, or a field belongs to another manager: read again. */
export const isConflict = (error: unknown): error is StatusError => hasCode(error, 409) && error.reason !== 'AlreadyExists'
export const isAlreadyExists = (error: unknown): error is StatusError => hasCode(error, 409) && error.reason === 'AlreadyExists'
/** The resource version, or the continuation of a list, is too old: list from the start. */
export const isExpired = (error: unknown): error is StatusError => hasCode(error, 410)
export const isUnreachable = (error: unknown): error is UnreachableError => error instanceof UnreachableError
