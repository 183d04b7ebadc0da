// Who may do what in a member cluster, one table a component. Nothing here grants reading Secrets but our own, by name.
import { clusterIDProperty, clustersetProperty } from '#crds/cluster-property.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import {
  brokerSecretName,
  identitySecretName,
  managedBy,
  membershipName,
  pairKeysSecretName,
  systemNamespace,
  trustBundleName,
} from '#crds/places.ts'
import { mcsRules } from '#operator/mcs/rbac.ts'
import { nameOf } from './pod.ts'

export type PolicyRule = {
  readonly apiGroups: readonly string[]
  readonly resources: readonly string[]
  readonly verbs: readonly string[]
  readonly resourceNames?: readonly string[]
}

type Account = {
  readonly name: string
  /** Rights in every namespace. */
  readonly cluster: readonly PolicyRule[]
  /** Rights in `tombolo-system`. */
  readonly system: readonly PolicyRule[]
  /** Rights in `kube-system`. */
  readonly kubeSystem: readonly PolicyRule[]
}

const read = ['get', 'list', 'watch'] as const
const write = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete'] as const
const tombolo = ['tombolo.dev'] as const
/**
 * By their names: no other can be made or changed by it. Of `create` an apiserver knows the name where it is in the request's path, as in
 * server-side apply.
 */
const keep = (group: string, resource: string, ...resourceNames: readonly string[]): PolicyRule => ({
  apiGroups: [group],
  resources: [resource],
  resourceNames,
  verbs: ['create', 'patch', 'delete'],
})
/** To lead or to follow. Whoever takes a gateway must not keep the operator from leading. */
const lead = (name: string): readonly PolicyRule[] => [
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], resourceNames: [name], verbs: ['get', 'update'] },
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create'] },
]
const events: PolicyRule = { apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['create', 'patch'] }

const accounts: readonly Account[] = [
  {
    name: 'tombolo-operator',
    cluster: [
      ...mcsRules,
      { apiGroups: ['about.k8s.io'], resources: ['clusterproperties'], verbs: read },
      keep('about.k8s.io', 'clusterproperties', clusterIDProperty, clustersetProperty),
      { apiGroups: [''], resources: ['nodes'], verbs: read },
      events,
    ],
    system: [
      { apiGroups: tombolo, resources: ['memberships'], verbs: read },
      {
        apiGroups: tombolo,
        resources: ['memberships', 'memberships/status', 'memberships/finalizers'],
        resourceNames: [membershipName],
        verbs: ['get', 'update', 'patch'],
      },
      { apiGroups: tombolo, resources: ['allocations', 'gatewayendpoints'], verbs: write },
      { apiGroups: tombolo, resources: ['gatewayendpoints/status', 'allocations/status'], verbs: ['get', 'update', 'patch'] },
      { apiGroups: tombolo, resources: ['trustbundles'], verbs: read },
      keep('tombolo.dev', 'trustbundles', trustBundleName),
      // The gateways ask, and it brings the answer; on leaving it takes what they asked away.
      { apiGroups: tombolo, resources: ['gatewaycertificates'], verbs: [...read, 'delete'] },
      { apiGroups: tombolo, resources: ['gatewaycertificates/status'], verbs: ['get', 'update', 'patch'] },
      { apiGroups: ['apps'], resources: ['daemonsets', 'deployments'], verbs: read },
      keep('apps', 'daemonsets', ...(['gateway', 'agent', 'cleanup'] as const).map(nameOf)),
      keep('apps', 'deployments', nameOf('dns')),
      // `list` and `watch` with a name are granted by a field selector on that name.
      {
        apiGroups: [''],
        resources: ['secrets'],
        resourceNames: [brokerSecretName],
        verbs: ['get', 'list', 'watch', 'update', 'patch'],
      },
      { apiGroups: [''], resources: ['secrets'], resourceNames: [identitySecretName], verbs: ['get'] },
      // `create` with a name is granted where the name is in the request's path, as in server-side apply.
      {
        apiGroups: [''],
        resources: ['secrets'],
        resourceNames: [pairKeysSecretName],
        verbs: ['get', 'list', 'watch', 'create', 'patch'],
      },
      ...lead(nameOf('operator')),
    ],
    kubeSystem: [
      {
        apiGroups: [''],
        resources: ['configmaps'],
        resourceNames: ['coredns'],
        verbs: ['get', 'list', 'watch', 'update', 'patch'],
      },
      {
        apiGroups: [''],
        resources: ['configmaps'],
        resourceNames: ['coredns-custom'],
        verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'],
      },
      { apiGroups: ['apps'], resources: ['deployments'], resourceNames: ['coredns'], verbs: ['get', 'list', 'watch', 'patch'] },
    ],
  },
  {
    name: 'tombolo-gateway',
    // Their addresses: no other cluster may have routes to them.
    cluster: [{ apiGroups: [''], resources: ['nodes'], verbs: read }],
    system: [
      { apiGroups: tombolo, resources: ['allocations', 'memberships'], verbs: read },
      { apiGroups: [''], resources: ['secrets'], resourceNames: [pairKeysSecretName], verbs: read },
      { apiGroups: tombolo, resources: ['gatewayendpoints'], verbs: write },
      { apiGroups: tombolo, resources: ['gatewayendpoints/status'], verbs: ['get', 'update', 'patch'] },
      { apiGroups: tombolo, resources: ['gatewaycertificates'], verbs: [...read, 'create', 'patch'] },
      { apiGroups: tombolo, resources: ['trustbundles'], verbs: read },
      ...lead(nameOf('gateway')),
    ],
    kubeSystem: [],
  },
  {
    name: 'tombolo-agent',
    cluster: [{ apiGroups: [''], resources: ['nodes'], verbs: read }],
    system: [{ apiGroups: tombolo, resources: ['allocations', 'gatewayendpoints', 'memberships'], verbs: read }],
    kubeSystem: [],
  },
  {
    name: 'tombolo-dns',
    cluster: [
      { apiGroups: ['multicluster.x-k8s.io'], resources: ['serviceimports'], verbs: read },
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: read },
      { apiGroups: [''], resources: ['namespaces', 'services'], verbs: read },
    ],
    system: [],
    kubeSystem: [],
  },
]

/** Accounts, roles and bindings of every component. */
export const rolesOf = (): readonly KubeObject[] => accounts.flatMap(objectsOf)

function objectsOf(account: Account): readonly KubeObject[] {
  const { name } = account
  const subjects = [{ kind: 'ServiceAccount', name, namespace: systemNamespace }]
  const namespaced = [
    [systemNamespace, account.system],
    ['kube-system', account.kubeSystem],
  ] as const
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: systemNamespace, labels: { ...managedBy } } },
    ...(account.cluster.length === 0
      ? []
      : [
          { apiVersion: rbac, kind: 'ClusterRole', metadata: { name, labels: { ...managedBy } }, rules: account.cluster },
          {
            apiVersion: rbac,
            kind: 'ClusterRoleBinding',
            metadata: { name, labels: { ...managedBy } },
            roleRef: roleRef('ClusterRole', name),
            subjects,
          },
        ]),
    ...namespaced
      .filter(([, rules]) => rules.length > 0)
      .flatMap(([namespace, rules]) => [
        { apiVersion: rbac, kind: 'Role', metadata: { name, namespace, labels: { ...managedBy } }, rules },
        {
          apiVersion: rbac,
          kind: 'RoleBinding',
          metadata: { name, namespace, labels: { ...managedBy } },
          roleRef: roleRef('Role', name),
          subjects,
        },
      ]),
  ]
}

const rbac = 'rbac.authorization.k8s.io/v1'
const roleRef = (kind: 'ClusterRole' | 'Role', name: string) => ({ apiGroup: 'rbac.authorization.k8s.io', kind, name })
