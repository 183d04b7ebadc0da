// The place where a cluster may ask is there for as long as it has a grant that is answered, waits for approval or is a member, and goes with
// both: the account's tokens die with it.
import type { JoinGrant } from '#crds/join-grant.ts'
import type { Member } from '#crds/member.ts'
import { again, settled } from '#lib/kube/controller.ts'
import type { Namespace, RoleBinding, ServiceAccount } from '#lib/kube/kinds.ts'
import { namespaces, roleBindings, serviceAccounts } from '#lib/kube/kinds.ts'
import type { Plan } from '#lib/kube/plan.ts'
import { deleteStep } from '#lib/kube/plan.ts'
import { joiningObjects } from './objects.ts'
import { endOf, factsOf, isAnswered } from './state.ts'

export type PlaceSeen = {
  readonly clusterID: string
  readonly grant: JoinGrant | undefined
  readonly member: Member | undefined
  readonly namespace: Namespace | undefined
  readonly account: ServiceAccount | undefined
  readonly asks: RoleBinding | undefined
  readonly now: Date
}

export function planPlace({ clusterID, grant, member, namespace, account, asks, now }: PlaceSeen): Plan {
  const isMember = member !== undefined && member.metadata.deletionTimestamp === undefined
  const facts = grant === undefined ? undefined : factsOf(grant, true)
  // A grant that is open already lets nobody keep the tokens of a member that goes: after it the place is made anew, for another grant's line.
  const granted = member === undefined && facts !== undefined && isAnswered(facts, now)
  if (!isMember && !granted) {
    if (namespace === undefined || namespace.metadata.deletionTimestamp !== undefined) return { steps: [], next: settled }
    // The account first: its token is dead while the namespace is being emptied. And its right, as an apiserver takes a token that it has
    // just taken for some seconds more.
    const doomed = [
      ...(account === undefined ? [] : [{ kind: serviceAccounts, object: account }]),
      ...(asks === undefined ? [] : [{ kind: roleBindings, object: asks }]),
      { kind: namespaces, object: namespace },
    ]
    return { steps: doomed.map(({ kind, object }) => deleteStep(kind, object)), next: settled }
  }
  if (namespace?.metadata.deletionTimestamp !== undefined)
    return { steps: [], next: again(1000, 'an earlier one is being removed; it is made anew after that') }
  const want = joiningObjects(clusterID)
  const steps: Plan['steps'] = [
    { do: 'apply', kind: namespaces, object: want.namespace, have: namespace },
    { do: 'apply', kind: serviceAccounts, object: want.account, have: account },
    { do: 'apply', kind: roleBindings, object: want.asks, have: asks },
  ]
  // Nothing tells when time has passed.
  const leftMs = isMember || facts === undefined ? undefined : endOf(facts).getTime() - now.getTime()
  return { steps, next: leftMs === undefined ? settled : again(Math.max(leftMs, 0) + 100, 'the grant is good for a time') }
}
