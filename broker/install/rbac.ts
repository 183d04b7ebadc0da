// Who may do what on the broker. Members get two fixed ClusterRoles, bound to each account by the controller: one bound in the
// member's own namespace only (the writes), one bound everywhere (the reads). Whoever may ask to join gets a third one, bound in a
// namespace of its own. The controller holds none of those rights: it may `bind` exactly these roles, and make tokens of accounts of two
// names, which it hands out sealed (broker/joins/issue.ts). Rights know no pattern for a namespace or a name: that it touches no others
// than it made is for the admission policies to say (crds/rules/controller.ts).
import {
  allocationName,
  brokerNamespace,
  controllerName,
  fleetCASecretName,
  heartbeatName,
  joinerAccount,
  joinerRole,
  managedBy,
  memberAccount,
  memberFleetRole,
  memberReadRole,
  memberWriteRole,
} from '#crds/places.ts'

type Rule = {
  readonly apiGroups: readonly string[]
  readonly resources: readonly string[]
  readonly verbs: readonly string[]
  readonly resourceNames?: readonly string[]
}

const read = ['get', 'list', 'watch'] as const
const change = ['create', 'update', 'patch', 'delete'] as const
const write = [...read, ...change] as const
const status = ['get', 'update', 'patch'] as const
const tombolo = ['tombolo.dev'] as const
const rbac = ['rbac.authorization.k8s.io'] as const
const core = [''] as const

const ownKinds = ['gatewayendpoints', 'exportedservices', 'exportedendpoints'] as const

/** Every member reads these of every other. No Secret is among them, and never will be one. */
const memberReads: readonly Rule[] = [{ apiGroups: tombolo, resources: ['allocations', ...ownKinds], verbs: read }]

/** In its own namespace alone; the admission policies bind the content. */
const memberWrites: readonly Rule[] = [
  { apiGroups: tombolo, resources: ownKinds, verbs: write },
  { apiGroups: tombolo, resources: ownKinds.map((kind) => `${kind}/status`), verbs: status },
  // `create` with a name is granted where the name is in the request's path, as in server-side apply.
  {
    apiGroups: ['coordination.k8s.io'],
    resources: ['leases'],
    resourceNames: [heartbeatName],
    verbs: ['get', 'create', 'update', 'patch'],
  },
  // Of its own gateways alone, and never the answer: that is the controller's.
  { apiGroups: tombolo, resources: ['gatewaycertificates'], verbs: write },
]

const joinerWrites: readonly Rule[] = [{ apiGroups: tombolo, resources: ['joinrequests'], verbs: ['get', 'create', 'delete'] }]

const memberFleetReads: readonly Rule[] = [{ apiGroups: tombolo, resources: ['fleets', 'trustbundles'], verbs: read }]

const controllerEverywhere: readonly Rule[] = [
  { apiGroups: core, resources: ['namespaces'], verbs: write },
  { apiGroups: core, resources: ['serviceaccounts', 'resourcequotas'], verbs: read },
  { apiGroups: core, resources: ['serviceaccounts'], resourceNames: [memberAccount, joinerAccount], verbs: change },
  { apiGroups: core, resources: ['resourcequotas'], resourceNames: [memberAccount], verbs: change },
  { apiGroups: core, resources: ['serviceaccounts/token'], resourceNames: [memberAccount, joinerAccount], verbs: ['create'] },
  { apiGroups: tombolo, resources: ['allocations', 'joinrequests', 'gatewayendpoints', 'gatewaycertificates'], verbs: read },
  { apiGroups: tombolo, resources: ['allocations'], resourceNames: [allocationName], verbs: change },
  { apiGroups: tombolo, resources: ['joinrequests/status', 'gatewaycertificates/status'], verbs: status },
  // Where the broker itself is: no member may have these addresses.
  { apiGroups: core, resources: ['nodes'], verbs: ['list'] },
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], resourceNames: ['kubernetes'], verbs: ['get'] },
  { apiGroups: rbac, resources: ['clusterrolebindings'], verbs: write },
  { apiGroups: rbac, resources: ['rolebindings'], verbs: read },
  { apiGroups: rbac, resources: ['rolebindings'], resourceNames: [memberWriteRole, joinerRole], verbs: change },
  {
    apiGroups: ['flowcontrol.apiserver.k8s.io'],
    resources: ['prioritylevelconfigurations', 'flowschemas'],
    verbs: ['list', 'watch', 'create', 'patch', 'delete'],
  },
  { apiGroups: rbac, resources: ['clusterroles'], resourceNames: [memberReadRole, memberWriteRole, joinerRole], verbs: ['bind'] },
]

const controllerInBroker: readonly Rule[] = [
  { apiGroups: tombolo, resources: ['members'], verbs: write },
  { apiGroups: tombolo, resources: ['members/status', 'members/finalizers'], verbs: status },
  { apiGroups: tombolo, resources: ['fleets', 'joingrants', 'exportgrants'], verbs: read },
  { apiGroups: tombolo, resources: ['fleets/status', 'joingrants/status'], verbs: status },
  { apiGroups: tombolo, resources: ['trustbundles'], verbs: write },
  { apiGroups: tombolo, resources: ['trustbundles/status'], verbs: status },
  // What was issued; and the CA, by its name.
  { apiGroups: core, resources: ['configmaps'], verbs: write },
  { apiGroups: core, resources: ['secrets'], resourceNames: [fleetCASecretName], verbs: ['get', 'create', 'patch'] },
  { apiGroups: rbac, resources: ['rolebindings'], verbs: change },
  { apiGroups: rbac, resources: ['roles'], resourceNames: [memberFleetRole], verbs: ['bind'] },
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: write },
]

const rbacVersion = 'rbac.authorization.k8s.io/v1'
const roleGroup = 'rbac.authorization.k8s.io'

/** In an order that can be applied from first to last. */
export const brokerRoles = () => {
  const controller = [{ kind: 'ServiceAccount', name: controllerName, namespace: brokerNamespace }]
  return [
    clusterRole(memberReadRole, memberReads),
    clusterRole(memberWriteRole, memberWrites),
    clusterRole(joinerRole, joinerWrites),
    role(brokerNamespace, memberFleetRole, memberFleetReads),
    {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: controllerName, namespace: brokerNamespace, labels: managedBy },
    },
    clusterRole(controllerName, controllerEverywhere),
    clusterRoleBinding(controllerName, controllerName, controller),
    role(brokerNamespace, controllerName, controllerInBroker),
    roleBinding(brokerNamespace, controllerName, { kind: 'Role', name: controllerName }, controller),
  ]
}

export type Subject = { readonly kind: string; readonly name: string; readonly namespace: string }

export const roleBinding = (
  namespace: string,
  name: string,
  to: { readonly kind: 'Role' | 'ClusterRole'; readonly name: string },
  subjects: Subject[],
  labels: Record<string, string> = managedBy,
) => ({
  apiVersion: rbacVersion,
  kind: 'RoleBinding',
  metadata: { name, namespace, labels },
  roleRef: { apiGroup: roleGroup, ...to },
  subjects,
})

export const clusterRoleBinding = (
  name: string,
  to: string,
  subjects: Subject[],
  labels: Record<string, string> = managedBy,
) => ({
  apiVersion: rbacVersion,
  kind: 'ClusterRoleBinding',
  metadata: { name, labels },
  roleRef: { apiGroup: roleGroup, kind: 'ClusterRole', name: to },
  subjects,
})

const clusterRole = (name: string, rules: readonly Rule[]) => ({
  apiVersion: rbacVersion,
  kind: 'ClusterRole',
  metadata: { name, labels: managedBy },
  rules,
})

const role = (namespace: string, name: string, rules: readonly Rule[]) => ({
  apiVersion: rbacVersion,
  kind: 'Role',
  metadata: { name, namespace, labels: managedBy },
  rules,
})
