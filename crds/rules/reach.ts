// Where the account of a cluster may write at all. RBAC says the same; this is the second line, should somebody ever bind too much to it.
import { joinerAccount, memberAccount, memberLabel, memberNamespace } from '../places.ts'
import { accountOf } from './account.ts'
import type { Request, Rule } from './rule.ts'
import { celList } from './rule.ts'

/** `group/resource/subresource`. The answers of the broker, such as `gatewaycertificates/status`, are not among them. */
const kindsOfMember: readonly string[] = [
  ...['gatewayendpoints', 'exportedservices', 'exportedendpoints'].flatMap((kind) => [
    `tombolo.dev/${kind}`,
    `tombolo.dev/${kind}/status`,
  ]),
  'tombolo.dev/gatewaycertificates',
  'coordination.k8s.io/leases',
]
const kindsOfJoiner: readonly string[] = ['tombolo.dev/joinrequests']

const isMember = (user: string): boolean => accountOf(user).home.startsWith(memberNamespace(''))
const isMemberCEL = `variables.home.startsWith('${memberNamespace('')}')`

const kindOf = ({ group, resource, subresource }: Request): string =>
  [group, resource, ...(subresource === '' ? [] : [subresource])].join('/')
const kindCEL =
  "request.resource.group + '/' + request.resource.resource + (request.?subResource.orValue('') == '' ? '' : '/' + request.subResource)"

export const ownAccount: Rule = {
  name: 'own-account',
  says: `a cluster writes only by the account that was made for it, ${memberAccount} or ${joinerAccount}`,
  cel: `variables.account == (${isMemberCEL} ? '${memberAccount}' : '${joinerAccount}')`,
  holds: ({ request: { user } }) => accountOf(user).name === (isMember(user) ? memberAccount : joinerAccount),
}

export const ownNamespace: Rule = {
  name: 'own-namespace',
  says: 'a cluster writes only in its own namespace',
  cel: "request.?namespace.orValue('') == variables.home",
  holds: ({ request }) => request.namespace === accountOf(request.user).home,
}

export const ownKinds: Rule = {
  name: 'own-kinds',
  says: 'a cluster writes only what it publishes: no token, no Secret, no right, no answer of the broker',
  cel: `(${kindCEL}) in (${isMemberCEL} ? ${celList(kindsOfMember)} : ${celList(kindsOfJoiner)})`,
  about: kindCEL,
  holds: ({ request }) => (isMember(request.user) ? kindsOfMember : kindsOfJoiner).includes(kindOf(request)),
}

/** The policies about what a member writes are bound to namespaces by this label: without it they would not be asked. */
export const markedNamespace: Rule = {
  name: 'marked-namespace',
  says: `a member writes nothing while its namespace is without the label ${memberLabel}=true, which the broker controller puts back`,
  cel: `!${isMemberCEL} || (namespaceObject != null && has(namespaceObject.metadata.labels) && '${memberLabel}' in namespaceObject.metadata.labels && namespaceObject.metadata.labels['${memberLabel}'] == 'true')`,
  holds: ({ request, namespaceLabels }) => !isMember(request.user) || namespaceLabels[memberLabel] === 'true',
}
