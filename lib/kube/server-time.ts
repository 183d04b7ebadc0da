// The clock of an apiserver. What holds from one time to another, such as a token, holds by that clock.

/** A review of who we are: it writes nothing, everybody may ask it, and the answer carries the time. */
export const timeQuestion = {
  method: 'POST',
  path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
  body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview', metadata: {} },
} as const

/** In whole seconds. Undefined where the answer has no time. */
export function timeIn(answer: unknown): Date | undefined {
  const text = (answer as { readonly metadata?: { readonly creationTimestamp?: unknown } } | undefined)?.metadata
    ?.creationTimestamp
  const moment = typeof text === 'string' ? new Date(text) : undefined
  return moment === undefined || Number.isNaN(moment.getTime()) ? undefined : moment
}
