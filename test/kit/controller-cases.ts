// What the broker controller may do with kinds that it has to be given in every namespace, or of all names: a part of admission-cases.ts.
import { joiningObjects } from '#broker/grants/objects.ts'
import { memberObjects } from '#broker/members/objects.ts'
import { allocation } from '#crds/allocation.ts'
import { gatewayCertificate } from '#crds/gateway-certificate.ts'
import { joinRequest } from '#crds/join-request.ts'
import { allocationName, brokerNamespace, controllerName, joinerRole, memberReadRole, memberWriteRole } from '#crds/places.ts'
import { userOf } from '#crds/rules/account.ts'
import type { Operation } from '#crds/rules/rule.ts'
import { clusterRoleBindings, namespaces, resourceQuotas, roleBindings, serviceAccounts } from '#lib/kube/kinds.ts'
import type { Kind, KubeObject } from '#lib/kube/object.ts'
import type { Case, Write } from './admission-cases.ts'
import { joiner, memberOf } from './joining.ts'

const controller = userOf(brokerNamespace, controllerName)
const kinds: readonly Kind[] = [namespaces, serviceAccounts, roleBindings, clusterRoleBindings, allocation]

/** What a member and its place to ask consist of, but for the quota: one that nobody counts for would refuse the other cases their objects. */
const consistsOf = (id: string): readonly KubeObject[] =>
  [...Object.values<KubeObject>(memberObjects(memberOf(joiner(id)))), ...Object.values<KubeObject>(joiningObjects(id))].filter(
    ({ kind }) => kinds.some((one) => one.kind === kind),
  )

function about(name: string, operation: Operation, object: KubeObject, rule?: string, user = controller): Case {
  const kind = [...kinds, resourceQuotas].find((one) => one.kind === object.kind) ?? namespaces
  const { name: called, namespace = '' } = object.metadata
  const group = kind.apiVersion.includes('/') ? (kind.apiVersion.split('/')[0] ?? '') : ''
  const whole = { spec: {}, ...object }
  return {
    name: `${name}: ${operation.toLowerCase()} ${kind.plural} ${namespace}/${called} by ${user}`,
    kind,
    rule,
    review: {
      request: { operation, user, group, resource: kind.plural, subresource: '', namespace, name: called },
      object: operation === 'DELETE' ? undefined : whole,
      oldObject: operation === 'CREATE' ? undefined : whole,
      params: undefined,
      namespaceLabels: {},
    },
  }
}

/** Of these nothing is the controller's. Those that are changed or deleted are planted, unless they are there. */
const theirs: readonly KubeObject[] = [
  ...['shop', 'tombolo-broker', 'tombolo-system', 'tombolo-k-east', 'tombolo'].map((name) => plain(namespaces, name)),
  plain(serviceAccounts, 'member', 'default'),
  plain(serviceAccounts, 'joiner', 'kube-system'),
  plain(serviceAccounts, controllerName, brokerNamespace),
  plain(serviceAccounts, 'other', 'tombolo-m-east'),
  plain(serviceAccounts, 'joiner', 'tombolo-m-east'),
  plain(serviceAccounts, 'member', 'tombolo-j-east'),
  plain(resourceQuotas, 'member', 'default'),
  plain(resourceQuotas, 'member', 'tombolo-j-east'),
  { ...plain(allocation, allocationName, 'default'), spec: ranges() },
  { ...plain(allocation, 'other', 'tombolo-m-east'), spec: ranges() },
  bindingOf(clusterRoleBindings, 'tombolo-j-east'),
  bindingOf(clusterRoleBindings, memberReadRole),
  bindingOf(clusterRoleBindings, 'view-for-all'),
  bindingOf(roleBindings, memberWriteRole, 'kube-system'),
  bindingOf(roleBindings, 'other', 'tombolo-m-east'),
  bindingOf(roleBindings, joinerRole, 'tombolo-m-east'),
  bindingOf(roleBindings, 'other', 'tombolo-j-east'),
  bindingOf(roleBindings, memberWriteRole, 'tombolo-j-east'),
  bindingOf(roleBindings, 'other', brokerNamespace),
  bindingOf(roleBindings, memberWriteRole, brokerNamespace),
]

function plain({ apiVersion, kind }: Kind, name: string, namespace?: string): KubeObject {
  return { apiVersion, kind, metadata: { name, ...(namespace === undefined ? {} : { namespace }) } }
}

function ranges() {
  return { clusterID: 'east', podCIDRs: ['10.1.0.0/16'], serviceCIDRs: ['10.101.0.0/16'] }
}

function bindingOf(kind: Kind, name: string, namespace?: string): KubeObject {
  const subjects = [{ kind: 'ServiceAccount', namespace: 'tombolo-m-east', name: 'member' }]
  return { ...plain(kind, name, namespace), roleRef: roleRef('ClusterRole', 'view'), subjects }
}

function roleRef(kind: string, name: string) {
  return { apiGroup: 'rbac.authorization.k8s.io', kind, name }
}

const isBinding = ({ kind }: KubeObject): boolean => kind.endsWith('Binding')

const roles = [
  ['ClusterRole', 'cluster-admin'],
  ['ClusterRole', controllerName],
  ['Role', controllerName],
  ['ClusterRole', memberReadRole],
  ['ClusterRole', memberWriteRole],
  ['ClusterRole', joinerRole],
] as const

const account = (namespace: string, name: string) => ({ kind: 'ServiceAccount', namespace, name })
const somebody = (kind: 'User' | 'Group', name: string) => ({ kind, apiGroup: 'rbac.authorization.k8s.io', name })

/** Who must not get what `binding` gives. */
const wrongSubjects = ({ subjects }: KubeObject): readonly (readonly [string, readonly object[]])[] => [
  ['nobody', []],
  ['everybody', [somebody('Group', 'system:authenticated')]],
  ['a user', [somebody('User', 'jane')]],
  ['west', [account('tombolo-m-west', 'member')]],
  ['who asks to be west', [account('tombolo-j-west', 'joiner')]],
  ['itself', [account(brokerNamespace, controllerName)]],
  ['another account called like it', [account('default', 'member')]],
  ['one more', [...(subjects as readonly object[]), account('default', 'default')]],
]

/** `bare`: there is nothing of it but its namespaces. */
export function controllerCases(
  write: (name: string, kind: Kind, rule: string | undefined, how: Write) => Case,
  bare: string,
): readonly Case[] {
  const [made, there] = [consistsOf(bare), consistsOf('east')]
  const own: readonly Case[] = [
    ...made.filter(({ kind }) => kind !== 'Namespace').map((object) => about('its own', 'CREATE', object)),
    ...consistsOf('fresh').flatMap((object) => (object.kind === 'Namespace' ? [about('its own', 'CREATE', object)] : [])),
    ...there.flatMap((object) => [about('its own', 'UPDATE', object), about('its own', 'DELETE', object)]),
  ]
  const others: readonly Case[] = theirs.flatMap((object) => [
    about('another', 'CREATE', object, 'controllers-place'),
    about('another', 'UPDATE', object, 'controllers-place'),
    about('another', 'DELETE', object, 'controllers-place'),
    about('another', 'DELETE', object, undefined, 'jane'),
  ])
  // Its labels say what may run there.
  const system = about('of Kubernetes', 'UPDATE', plain(namespaces, 'kube-system'), 'controllers-place')

  const roleCases: readonly Case[] = made.filter(isBinding).flatMap((binding) => {
    const right = binding['roleRef'] as { readonly kind: string; readonly name: string }
    return (
      roles
        .filter(([kind, name]) => kind !== right.kind || name !== right.name)
        // Not of a ClusterRoleBinding: the apiserver knows none to a Role.
        .filter(([kind]) => kind === 'ClusterRole' || binding.kind === roleBindings.kind)
        .map(([kind, name]) => about(`to ${kind} ${name}`, 'CREATE', { ...binding, roleRef: roleRef(kind, name) }, 'fixed-role'))
    )
  })
  const subjectCases: readonly Case[] = [
    ['CREATE', made],
    ['UPDATE', there],
  ].flatMap(([operation, objects]) =>
    (objects as readonly KubeObject[])
      .filter(isBinding)
      .flatMap((binding) =>
        wrongSubjects(binding).map(([whom, subjects]) =>
          about(`for ${whom}`, operation as Operation, { ...binding, subjects }, 'fixed-subject'),
        ),
      ),
  )

  const answers: readonly Case[] = [gatewayCertificate, joinRequest].flatMap((kind: Kind) => {
    const how = { user: controller, operation: 'UPDATE', subresource: 'status' } as const
    const [namespace, name] = kind === joinRequest ? ['tombolo-j-east', 'east'] : ['tombolo-m-east', 'was']
    return [
      write('its answer', kind, undefined, { ...how, namespace, metadata: { name } }),
      write('its answer elsewhere', kind, 'controllers-place', { ...how, namespace: 'default', metadata: { name: 'theirs' } }),
    ]
  })
  return [...own, ...others, system, ...roleCases, ...subjectCases, ...answers]
}
