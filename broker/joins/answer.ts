// The answer to a join request, as its status: one state, a message for whoever waits, and what a person should know beside it. Pure.
import type { JoinRequest } from '#crds/join-request.ts'
import { joinRequest, longestAnswer } from '#crds/join-request.ts'
import { toleratedSkewMs } from '#crds/rules/tokens.ts'
import { fingerprint } from '#lib/identity/identity.ts'
import { setConditions } from '#lib/kube/conditions.ts'
import { keyOf } from '#lib/kube/object.ts'
import type { Step } from '#lib/kube/plan.ts'

/**
 * What a person should know of a request, whatever the answer: each is a condition of this name, True while it is so. `Overlap`: somebody
 * else has the addresses. `VersionSkewed`: a member whose version would not be let in. `ShortCredentials`: the apiserver gives less than was asked.
 * `BrokerNameUnknown`: nothing is known of a name by which members reach the broker.
 */
export type Remarks = Readonly<Partial<Record<(typeof remarkTypes)[number], string>>>
export const remarkTypes = ['Overlap', 'VersionSkewed', 'ShortCredentials', 'BrokerNameUnknown'] as const

type State = NonNullable<NonNullable<JoinRequest['status']>['state']>
type Answer = {
  readonly state: State
  readonly message: string
  /** CamelCase; the state if there is nothing more precise. */
  readonly reason?: string
  readonly remarks?: Remarks
  readonly credentials?: NonNullable<JoinRequest['status']>['credentials']
}

/** Whoever asks wrote it; only of what is nothing else is read. */
export const isWellFormed = (request: JoinRequest): boolean => joinRequest.parse(request).ok

export const pending = (request: JoinRequest, message: string, now: Date): Step =>
  answer(request, { state: 'Pending', message }, now)

/** The answer as a status; `credentials` when it is Admitted. */
export function answer(request: JoinRequest, { state, message, reason, remarks, credentials }: Answer, now: Date): Step {
  const observedGeneration = request.metadata.generation ?? 0
  const readable = isWellFormed(request)
  const clock = readable ? clockSkewOf(request) : undefined
  const remarked = { ...remarks, ...(clock === undefined ? {} : { ClockSkewed: clock }) }
  const said = { reason: reason ?? state, message, observedGeneration }
  const conditions = setConditions(
    request.status?.conditions,
    [
      { type: 'Ready', status: state === 'Admitted' ? 'True' : 'False', ...said },
      { type: 'Stalled', status: state === 'Refused' ? 'True' : 'False', ...said },
      ...Object.entries(remarked).map(([type, text]) => ({
        type,
        status: 'True' as const,
        reason: type,
        message: text,
        observedGeneration,
      })),
    ],
    now,
  )
  const status = {
    observedGeneration,
    state,
    // Some say what they were told, such as all its capabilities: an answer that is too long would be none.
    message: message.length <= longestAnswer ? message : `${message.slice(0, longestAnswer - 1)}…`,
    ...(readable ? { fingerprint: fingerprint(request.spec.identity) } : {}),
    ...(credentials === undefined ? {} : { credentials }),
    conditions,
  }
  return { do: 'status', kind: joinRequest, key: keyOf(request), status, have: request }
}

/** Tokens and certificates are good between two times, so clocks must agree roughly. Undefined while they do. */
function clockSkewOf({ metadata, spec }: JoinRequest): string | undefined {
  const ms = new Date(spec.requestedAt).getTime() - new Date(metadata.creationTimestamp ?? '').getTime()
  if (Number.isNaN(ms) || Math.abs(ms) <= toleratedSkewMs) return undefined
  const minutes = Math.round(Math.abs(ms) / 60_000)
  return `The clock of the joining cluster is ${minutes} minutes ${ms > 0 ? 'ahead of' : 'behind'} the broker's: set it right (chrony, timesyncd), or its credentials will be taken for expired.`
}
