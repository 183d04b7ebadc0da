// Under which names a member may export. Whoever exports `payments/db` is a part of everybody's `payments/db` (namespace sameness,
// KEP-1645) and gets a share of its traffic: so names can be granted, and some are nobody's until they are.
import type { Allocation } from '../allocation.ts'
import type { Review, Rule, Variable } from './rule.ts'
import { celList } from './rule.ts'

type Named = { readonly namespace: string; readonly name: string }
type Exports = Allocation['spec']['exports']

/**
 * Whoever has `svc.clusterset.local` in its search path asks for `example.com` as `example.com.svc.clusterset.local` first: the service
 * `example` of a namespace `com` would be answered instead (CVE-2022-2835 is that of a cluster's own names). These are the domains that
 * programs really ask for, and those that resolvers keep for themselves (RFC 6761, RFC 7686). Left out are those that are
 * common names of namespaces, such as `dev`, `app`, `test` and all of two letters but one.
 */
const topLevelDomains = [
  ...['arpa', 'biz', 'com', 'edu', 'gov', 'info', 'int', 'io', 'mil', 'net', 'org'],
  ...['internal', 'local', 'localhost', 'onion'],
] as const

/** KEP-1645 asks for special care about what is exported from these: they are there in every cluster, and mean its own. */
const everyClustersOwn = { namespaces: ['default'], prefixes: ['kube-', 'tombolo-'] } as const

const guarded = {
  namespaces: [...everyClustersOwn.namespaces, ...topLevelDomains],
  prefixes: everyClustersOwn.prefixes,
} as const

/** How an Allocation names a service, and how all of its namespace. */
const exportNames = ({ namespace, name }: Named): readonly string[] => [`${namespace}/${name}`, allOf(namespace)]
export const allOf = (namespace: string): string => `${namespace}/*`

export type NotExported = 'granted to others' | 'guarded' | 'not granted'

/** Why a member may not export under this name; undefined: it may. */
export function whyNotExported(exports: Exports, service: Named): NotExported | undefined {
  const { namespace } = service
  const isIn = (list: readonly string[]) => exportNames(service).some((name) => list.includes(name))
  if (isIn(exports.granted)) return undefined
  if (isIn(exports.reserved)) return 'granted to others'
  if (guarded.namespaces.some((one) => one === namespace) || guarded.prefixes.some((prefix) => namespace.startsWith(prefix)))
    return 'guarded'
  return exports.ungranted === 'Deny' ? 'not granted' : undefined
}

const isIn = (list: string) => `variables.exportNames.exists(n, n in params.spec.exports.${list})`
const isGuarded = [
  `object.spec.namespace in ${celList(guarded.namespaces)}`,
  ...guarded.prefixes.map((prefix) => `object.spec.namespace.startsWith('${prefix}')`),
].join(' || ')

export const exportVariables: readonly Variable[] = [
  { name: 'exportNames', expression: "[object.spec.namespace + '/' + object.spec.name, object.spec.namespace + '/*']" },
]

export const exportGranted: Rule = {
  name: 'export-granted',
  says: 'no ExportGrant lets this cluster export under this name, which is granted to others or nobody’s without a grant',
  cel: `${isIn('granted')} || (params.spec.exports.ungranted == 'Allow' && !${isIn('reserved')} && !(${isGuarded}))`,
  about: "object.spec.namespace + '/' + object.spec.name",
  holds: ({ object, params }: Review<Named>) =>
    object !== undefined && params !== undefined && whyNotExported(params.spec.exports, object.spec) === undefined,
}
