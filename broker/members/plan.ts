// Keeps what a Member consists of, and takes all of it away when the Member goes: the account first, so that its token is dead
// while the rest is being removed.
import type { Allocation } from '#crds/allocation.ts'
import { allocation } from '#crds/allocation.ts'
import type { JoinRequest } from '#crds/join-request.ts'
import { joinRequest } from '#crds/join-request.ts'
import type { Member } from '#crds/member.ts'
import { member as memberKind } from '#crds/member.ts'
import { setConditions } from '#lib/kube/conditions.ts'
import { again, settled } from '#lib/kube/controller.ts'
import type { ClusterRoleBinding, Namespace, RoleBinding, ServiceAccount } from '#lib/kube/kinds.ts'
import { clusterRoleBindings, namespaces, roleBindings, serviceAccounts } from '#lib/kube/kinds.ts'
import type { Kind, KubeObject, Wanted } from '#lib/kube/object.ts'
import { keyOf } from '#lib/kube/object.ts'
import type { Plan, Step } from '#lib/kube/plan.ts'
import { memberObjects } from './objects.ts'

/** Condition: everything on the broker that the member needs exists. */
export const provisioned = 'Provisioned'

export type MemberSeen = {
  /** Undefined: it is gone, what is left of it must go too. */
  readonly member: Member | undefined
  readonly request: JoinRequest | undefined
  readonly namespace: Namespace | undefined
  readonly account: ServiceAccount | undefined
  readonly allocation: Allocation | undefined
  readonly writes: RoleBinding | undefined
  readonly reads: ClusterRoleBinding | undefined
  readonly fleet: RoleBinding | undefined
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
  const want = memberObjects(member)
  if (seen.namespace?.metadata.deletionTimestamp !== undefined)
    return { steps: [], finalizer: 'keep', next: again(1000, 'its namespace is being removed; it is made anew after that') }
  const steps: readonly Step[] = [
    put(namespaces, want.namespace, seen.namespace),
    // Before the account: the admission policies refuse everything while there is no Allocation, never the other way round.
    put(allocation, want.allocation, seen.allocation),
    put(serviceAccounts, want.account, seen.account),
    put(roleBindings, want.writes, seen.writes),
    put(clusterRoleBindings, want.reads, seen.reads),
    put(roleBindings, want.fleet, seen.fleet),
    provisionedStatus(member, seen.now),
  ]
  return { steps, finalizer: 'keep', next: settled }
}

function planRemoval(seen: MemberSeen): MemberPlan {
  const steps = [
    drop(serviceAccounts, seen.account),
    drop(clusterRoleBindings, seen.reads),
    drop(roleBindings, seen.fleet),
    drop(roleBindings, seen.writes),
    drop(allocation, seen.allocation),
    drop(namespaces, seen.namespace),
    // Or it would be admitted again.
    drop(joinRequest, seen.request),
  ].flat()
  return seen.namespace === undefined && seen.allocation === undefined
    ? { steps, finalizer: 'release', next: settled }
    : { steps, finalizer: 'keep', next: again(2000, 'its namespace is being removed') }
}

const put = <T extends KubeObject>(kind: Kind<T>, object: Wanted<T>, have: T | undefined): Step => ({
  do: 'apply',
  kind,
  object: object,
  have,
})

/** This incarnation only, and once: what is going already needs no second push. */
const drop = <T extends KubeObject>(kind: Kind<T>, have: T | undefined): readonly Step[] =>
  have === undefined || have.metadata.deletionTimestamp !== undefined
    ? []
    : [{ do: 'delete', kind, key: keyOf(have), ...(have.metadata.uid === undefined ? {} : { uid: have.metadata.uid }) }]

function provisionedStatus(member: Member, now: Date): Step {
  const observedGeneration = member.metadata.generation ?? 0
  const said = { reason: 'Provisioned', message: 'Its namespace, account, rights and addresses exist.', observedGeneration }
  const conditions = setConditions(
    member.status?.conditions,
    [
      { type: provisioned, status: 'True', ...said },
      { type: 'Ready', status: 'True', ...said },
    ],
    now,
  )
  const status = { observedGeneration, conditions }
  return { do: 'status', kind: memberKind, key: keyOf(member), status, have: member }
}
