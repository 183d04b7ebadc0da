// What a Member consists of on the broker: its namespace, its account with its rights, and the addresses it was admitted with.
import type { Allocation } from '#crds/allocation.ts'
import type { Member } from '#crds/member.ts'
import {
  allocationName,
  brokerNamespace,
  clusterIDLabel,
  managedBy,
  memberAccount,
  memberFleetRole,
  memberLabel,
  memberNamespace,
  memberReadRole,
  memberWriteRole,
} from '#crds/places.ts'
import type { TrafficDefault } from '#crds/service-traffic-policy.ts'
import { memberLevel, memberQuota, memberSchema } from '#broker/install/limits.ts'
import { clusterRoleBinding, roleBinding } from '#broker/install/rbac.ts'
import type {
  ClusterRoleBinding,
  FlowSchema,
  Namespace,
  PriorityLevelConfiguration,
  ResourceQuota,
  RoleBinding,
  ServiceAccount,
} from '#lib/kube/kinds.ts'
import type { Key, Wanted } from '#lib/kube/object.ts'
import type { Draining } from './addresses.ts'
import type { Exports } from './exports.ts'
import { exportsOf } from './exports.ts'

export type MemberObjects = {
  readonly namespace: Wanted<Namespace>
  readonly allocation: Wanted<Allocation>
  /** How much it may write. */
  readonly quota: Wanted<ResourceQuota>
  readonly account: Wanted<ServiceAccount>
  /** In its own namespace: what it may write. */
  readonly writes: Wanted<RoleBinding>
  /** Everywhere: what it may read of the others. */
  readonly reads: Wanted<ClusterRoleBinding>
  /** In the broker's namespace: the Fleet. */
  readonly readsFleet: Wanted<RoleBinding>
  /** Of the apiserver: how much it may ask at once. */
  readonly level: Wanted<PriorityLevelConfiguration>
  /** That it is the member who asks there. */
  readonly schema: Wanted<FlowSchema>
}

/**
 * `draining`: what it had before and may still use. `exports`: the names it may export, as in a fleet without grants unless given. `traffic`:
 * the fleet's.
 */
export function memberObjects(
  { spec }: Pick<Member, 'spec'>,
  draining: readonly Draining[] = [],
  exports: Exports = exportsOf(spec.clusterID, [], 'Allow'),
  traffic?: TrafficDefault,
): MemberObjects {
  const { clusterID } = spec
  const namespace = memberNamespace(clusterID)
  const labels = { ...managedBy, [clusterIDLabel]: clusterID }
  const still = (use: Draining['use']) => draining.filter((d) => d.use === use).map(({ cidr }) => cidr)
  const subjects = [{ kind: 'ServiceAccount', name: memberAccount, namespace }]
  return {
    namespace: {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: namespace, labels: { ...labels, [memberLabel]: 'true' } },
    },
    allocation: {
      apiVersion: 'tombolo.dev/v1alpha1',
      kind: 'Allocation',
      metadata: { name: allocationName, namespace, labels },
      spec: {
        clusterID,
        podCIDRs: [...spec.podCIDRs, ...still('Pods')],
        serviceCIDRs: [...spec.serviceCIDRs, ...still('Services')],
        ...(draining.length === 0 ? {} : { draining: draining.map(({ cidr }) => cidr) }),
        state: spec.state,
        ...(spec.relay === undefined ? {} : { relay: spec.relay }),
        exports,
        ...(traffic === undefined ? {} : { traffic }),
        identity: spec.identity,
      },
    },
    quota: {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: memberAccount, namespace, labels },
      spec: { hard: { ...memberQuota } },
    },
    account: { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: memberAccount, namespace, labels } },
    writes: roleBinding(namespace, memberWriteRole, { kind: 'ClusterRole', name: memberWriteRole }, subjects, labels),
    reads: clusterRoleBinding(namespace, memberReadRole, subjects, labels),
    readsFleet: roleBinding(brokerNamespace, namespace, { kind: 'Role', name: memberFleetRole }, subjects, labels),
    level: memberLevel(clusterID),
    schema: memberSchema(clusterID),
  }
}

/** Where each of them is, also when the Member is gone and only its id is known. */
export function memberKeys(clusterID: string): Readonly<Record<keyof MemberObjects, Key>> {
  const namespace = memberNamespace(clusterID)
  return {
    namespace: { name: namespace },
    allocation: { namespace, name: allocationName },
    quota: { namespace, name: memberAccount },
    account: { namespace, name: memberAccount },
    writes: { namespace, name: memberWriteRole },
    reads: { name: namespace },
    readsFleet: { namespace: brokerNamespace, name: namespace },
    level: { name: namespace },
    schema: { name: namespace },
  }
}
