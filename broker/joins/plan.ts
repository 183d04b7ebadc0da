// Answers join requests. Admission looks at all of them and all members at once, so this is one reconciler with one key: two requests
// can never be judged side by side; what another controller decides meanwhile is kept out by reservations.ts. It makes the Member; what a
// member consists of is made by the members controller, and only when that is done are credentials issued (issue.ts), which is what
// Admitted means to whoever waits.
//
//   Pending ──► AwaitingApproval ──► Pending (Member made) ──► Admitted, with credentials
//      └──────────────┴──► Refused (final: joining again asks anew)
//
// An administrator is asked to approve only what would be admitted then, and it is judged again when they have.
import type { Fleet } from '#crds/fleet.ts'
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import type { JoinGrant } from '#crds/join-grant.ts'
import { approvalSeconds, joinGrant } from '#crds/join-grant.ts'
import type { JoinRequest } from '#crds/join-request.ts'
import { joinRequest, longestAnswer } from '#crds/join-request.ts'
import { proofsOf } from '#crds/join-proof.ts'
import type { Member } from '#crds/member.ts'
import { member as memberKind } from '#crds/member.ts'
import { toleratedSkewMs } from '#crds/rules/tokens.ts'
import { brokerNamespace, clusterIDLabel, managedBy } from '#crds/places.ts'
import { fingerprint, sameIdentity } from '#lib/identity/identity.ts'
import { isTrue, setConditions } from '#lib/kube/conditions.ts'
import type { Next } from '#lib/kube/controller.ts'
import { again, settled } from '#lib/kube/controller.ts'
import { keyOf } from '#lib/kube/object.ts'
import { time } from '#lib/kube/time.ts'
import type { Plan, Step } from '#lib/kube/plan.ts'
import { deleteStep } from '#lib/kube/plan.ts'
import type { Claim } from '#broker/grants/state.ts'
import { endOf, factsOf, messageOf, stateOf } from '#broker/grants/state.ts'
import type { Released } from '#broker/members/addresses.ts'
import { releasedOf, soonest } from '#broker/members/addresses.ts'
import { provisioned } from '#broker/members/plan.ts'
import type { Decision, Granted, Refusal } from './admit.ts'
import { admitAll, byAge, grantedBy } from './admit.ts'
import { misfitOf, skewOf } from './fit.ts'
import { groundOf, isAdmitted, namesIn } from './ground.ts'
import type { Verdict } from './judge.ts'
import { judge, sameAddresses } from './judge.ts'
import type { OwnAddresses } from './own-addresses.ts'
import type { Reading } from './reading.ts'
import type { Reservation } from './reservations.ts'
import { reservationFor, roomFor, stillReserved, withReserved } from './reservations.ts'
import type { ServerNames } from './server-names.ts'

/** All read from the apiserver in this run, not from a store that may lag behind our own writes. */
export type JoinsSeen = {
  readonly fleet: Fleet
  readonly requests: readonly JoinRequest[]
  readonly grants: readonly JoinGrant[]
  readonly members: readonly Member[]
  readonly gateways: Reading<readonly GatewayEndpoint[]>
  /** The broker's own cluster and program. */
  readonly broker: { readonly version: string; readonly addresses: Reading<OwnAddresses>; readonly names: ServerNames }
  /** Cluster ids whose joining place exists. */
  readonly placed: ReadonlySet<string>
  /** By whom addresses are reserved: this controller, of which no write is under way. */
  readonly self: string
  /** Before anything was read. */
  readonly now: Date
}

export type JoinsPlan = Plan & {
  /** The Fleet's whole status, to be written before anything else, and over the version that was seen: what follows stands on it. */
  readonly fleet: NonNullable<Fleet['status']>
  /** Cluster ids of the Members whose addresses are reserved by it. */
  readonly reserves: ReadonlySet<string>
  /** Requests of members that exist in full: their answer is their credentials. */
  readonly issue: readonly Issue[]
}

export type Issue = { readonly request: JoinRequest; readonly remarks: Remarks }

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

export function planJoins(seen: JoinsSeen): JoinsPlan {
  const { fleet, requests, members, now } = seen
  const open = requests.filter((r) => r.metadata.deletionTimestamp === undefined && !isFinal(r)).toSorted(byAge)
  const judged = open.map((request): Judged => ({ request, verdict: judgeOne(request, seen) }))
  const left = stillReserved(fleet.status?.reserved ?? [], seen.self, members, now)
  const all = decide(judged, left, seen)
  const decisions = inTurn(all, judged, roomFor(left), seen)
  const outcomes = judged.flatMap(({ request, verdict }): readonly Outcome[] => {
    const decision = decisions.get(request)
    if (decision === undefined) return unproven(request, verdict, members, now)
    if (decision.state === 'Refused') {
      const { reason, message } = decision
      return [{ steps: [answer(request, { ...decision, remarks: reason === 'Overlap' ? { Overlap: message } : {} }, now)] }]
    }
    if (decision.state === 'Pending') return [{ steps: [answer(request, decision, now)] }]
    return verdict.kind === 'awaitsApproval'
      ? [{ steps: [answer(request, { state: 'AwaitingApproval', message: verdict.message }, now)] }]
      : [admitted(request, decision.spec, seen)]
  })
  const released = releasedOf(fleet.status?.released ?? [], members, fleet.spec.join.reuseAfterSeconds, now)
  const more = outcomes.flatMap(({ reserves }) => reserves ?? [])
  const reserved = withReserved(left, more)
  return {
    fleet: fleetStatus(fleet, released, reserved),
    reserves: new Set(more.map(({ clusterID }) => clusterID)),
    steps: [...outcomes.flatMap(({ steps }) => steps), ...grantSteps(seen, judged, decisions)],
    issue: outcomes.flatMap(({ issue }) => issue ?? []),
    next:
      decisions.size < all.size && more.length > 0
        ? again(0, 'others are let in first')
        : later([...released, ...reserved.filter(({ until }) => new Date(until) > now)], reserved.length > 0, seen),
  }
}

/** As many as there is room to reserve for, the oldest first. The others have no answer, and are judged again in a later run. */
function inTurn(decisions: Decisions, judged: readonly Judged[], room: number, { members, self, now }: JoinsSeen): Decisions {
  const reserving = judged.flatMap(({ request, verdict }) => {
    const decision = standingOf(verdict) === 'joins' ? decisions.get(request) : undefined
    if (decision?.state !== 'Admitted') return []
    return reservationFor(decision.spec, memberOf(request, members), self, now) === undefined ? [] : [request]
  })
  const late = new Set(reserving.slice(room))
  return new Map([...decisions].filter(([request]) => !late.has(request)))
}

type Judged = { readonly request: JoinRequest; readonly verdict: Verdict }
/** Of those who may join, and of those who may once they are approved. */
type Decisions = ReadonlyMap<JoinRequest, Decision>
type Outcome = { readonly steps: readonly Step[]; readonly issue?: Issue; readonly reserves?: Reservation }

function decide(judged: readonly Judged[], reserved: readonly Reservation[], seen: JoinsSeen): Decisions {
  const standing = Map.groupBy(judged, ({ verdict }) => standingOf(verdict))
  const those = (which: Standing) => (standing.get(which) ?? []).map(({ request }) => request)
  const misfits = [...those('joins'), ...those('waits')].flatMap((request) => {
    const misfit = newMisfit(request, seen)
    return misfit === undefined ? [] : [[request, { state: 'Refused', ...misfit }] as const]
  })
  const unfit = new Set(misfits.map(([request]) => request))
  const fitting = (which: Standing) => those(which).filter((request) => !unfit.has(request))
  return new Map<JoinRequest, Decision>([
    ...those('keeps').map((request) => [request, { state: 'Admitted', spec: grantedBy(request.spec) }] as const),
    ...misfits,
    ...byAddresses(fitting('joins'), fitting('waits'), reserved, seen),
  ])
}

function byAddresses(
  joining: readonly JoinRequest[],
  waiting: readonly JoinRequest[],
  reserved: readonly Reservation[],
  seen: JoinsSeen,
): Decisions {
  const {
    gateways,
    broker: { addresses, names },
  } = seen
  if (gateways.ok && addresses.ok)
    return admitAll(joining, waiting, groundOf({ ...seen, reserved, gateways: gateways.value }, addresses.value, names))
  const message = `The broker cannot read ${unread(seen)}, and lets nobody new in until it can: which addresses are to be kept free it does not know. If it lacks rights, its administrator can set them anew: tombolo deploy-broker.`
  return new Map([...joining, ...waiting].map((request) => [request, { state: 'Pending', reason: 'GroundUnknown', message }]))
}

/** Empty where all was read. */
const unread = ({ gateways, broker: { addresses } }: JoinsSeen): string =>
  [addresses, gateways].flatMap((read) => (read.ok ? [] : [read.error])).join(', nor ')

type Standing = 'keeps' | 'joins' | 'waits' | 'none'

/** A member that asks for what it has keeps it: nobody else's words can hold up its credentials. */
function standingOf(verdict: Verdict): Standing {
  switch (verdict.kind) {
    case 'mayJoin':
      return verdict.asItIs === true ? 'keeps' : 'joins'
    case 'awaitsApproval':
      return 'waits'
    case 'mayLeave':
    case 'refused':
    case 'failedAttempt':
      return 'none'
  }
}

function admitted(request: JoinRequest, granted: Granted, seen: JoinsSeen): Outcome {
  const { members, broker, now } = seen
  const member = memberOf(request, members)
  if (member?.metadata.deletionTimestamp !== undefined)
    return { steps: [pending(request, 'The earlier membership under this id is being removed.', now)] }
  const spec = { ...granted, requestedAt: askedAt(request, now) }
  const put: Step = { do: 'apply', kind: memberKind, object: memberObject(spec), have: member }
  if (member !== undefined && isProvisioned(member, granted))
    return { steps: [put], issue: { request, remarks: { ...skewRemark(request, broker.version), ...nameRemark(seen) } } }
  const reserves = reservationFor(granted, member, seen.self, now)
  const steps = [put, pending(request, 'Admitted; its namespace and account are being made.', now)]
  return reserves === undefined ? { steps } : { steps, reserves }
}

/** A member is told of a skew, and keeps what it has: it is on its way to another version. */
function skewRemark({ spec }: JoinRequest, version: string): Remarks {
  const skew = skewOf(spec, version)
  return skew === undefined ? {} : { VersionSkewed: skew }
}

function nameRemark({ grants, broker: { names } }: JoinsSeen): Remarks {
  const [unknown] = namesIn(grants).filter((name) => (names.get(name) ?? []).length === 0)
  return unknown === undefined
    ? {}
    : {
        BrokerNameUnknown: `Members reach the broker as ${unknown}, of which DNS knows no address in the broker's cluster: nobody looks after a member having it. Let the name be known there too.`,
      }
}

function newMisfit(request: JoinRequest, { fleet, members, broker }: JoinsSeen): Refusal | undefined {
  if (memberOf(request, members) !== undefined) return undefined
  return misfitOf(request.spec, {
    version: broker.version,
    cables: fleet.spec.join.cables,
    members: members.filter(isAdmitted).map(({ spec }) => spec),
  })
}

/** A refusal is final for what was asked: nobody becomes a member hours later because another one left. Joining again asks anew. */
const isFinal = ({ status }: JoinRequest): boolean =>
  status?.state === 'Refused' || status?.state === 'Left' || (status?.state === 'Admitted' && status.credentials !== undefined)

/** Whoever asks wrote it; only of what is nothing else is read. */
const isWellFormed = (request: JoinRequest): boolean => joinRequest.parse(request).ok

function judgeOne(request: JoinRequest, { fleet, grants, members, placed, now }: JoinsSeen): Verdict {
  const id = request.metadata.name
  const grant = grants.find((g) => g.metadata.name === id)
  return judge(request, {
    member: members.find((m) => m.metadata.name === id && m.metadata.deletionTimestamp === undefined),
    grant: grant === undefined ? undefined : { spec: grant.spec, facts: factsOf(grant, placed.has(id)) },
    approval: fleet.spec.join.approval,
    pools: fleet.spec.join.addresses ?? [],
    now,
  })
}

/** Answers to those about whom nothing is to be decided. */
function unproven(request: JoinRequest, verdict: Verdict, members: readonly Member[], now: Date): readonly Outcome[] {
  switch (verdict.kind) {
    case 'mayJoin':
    case 'awaitsApproval':
      return []
    case 'mayLeave': {
      const member = memberOf(request, members)
      const gone = member === undefined ? [] : [deleteStep(memberKind, member)]
      return [{ steps: [answer(request, { state: 'Left', message: 'It is a member no more.' }, now), ...gone] }]
    }
    case 'refused':
    case 'failedAttempt':
      return [{ steps: [answer(request, { state: 'Refused', message: verdict.message }, now)] }]
  }
}

function grantSteps(
  { grants, placed, requests, members, now }: JoinsSeen,
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

function fleetStatus(
  { status, metadata }: Fleet,
  released: readonly Released[],
  reserved: readonly Reservation[],
): JoinsPlan['fleet'] {
  const { released: _, reserved: __, ...others } = status ?? {}
  return {
    ...others,
    // Never empty: of a status whose last field is taken away, server-side apply makes null, which the apiserver then refuses.
    observedGeneration: metadata.generation ?? 0,
    ...(released.length === 0 ? {} : { released: [...released] }),
    ...(reserved.length === 0 ? {} : { reserved: [...reserved] }),
  }
}

/** Not later than our own clock allows: a clock that was far ahead once must not lock its cluster out for as long. */
const askedAt = ({ spec }: JoinRequest, now: Date): string =>
  time(new Date(Math.min(new Date(spec.requestedAt).getTime(), now.getTime() + toleratedSkewMs)))

const memberOf = (request: JoinRequest, members: readonly Member[]): Member | undefined =>
  members.find((m) => m.metadata.name === request.metadata.name)

const memberObject = (spec: Omit<Member['spec'], 'state'>) => ({
  apiVersion: memberKind.apiVersion,
  kind: memberKind.kind,
  metadata: { name: spec.clusterID, namespace: brokerNamespace, labels: { ...managedBy, [clusterIDLabel]: spec.clusterID } },
  spec,
})

/** Whether all of the member exists, with the addresses decided now and not with those before. */
const isProvisioned = ({ metadata, spec, status }: Member, decided: Omit<Member['spec'], 'state'>): boolean =>
  isTrue(status?.conditions, provisioned) &&
  status?.observedGeneration === metadata.generation &&
  sameIdentity(spec.identity, decided.identity) &&
  sameAddresses(spec, decided)

const pending = (request: JoinRequest, message: string, now: Date): Step => answer(request, { state: 'Pending', message }, now)

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

/** How soon to look again at what no watch tells of. */
const lookAgainMs = 10_000

/** Nothing tells when time has passed, nor when another takes back what it reserved. */
function later(kept: readonly { readonly until: string }[], reserved: boolean, seen: JoinsSeen): Next {
  const { grants, now } = seen
  if (unread(seen) !== '') return again(lookAgainMs, `the broker cannot read ${unread(seen)}`)
  const open = grants.map((g) => factsOf(g, true)).filter((facts) => facts.usedBy === undefined && endOf(facts) > now)
  const expiresMs = soonest(
    open.map((facts) => ({ until: time(endOf(facts)) })),
    now,
  )
  const times = [soonest(kept, now), expiresMs, reserved ? lookAgainMs : undefined].filter((ms) => ms !== undefined)
  return times.length === 0 ? settled : again(Math.min(...times) + 100, 'addresses and grants change with time')
}
