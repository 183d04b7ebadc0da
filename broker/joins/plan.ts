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
import type { JoinRequest } from '#crds/join-request.ts'
import type { Member } from '#crds/member.ts'
import { member as memberKind } from '#crds/member.ts'
import { toleratedSkewMs } from '#crds/rules/tokens.ts'
import { brokerNamespace, clusterIDLabel, managedBy } from '#crds/places.ts'
import { sameIdentity } from '#lib/identity/identity.ts'
import { isTrue } from '#lib/kube/conditions.ts'
import type { Next } from '#lib/kube/controller.ts'
import { again, settled } from '#lib/kube/controller.ts'
import { time } from '#lib/kube/time.ts'
import type { Plan, Step } from '#lib/kube/plan.ts'
import { deleteStep } from '#lib/kube/plan.ts'
import { endOf, factsOf } from '#broker/grants/state.ts'
import type { Released } from '#broker/members/addresses.ts'
import { releasedOf, soonest } from '#broker/members/addresses.ts'
import { provisioned } from '#broker/members/plan.ts'
import type { Decision, Decisions, Granted, Refusal } from './admit.ts'
import { admitAll, byAge, grantedBy } from './admit.ts'
import type { Remarks } from './answer.ts'
import { answer, pending } from './answer.ts'
import { misfitOf, skewOf } from './fit.ts'
import { grantSteps } from './grant-status.ts'
import { groundOf, isAdmitted, namesIn } from './ground.ts'
import type { Judged, Verdict } from './judge.ts'
import { judge, memberOf, sameAddresses } from './judge.ts'
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
