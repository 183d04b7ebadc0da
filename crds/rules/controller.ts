// What the broker controller may do with kinds that RBAC has to give it in every namespace, or of all names, as rights know no pattern: it
// makes and removes what members and clusters that ask consist of (broker/members/objects.ts, broker/grants/objects.ts), and nothing else.
import type { KubeObject } from '#lib/kube/object.ts'
import {
  allocationName,
  brokerNamespace,
  joinerAccount,
  joinerRole,
  joinNamespace,
  memberAccount,
  memberFleetRole,
  memberNamespace,
  memberReadRole,
  memberWriteRole,
} from '../places.ts'
import type { Request, Review, Rule, Variable } from './rule.ts'

const [members, joiners] = [memberNamespace(''), joinNamespace('')]
const [m, j] = [`${members}[^/]+`, `${joiners}[^/]+`]

/** `namespace/resource/name`, with a subresource after its resource. Regular expressions that RE2 and JavaScript read alike. */
const places = [
  `/namespaces/(${m}|${j})`,
  `/(clusterrolebindings|prioritylevelconfigurations|flowschemas)/${m}`,
  `${brokerNamespace}/rolebindings/${m}`,
  `${m}/(serviceaccounts|serviceaccounts/token|resourcequotas)/${memberAccount}`,
  `${m}/rolebindings/${memberWriteRole}`,
  `${m}/allocations/${allocationName}`,
  `${m}/gatewaycertificates/status/[^/]+`,
  `${j}/(serviceaccounts|serviceaccounts/token)/${joinerAccount}`,
  `${j}/rolebindings/${joinerRole}`,
  `${j}/joinrequests/status/[^/]+`,
]
const pattern = `^(${places.join('|')})$`

/** Of a namespace the apiserver says sometimes that it lies in itself. */
const placeCEL = [
  "(request.resource.resource == 'namespaces' ? '' : request.?namespace.orValue(''))",
  'request.resource.resource',
  "(request.?subResource.orValue('') == '' ? '' : request.subResource + '/') + request.?name.orValue('')",
].join(" + '/' + ")

const placeOf = ({ resource, subresource, namespace, name }: Request): string =>
  [resource === 'namespaces' ? '' : namespace, resource, ...(subresource === '' ? [] : [subresource]), name].join('/')

/** Who deletes a collection names nothing, and so is refused. */
export const controllersPlace: Rule = {
  name: 'controllers-place',
  says: 'the broker controller makes, changes and removes only what members and clusters that ask consist of, each by its name',
  cel: `(${placeCEL}).matches('${pattern}')`,
  about: placeCEL,
  holds: ({ request }) => new RegExp(pattern).test(placeOf(request)),
}

// A binding lies where it is for, or is called like it.

export const bindingVariables: readonly Variable[] = [
  {
    name: 'home',
    expression: `request.?namespace.orValue('') in ['', '${brokerNamespace}'] ? request.?name.orValue('') : request.namespace`,
  },
  {
    name: 'role',
    expression: [
      `request.?namespace.orValue('') == '' ? 'ClusterRole ${memberReadRole}'`,
      `request.namespace == '${brokerNamespace}' ? 'Role ${memberFleetRole}'`,
      `variables.home.startsWith('${members}') ? 'ClusterRole ${memberWriteRole}'`,
      `'ClusterRole ${joinerRole}'`,
    ].join(' : '),
  },
  { name: 'account', expression: `variables.home.startsWith('${members}') ? '${memberAccount}' : '${joinerAccount}'` },
]

const homeOf = ({ namespace, name }: Request): string => (['', brokerNamespace].includes(namespace) ? name : namespace)

function roleOf(request: Request): string {
  if (request.namespace === '') return `ClusterRole ${memberReadRole}`
  if (request.namespace === brokerNamespace) return `Role ${memberFleetRole}`
  return `ClusterRole ${request.namespace.startsWith(members) ? memberWriteRole : joinerRole}`
}

type Binding = KubeObject & {
  readonly roleRef: { readonly kind: string; readonly name: string }
  readonly subjects?: readonly { readonly kind: string; readonly namespace?: string; readonly name: string }[]
}
const bindingIn = ({ object }: Review): Binding | undefined => object as Binding | undefined

export const fixedRole: Rule = {
  name: 'fixed-role',
  says: 'the broker controller binds one role in each place, and none of somebody else’s making',
  cel: "object == null || object.roleRef.kind + ' ' + object.roleRef.name == variables.role",
  holds: (review) => {
    const binding = bindingIn(review)
    return binding === undefined || `${binding.roleRef.kind} ${binding.roleRef.name}` === roleOf(review.request)
  },
}

export const fixedSubject: Rule = {
  name: 'fixed-subject',
  says: 'the broker controller gives rights to the account of the member, or of the cluster that asks, and to nobody else',
  cel: [
    'object == null || (has(object.subjects) && object.subjects.size() == 1',
    "object.subjects[0].kind == 'ServiceAccount'",
    "object.subjects[0].?namespace.orValue('') == variables.home",
    'object.subjects[0].name == variables.account)',
  ].join(' && '),
  holds: (review) => {
    const binding = bindingIn(review)
    if (binding === undefined) return true
    const [subject, ...more] = binding.subjects ?? []
    const home = homeOf(review.request)
    return (
      more.length === 0 &&
      subject?.kind === 'ServiceAccount' &&
      subject.namespace === home &&
      subject.name === (home.startsWith(members) ? memberAccount : joinerAccount)
    )
  },
}
