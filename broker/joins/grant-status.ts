// What has become of each grant with a run: who it let in, who claims it, how often somebody failed to prove it. Pure.
import type { JoinGrant } from '#crds/join-grant.ts'
import { approvalSeconds, joinGrant } from '#crds/join-grant.ts'
import { proofsOf } from '#crds/join-proof.ts'
import type { JoinRequest } from '#crds/join-request.ts'
import type { Member } from '#crds/member.ts'
import { fingerprint, sameIdentity } from '#lib/identity/identity.ts'
import { setConditions } from '#lib/kube/conditions.ts'
import { keyOf } from '#lib/kube/object.ts'
import type { Step } from '#lib/kube/plan.ts'
import { time } from '#lib/kube/time.ts'
import type { Claim } from '#broker/grants/state.ts'
import { factsOf, messageOf, stateOf } from '#broker/grants/state.ts'
import type { Decisions } from './admit.ts'
import { isWellFormed } from './answer.ts'
import type { Judged } from './judge.ts'
import { memberOf, sameAddresses } from './judge.ts'
import type { JoinsSeen } from './plan.ts'

export function grantSteps(
  { grants, placed, requests, members, now }: Pick<JoinsSeen, 'grants' | 'placed' | 'requests' | 'members' | 'now'>,
  judged: readonly Judged[],
  decisions: Decisions,
): readonly Step[] {
  return grants.map((grant) => {
    const id = grant.metadata.name
    const failed = judged.filter(({ request, verdict }) => verdict.kind === 'failedAttempt' && request.metadata.name === id)
    const before = factsOf(grant, placed.has(id))
    const attempts = new Set([...before.failedAttempts, ...failed.map(({ request }) => request.metadata.uid ?? '')])
    const usedBy = before.usedBy ?? letIn(id, judged, decisions, members) ?? joinedWith(grant, requests, members)
    const claim = before.claim ?? claimOf(id, judged, decisions)
    const facts = { ...before, failedAttempts: [...attempts], usedBy, claim }
    const state = stateOf(facts, now)
    const observedGeneration = grant.metadata.generation ?? 0
    const ready = {
      type: 'Ready',
      status: state === 'Open' ? 'True' : 'False',
      reason: state,
      message: messageOf(state),
    } as const
    const status = {
      observedGeneration,
      state,
      verifier: grant.spec.verifier,
      ...(attempts.size === 0 ? {} : { failedAttempts: facts.failedAttempts }),
      ...(claim === undefined ? {} : { claim: { by: claim.by, until: time(claim.until) } }),
      ...(usedBy === undefined ? {} : { usedBy }),
      conditions: setConditions(grant.status?.conditions, [{ ...ready, observedGeneration }], now),
    }
    return { do: 'status', kind: joinGrant, key: keyOf(grant), status, have: grant }
  })
}

/** Whoever waits for approval has proved the grant. Timed from the request, so that a run that was cut off comes to the same. */
function claimOf(id: string, judged: readonly Judged[], decisions: Decisions): Claim | undefined {
  const waits = judged.find(({ request, verdict }) => verdict.kind === 'awaitsApproval' && request.metadata.name === id)
  if (waits === undefined || decisions.get(waits.request)?.state !== 'Admitted') return undefined
  const { metadata, spec } = waits.request
  const until = new Date(new Date(metadata.creationTimestamp ?? '').getTime() + approvalSeconds * 1000)
  return { by: fingerprint(spec.identity), until }
}

/** The identity that the grant lets in with this very run: later its request may be gone. */
function letIn(id: string, judged: readonly Judged[], decisions: Decisions, members: readonly Member[]): string | undefined {
  const joins = judged.find(
    ({ request, verdict }) => request.metadata.name === id && verdict.kind === 'mayJoin' && verdict.by === 'grant',
  )
  if (joins === undefined || decisions.get(joins.request)?.state !== 'Admitted') return undefined
  // Then it is not made yet.
  if (memberOf(joins.request, members)?.metadata.deletionTimestamp !== undefined) return undefined
  return fingerprint(joins.request.spec.identity)
}

/** The identity that a grant let in: it is a member now, and its request proves the grant's code. A run that was cut off is made good by this. */
function joinedWith(grant: JoinGrant, requests: readonly JoinRequest[], members: readonly Member[]): string | undefined {
  const request = requests.find((r) => r.metadata.name === grant.metadata.name && isWellFormed(r))
  const member = request === undefined ? undefined : memberOf(request, members)
  if (request === undefined || member === undefined || !sameIdentity(member.spec.identity, request.spec.identity))
    return undefined
  // One that left and comes again has not come yet.
  if (member.metadata.deletionTimestamp !== undefined) return undefined
  if (!sameAddresses(request.spec, member.spec)) return undefined
  return proofsOf(request.spec, grant.spec.verifier).grant === 'Holds' ? fingerprint(member.spec.identity) : undefined
}
