// Who asks. The name of an account says which cluster it is of: `system:serviceaccount:tombolo-m-<id>:member`, and where it asks to be
// let in, `system:serviceaccount:tombolo-j-<id>:joiner`.
import { brokerNamespace, controllerName, joinerAccount, joinNamespace, memberAccount, memberNamespace } from '../places.ts'
import type { Request, Variable } from './rule.ts'

const prefix = 'system:serviceaccount:'
const [members, joiners] = [memberNamespace(''), joinNamespace('')]

export const userOf = (namespace: string, account: string): string => `${prefix}${namespace}:${account}`

/** Of an account: where it is at home, what it is called there, and the cluster it is of. */
export function accountOf(user: string): { readonly home: string; readonly name: string; readonly id: string } {
  const [, , home = '', name = ''] = user.split(':')
  // Both prefixes are equally long.
  return { home, name, id: home.slice(members.length) }
}

/** `accountOf` in CEL. */
export const accountVariables: readonly Variable[] = [
  { name: 'home', expression: "request.userInfo.username.split(':')[2]" },
  { name: 'account', expression: "request.userInfo.username.split(':')[3]" },
  { name: 'id', expression: `variables.home.substring(${members.length})` },
]

/** To whom a policy applies. */
export type Whom = { readonly name: string; readonly cel: string; includes(request: Request): boolean }

const startsWith = (text: string) => `request.userInfo.username.startsWith('${text}')`
const isOfCluster = ({ user }: Request): boolean => user.startsWith(prefix + members) || user.startsWith(prefix + joiners)

/** Every account in a namespace of a member or of a cluster that joins. All others are administrators or controllers, and RBAC's to judge. */
export const anyCluster: Whom = {
  name: 'accounts-of-clusters',
  cel: `${startsWith(prefix + members)} || ${startsWith(prefix + joiners)}`,
  includes: isOfCluster,
}

/** A member in its own namespace: what it says there is judged. What it does elsewhere is refused already. */
export const memberAtHome: Whom = {
  name: 'members-at-home',
  cel: `${startsWith(prefix + members)} && request.userInfo.username == '${prefix}' + request.?namespace.orValue('') + ':${memberAccount}'`,
  includes: (request) => request.user === userOf(request.namespace, memberAccount) && isIn(request, members),
}

export const joinerAtHome: Whom = {
  name: 'joiners-at-home',
  cel: `${startsWith(prefix + joiners)} && request.userInfo.username == '${prefix}' + request.?namespace.orValue('') + ':${joinerAccount}'`,
  includes: (request) => request.user === userOf(request.namespace, joinerAccount) && isIn(request, joiners),
}

const controller = userOf(brokerNamespace, controllerName)

export const brokerController: Whom = {
  name: 'the-broker-controller',
  cel: `request.userInfo.username == '${controller}'`,
  includes: ({ user }) => user === controller,
}

/** Somebody else, about an account of a cluster. */
export const forACluster: Whom = {
  name: 'others-for-clusters',
  cel: `!(${anyCluster.cel}) && (${[members, joiners].map((p) => `request.?namespace.orValue('').startsWith('${p}')`).join(' || ')})`,
  includes: (request) => !isOfCluster(request) && (isIn(request, members) || isIn(request, joiners)),
}

function isIn({ namespace }: Request, start: string): boolean {
  return namespace.startsWith(start)
}
