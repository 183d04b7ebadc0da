// What every Kubernetes object looks like, and how a kind and one object of it are named.

export interface OwnerReference {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid: string
  readonly controller?: boolean
  readonly blockOwnerDeletion?: boolean
}

export interface Meta {
  name: string
  namespace?: string
  uid?: string
  /** Opaque: compare for equality only, never for order. */
  resourceVersion?: string
  generation?: number
  labels?: Record<string, string>
  annotations?: Record<string, string>
  finalizers?: string[]
  ownerReferences?: OwnerReference[]
  creationTimestamp?: string
  /** Present once deletion was asked for; the object goes when its finalizers are gone. */
  deletionTimestamp?: string
}

export interface KubeObject {
  apiVersion: string
  kind: string
  metadata: Meta
  [field: string]: unknown
}

/** A kind as plain data: enough to build every path. `_type` exists for the compiler only. */
export type Kind<T extends KubeObject = KubeObject> = {
  readonly apiVersion: string
  readonly kind: string
  readonly plural: string
  readonly scope: 'Namespaced' | 'Cluster'
  /** Where its objects have a list that is kept packed (packed-rows.ts), if they do: `['spec', 'endpoints']`. */
  readonly rows?: readonly string[]
  readonly _type?: T
}

/** Which object of a kind. `namespace` is absent for cluster-scoped kinds. */
export type Key = { readonly namespace?: string; readonly name: string }

/** Which objects of a kind: `labels` and `fields` are selectors in kubectl's syntax. */
export type Where = { readonly namespace?: string; readonly labels?: string; readonly fields?: string }

/** What we want to be true of an object: its identity and the fields we care about. */
export type Wanted<T extends KubeObject> = Pick<T, 'apiVersion' | 'kind'> & { metadata: Meta } & Partial<
    Omit<T, 'apiVersion' | 'kind' | 'metadata'>
  >

export const keyOf = ({ metadata: { namespace, name } }: { readonly metadata: Meta }): Key =>
  namespace === undefined ? { name } : { namespace, name }

/** `namespace/name`, or `name`: how people write it, and unique within a kind. */
export const keyText = ({ namespace, name }: Key): string => (namespace === undefined ? name : `${namespace}/${name}`)

/** The inverse of `keyText`. */
export function parseKey(text: string): Key {
  const slash = text.indexOf('/')
  return slash < 0 ? { name: text } : { namespace: text.slice(0, slash), name: text.slice(slash + 1) }
}

/** `/api/v1/namespaces/shop/services/web/status`: the URL path of a kind, one object, or its subresource. */
export function pathOf(kind: Kind, where: { readonly namespace?: string; readonly name?: string }, subresource?: string): string {
  const root = kind.apiVersion.includes('/') ? `/apis/${kind.apiVersion}` : `/api/${kind.apiVersion}`
  const inside = kind.scope === 'Namespaced' && where.namespace !== undefined ? ['namespaces', where.namespace] : []
  const parts = [...inside, kind.plural, where.name, subresource].filter((part) => part !== undefined)
  return [root, ...parts.map(encodeURIComponent)].join('/')
}

/** An owner reference by which `owner`'s deletion takes the object with it. Both must be in one namespace, or `owner` cluster-scoped. */
export function ownedBy(owner: KubeObject): OwnerReference {
  const { name, uid } = owner.metadata
  if (uid === undefined) throw new Error(`${owner.kind} ${name} was not read from an apiserver: it has no uid to own by`)
  return { apiVersion: owner.apiVersion, kind: owner.kind, name, uid, controller: true, blockOwnerDeletion: true }
}
