// Keeps what a Member consists of, and takes all of it away when the Member goes: the account first, so that its token is dead
// while the rest is being removed.
import type { Allocation } from '#crds/allocation.ts'
import { allocation } from '#crds/allocation.ts'
import type { ExportGrant } from '#crds/export-grant.ts'
import type { Fleet } from '#crds/fleet.ts'
import type { JoinRequest } from '#crds/join-request.ts'
import type { Member } from '#crds/member.ts'
import { member as memberKind } from '#crds/member.ts'
import { sameIdentity } from '#lib/identity/identity.ts'
import { conditionOf, setConditions } from '#lib/kube/conditions.ts'
import { again, settled } from '#lib/kube/controller.ts'
import type {
  ClusterRoleBinding,
  FlowSchema,
  Namespace,
  PriorityLevelConfiguration,
  ResourceQuota,
  RoleBinding,
  ServiceAccount,
} from '#lib/kube/kinds.ts'
import {
  clusterRoleBindings,
  flowSchemas,
  namespaces,
  priorityLevelConfigurations,
  resourceQuotas,
  roleBindings,
  serviceAccounts,
} from '#lib/kube/kinds.ts'
import type { Kind, KubeObject, Wanted } from '#lib/kube/object.ts'
import { keyOf } from '#lib/kube/object.ts'
import type { Plan, Step } from '#lib/kube/plan.ts'
import { deleteStep } from '#lib/kube/plan.ts'
import type { Draining } from './addresses.ts'
import { drainingOf, isDraining, isReleased, soonest } from './addresses.ts'
import type { Exports } from './exports.ts'
import { exportsOf } from './exports.ts'
import { memberObjects } from './objects.ts'

/** Condition: everything on the broker that the member needs exists. */
export const provisioned = 'Provisioned'
/** Condition of a JoinRequest and of the Member that made it: the addresses it asks for are somebody else's. */
const overlapping = 'Overlap'

export type MemberSeen = {
  /** Undefined: it is gone, what is left of it must go too. */
  readonly member: Member | undefined
  /** Undefined before the store has it: addresses do not change hands until then. */
  readonly fleet: Fleet | undefined
  /** Of all members. */
  readonly exportGrants: readonly ExportGrant[]
  /** What its cluster last asked for, perhaps by another identity. */
  readonly request: JoinRequest | undefined
  readonly namespace: Namespace | undefined
  readonly account: ServiceAccount | undefined
  readonly quota: ResourceQuota | undefined
  readonly allocation: Allocation | undefined
  readonly writes: RoleBinding | undefined
  readonly reads: ClusterRoleBinding | undefined
  readonly readsFleet: RoleBinding | undefined
  readonly level: PriorityLevelConfiguration | undefined
  readonly schema: FlowSchema | undefined
  readonly now: Date
}

export type MemberPlan = Plan & {
  /** What our finalizer must be after the steps: it is on while there is anything to take away. */
  readonly finalizer: 'keep' | 'release'
}

export function planMember(seen: MemberSeen): MemberPlan {
  return seen.member === undefined || seen.member.metadata.deletionTimestamp !== undefined
    ? planRemoval(seen)
    : planPresence(seen.member, seen)
}

function planPresence(member: Member, seen: MemberSeen): MemberPlan {
  const draining = drainingOf(member, seen.allocation, seen.fleet?.spec.join.drainSeconds ?? 0, seen.now)
  const still = draining.filter((d) => isDraining(d, seen.now))
  // Like what it may export it stays as it is while there is no Fleet to say it.
  const { traffic } = (seen.fleet ?? seen.allocation)?.spec ?? {}
  const want = memberObjects(member, still, exportsNow(member, seen), traffic)
  if (seen.namespace?.metadata.deletionTimestamp !== undefined)
    return { steps: [], finalizer: 'keep', next: again(1000, 'its namespace is being removed; it is made anew after that') }
  const quotaMs = quotaWait(seen)
  const steps: readonly Step[] = [
    put(namespaces, want.namespace, seen.namespace),
    // Before the account: the admission policies refuse everything while there is no Allocation, never the other way round.
    put(allocation, want.allocation, seen.allocation),
    // And its queue, from its first request on. A schema that names no level is passed over, so the level is there before and after it.
    put(priorityLevelConfigurations, want.level, seen.level),
    put(flowSchemas, want.schema, seen.schema),
    put(serviceAccounts, want.account, seen.account),
    put(roleBindings, want.writes, seen.writes),
    ...(quotaMs === 0 ? [put(resourceQuotas, want.quota, seen.quota)] : []),
    put(clusterRoleBindings, want.reads, seen.reads),
    put(roleBindings, want.readsFleet, seen.readsFleet),
    presentStatus(member, seen.request, draining, seen.now),
  ]
  // Nothing tells when time has passed.
  const waits = [
    { ms: soonest(still, seen.now), because: 'addresses that it gave up are draining' },
    { ms: quotaMs === 0 ? undefined : quotaMs, because: 'the broker is too young for quotas' },
  ].flatMap(({ ms, because }) => (ms === undefined ? [] : [{ ms, because }]))
  const [first] = waits.toSorted((a, b) => a.ms - b.ms)
  return {
    steps,
    finalizer: 'keep',
    next: first === undefined ? settled : again(first.ms + 100, first.because),
  }
}

/** Without the Fleet what holds for names that no grant names stays as it is; a member that is new then may export what is granted to it. */
function exportsNow({ spec }: Member, { fleet, exportGrants, allocation: had }: MemberSeen): Exports {
  return exportsOf(spec.clusterID, exportGrants, fleet?.spec.exports.ungranted ?? had?.spec.exports.ungranted ?? 'Deny')
}

/** How long a kind is at most unknown to the quota controller, which looks for new ones twice a minute. */
const kindsKnownMs = 60_000

/**
 * In ms. A quota on a kind that its controller does not know yet refuses every object of it until that controller's next full round, five
 * minutes later: the first members of a new broker could not publish a thing. The Fleet is as old as our kinds are.
 */
function quotaWait({ fleet, now }: MemberSeen): number {
  if (fleet === undefined) return kindsKnownMs
  return Math.max(0, new Date(fleet.metadata.creationTimestamp ?? 0).getTime() + kindsKnownMs - now.getTime())
}

function planRemoval(seen: MemberSeen): MemberPlan {
  const steps = [
    drop(serviceAccounts, seen.account),
    drop(clusterRoleBindings, seen.reads),
    drop(roleBindings, seen.readsFleet),
    drop(roleBindings, seen.writes),
    drop(allocation, seen.allocation),
    drop(flowSchemas, seen.schema),
    drop(priorityLevelConfigurations, seen.level),
    drop(namespaces, seen.namespace),
  ].flat()
  if (seen.namespace !== undefined || seen.allocation !== undefined)
    return { steps, finalizer: 'keep', next: again(2000, 'its namespace is being removed') }
  const { member, fleet } = seen
  // Until the joins controller has put its addresses on record nobody may see them free.
  const recorded =
    member === undefined ||
    fleet === undefined ||
    isReleased(member, fleet.status?.released ?? [], fleet.spec.join.reuseAfterSeconds)
  return recorded
    ? { steps, finalizer: 'release', next: settled }
    : { steps, finalizer: 'keep', next: again(1000, 'its addresses are not on record as released yet') }
}

/** Of other addresses that it asked for and was refused, in the words of the refusal. It keeps those it has. */
function overlapOf({ spec }: Member, request: JoinRequest | undefined): string | undefined {
  const said = conditionOf(request?.status?.conditions, overlapping)
  if (request === undefined || said?.status !== 'True' || !sameIdentity(spec.identity, request.spec.identity)) return undefined
  return `It asked for other addresses and keeps those it has: ${said.message}`
}

const put = <T extends KubeObject>(kind: Kind<T>, object: Wanted<T>, have: T | undefined): Step => ({
  do: 'apply',
  kind,
  object: object,
  have,
})

/** Once: what is going already needs no second push. */
const drop = <T extends KubeObject>(kind: Kind<T>, have: T | undefined): readonly Step[] =>
  have === undefined || have.metadata.deletionTimestamp !== undefined ? [] : [deleteStep(kind, have)]

function presentStatus(member: Member, request: JoinRequest | undefined, draining: readonly Draining[], now: Date): Step {
  const observedGeneration = member.metadata.generation ?? 0
  const made = { reason: 'Provisioned', message: 'Its namespace, account, rights and addresses exist.', observedGeneration }
  const overlap = overlapOf(member, request)
  const conditions = setConditions(
    // There as long as the request that it is about.
    member.status?.conditions?.filter(({ type }) => type !== overlapping || overlap !== undefined),
    [
      ...(overlap === undefined
        ? []
        : [{ type: overlapping, status: 'True' as const, reason: overlapping, message: overlap, observedGeneration }]),
      { type: provisioned, status: 'True', ...made },
      member.spec.state === 'Admitted'
        ? { type: 'Ready', status: 'True', ...made }
        : {
            type: 'Ready',
            status: 'False',
            reason: 'Quarantined',
            message: `Nothing of it is routed or imported anywhere. To let it back: tombolo quarantine ${member.spec.clusterID} --lift.`,
            observedGeneration,
          },
    ],
    now,
  )
  const status = { observedGeneration, ...(draining.length === 0 ? {} : { draining }), conditions }
  return { do: 'status', kind: memberKind, key: keyOf(member), status, have: member }
}
