// Whether a request may be considered at all: who signed it, by which grant or as which member, approved or not. Pure; addresses are
// judged after that (admit.ts).
import type { JoinGrant } from '#crds/join-grant.ts'
import { approvalSeconds } from '#crds/join-grant.ts'
import type { JoinRequest } from '#crds/join-request.ts'
import { joinRequest } from '#crds/join-request.ts'
import type { Proof } from '#crds/join-proof.ts'
import { proofsOf } from '#crds/join-proof.ts'
import type { Member } from '#crds/member.ts'
import { joinNamespace } from '#crds/places.ts'
import { fingerprint, sameIdentity } from '#lib/identity/identity.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import { contains } from '#lib/net/cidr.ts'
import { time } from '#lib/kube/time.ts'
import { explain } from '#lib/std/result.ts'
import type { GrantFacts } from '#broker/grants/state.ts'
import { mostAttempts, stateOf } from '#broker/grants/state.ts'
import { blocksOf } from '#broker/members/addresses.ts'

export type Known = {
  /** Of the same id, and alive. */
  readonly member: Member | undefined
  readonly grant: { readonly spec: JoinGrant['spec']; readonly facts: GrantFacts } | undefined
  /** What the Fleet says where the grant says nothing. */
  readonly approval: 'Automatic' | 'Manual'
  /** Addresses in which a member may move without anybody's leave. */
  readonly pools: readonly CIDR[]
  readonly now: Date
}

export type Verdict =
  /** Proven; `grant`: by one that is used up with it. `asItIs`: a member that asks for what it has, which needs no other's consent. */
  | { readonly kind: 'mayJoin'; readonly by: 'identity' | 'grant'; readonly asItIs?: true }
  | { readonly kind: 'mayLeave' }
  /** Proven, and it may join once an administrator says so; who is to ask them is judged after this (plan.ts). */
  | { readonly kind: 'awaitsApproval'; readonly message: string }
  | { readonly kind: 'refused'; readonly message: string }
  /** Refused, and counted: it came with a grant and could not prove its code. */
  | { readonly kind: 'failedAttempt'; readonly message: string }

export type Judged = { readonly request: JoinRequest; readonly verdict: Verdict }

export function judge(request: JoinRequest, seen: Known): Verdict {
  const { member, grant } = seen
  const parsed = joinRequest.parse(request)
  // The apiserver checked the schema; what a schema cannot say, such as host bits in a CIDR, is checked here.
  if (!parsed.ok) return refused(`The request is malformed: ${explain(parsed.error)}. Correct it and join again.`)
  const { spec, metadata } = parsed.value
  const id = spec.clusterID
  if (metadata.name !== id || metadata.namespace !== joinNamespace(id))
    return refused(`The request is ${metadata.namespace ?? ''}/${metadata.name} but speaks of cluster id "${id}".`)
  // Over the object as it came: parsing may have changed the spelling.
  const proofs = proofsOf(request.spec, grant?.spec.verifier)
  if (proofs.identity !== 'Holds')
    return refused('The request is not signed by the identity it names: it was changed on the way. Join again.')
  const known = member !== undefined && sameIdentity(member.spec.identity, spec.identity)
  if (known && new Date(spec.requestedAt) < new Date(member.spec.requestedAt ?? 0))
    return refused(`"${id}" has asked again since this request was made: it is a copy that somebody kept.`)
  if (spec.intent === 'Leave')
    return known ? { kind: 'mayLeave' } : refused(`"${id}" is no member under this identity: there is nothing to leave.`)
  return known ? byIdentity(request, member, proofs.grant, seen) : byGrant(request, proofs.grant, seen)
}

/** A member asks again. Its identity stands for what it was admitted with, and not for whatever else it may come to want. */
function byIdentity(request: JoinRequest, member: Member, proof: Proof, seen: Known): Verdict {
  const { spec } = request
  const id = spec.clusterID
  if (member.spec.clusterUID !== spec.clusterUID)
    return refused(
      `The identity of "${id}" comes from another cluster (its kube-system has uid ${spec.clusterUID}, the member's ${member.spec.clusterUID}): a copy of the cluster must join under an id and keys of its own.`,
    )
  if (sameAddresses(spec, member.spec)) return { kind: 'mayJoin', by: 'identity', asItIs: true }
  if (member.spec.state === 'Quarantined')
    return refused(`"${id}" is in quarantine and cannot change its addresses: tombolo quarantine ${id} --lift.`)
  const held = blocksOf(member)
  const wider = [...spec.podCIDRs, ...spec.serviceCIDRs].filter(
    (cidr) => ![...held, ...seen.pools].some((block) => contains(block, cidr)),
  )
  if (wider.length === 0) return { kind: 'mayJoin', by: 'identity' }
  return proof === 'Missing'
    ? refused(
        `"${id}" asks for ${wider.join(', ')}, which it was not admitted with: that needs a grant, like joining. On the broker: tombolo grant create ${id}, and join with it; or let members move within the Fleet's spec.join.addresses.`,
      )
    : byGrant(request, proof, { ...seen, member: undefined })
}

/** The one that has the id of who asks, alive or not. */
export const memberOf = (request: JoinRequest, members: readonly Member[]): Member | undefined =>
  members.find((m) => m.metadata.name === request.metadata.name)

export const sameAddresses = (a: Addresses, b: Addresses): boolean =>
  JSON.stringify([a.podCIDRs, a.serviceCIDRs]) === JSON.stringify([b.podCIDRs, b.serviceCIDRs])

type Addresses = Pick<Member['spec'], 'podCIDRs' | 'serviceCIDRs'>

function byGrant({ spec, metadata }: JoinRequest, proof: Proof, { member, grant, approval, now }: Known): Verdict {
  const id = spec.clusterID
  const print = fingerprint(spec.identity)
  const another = `on the broker: tombolo grant create ${id}`
  if (grant === undefined) return refused(`There is no grant for "${id}". Make one ${another}.`)
  // The apiserver cuts off what is less than a second: it may have come as late as at its end.
  const asked = new Date(new Date(metadata.creationTimestamp ?? '').getTime() + 999)
  const { claim } = grant.facts
  // What was proved in time waits by the clock, not by the time of the request, which its cluster may repeat.
  switch (stateOf(grant.facts, claim === undefined ? asked : now)) {
    case 'Used':
      return refused(`The grant for "${id}" was used already, by ${grant.facts.usedBy ?? ''}. Make another ${another}.`)
    case 'Claimed':
      if (claim?.by === print) break
      return refused(
        `The grant for "${id}" was proved by another identity, ${claim?.by ?? ''}, which waits for approval; this one is ${print}. Find out whose that is, then make another ${another}.`,
      )
    case 'Expired':
      if (claim !== undefined)
        return refused(`Nobody approved "${id}" until ${time(claim.until)}, and the grant has expired. Make another ${another}.`)
      return refused(`The grant for "${id}" expired at ${grant.spec.expiresAt}. Make another ${another}.`)
    case 'Locked':
      return refused(
        proof === 'Holds'
          ? `The grant for "${id}" is locked: ${mostAttempts} requests did not prove its code, as this one does. Find out who else has the line, or a part of it, then make another ${another}.`
          : `The grant for "${id}" is locked: too many requests did not prove its code. Make another ${another}.`,
      )
    case 'Open':
    case 'Pending':
      break
  }
  if (proof !== 'Holds') {
    // Nobody guesses at what is claimed.
    if (claim !== undefined)
      return refused(`The request does not prove the code of the grant for "${id}". Paste the whole line and join again.`)
    const left = mostAttempts - grant.facts.failedAttempts.length - 1
    const rest = left === 0 ? 'it is locked now' : `${left} more ${left === 1 ? 'try' : 'tries'} and it is locked`
    return {
      kind: 'failedAttempt',
      message: `The request does not prove the code of the grant for "${id}"; ${rest}. Paste the whole line, that of the latest grant if there were several, or make another ${another}.`,
    }
  }
  if (member !== undefined)
    return refused(
      `Cluster id "${id}" is taken: a member has it under another identity (${fingerprint(member.spec.identity)}). Choose another id; or, if it is the same cluster and its keys are lost, first: tombolo revoke ${id}.`,
    )
  if ((grant.spec.approval ?? approval) === 'Automatic') return { kind: 'mayJoin', by: 'grant' }
  const { approved, approvedAddresses } = grant.spec
  if (approved === print) {
    const other = [...spec.podCIDRs, ...spec.serviceCIDRs].filter((cidr) => approvedAddresses?.includes(cidr) === false)
    if (other.length === 0) return { kind: 'mayJoin', by: 'grant' }
    return {
      kind: 'awaitsApproval',
      message: `Waiting for an administrator: ${other.join(', ')} was not asked for when "${id}" was approved. Look again, on the broker: tombolo approve ${id}.`,
    }
  }
  return approved === undefined
    ? {
        kind: 'awaitsApproval',
        message: `Waiting for an administrator, for ${approvalSeconds / 86_400} days at most: compare the fingerprint ${print} on both sides, then on the broker: tombolo approve ${id}.`,
      }
    : refused(
        `Another identity was approved for "${id}", ${approved}; this one is ${print}. Find out who asked, then make another grant ${another}.`,
      )
}

const refused = (message: string): Verdict => ({ kind: 'refused', message })
