// What a test apiserver holds: objects, their history for watches, and the rules that every write obeys. No HTTP here.
import { randomUUID } from 'node:crypto'
import { same } from '#lib/kube/differs.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import { time } from '#lib/kube/time.ts'
import type { Owners } from './field-owners.ts'
import { applyFields, updateFields } from './field-owners.ts'

/** `apis/apps/v1/deployments`: a kind as a path. */
export type Resource = string
export type At = { readonly resource: Resource; readonly namespace: string; readonly name: string; readonly subresource: string }

export interface Change {
  readonly version: number
  readonly resource: Resource
  readonly object: KubeObject | undefined
  readonly old: KubeObject | undefined
}

/** A refusal, to be sent as a Status. */
export class Refused extends Error {
  readonly code: number
  readonly reason: string
  readonly causes: readonly object[]
  constructor(code: number, reason: string, message: string, causes: readonly object[] = []) {
    super(message)
    this.code = code
    this.reason = reason
    this.causes = causes
  }
}

export interface ClusterState {
  readonly version: number
  get(at: At): KubeObject | undefined
  /** Sorted by namespace and name. */
  list(resource: Resource, namespace: string): readonly KubeObject[]
  create(at: At, object: KubeObject, manager: string, dry: boolean): KubeObject
  replace(at: At, object: KubeObject, manager: string, dry: boolean): KubeObject
  merge(at: At, patch: object, manager: string, dry: boolean): KubeObject
  apply(at: At, object: KubeObject, manager: string, force: boolean, dry: boolean): KubeObject
  remove(at: At, uid: string | undefined, dry: boolean): void
  /** Changes after `version`; undefined when some of them are forgotten. */
  since(version: number): readonly Change[] | undefined
  onChange(listener: (change: Change) => void): () => void
  /** Forgets history: a watch from any older version is expired. */
  compact(): void
}

/** `defaults`: what the apiserver fills in when an object is made. */
export function clusterState(defaults: (object: KubeObject) => KubeObject = (object) => object): ClusterState {
  let version = 1000
  let forgotten = 0
  let history: Change[] = []
  const objects = new Map<string, { resource: Resource; object: KubeObject; owners: Owners }>()
  const listeners = new Set<(change: Change) => void>()

  const id = (at: Omit<At, 'subresource'>) => `${at.resource}|${at.namespace}|${at.name}`

  function store(at: At, object: KubeObject | undefined, owners: Owners): KubeObject | undefined {
    const old = objects.get(id(at))?.object
    version++
    const stored = object && withVersion(object, version, owners)
    if (stored === undefined) objects.delete(id(at))
    else objects.set(id(at), { resource: at.resource, object: stored, owners })
    // A deletion carries the last state under the version of the deletion itself.
    const last = stored === undefined && old !== undefined ? withVersion(old, version, owners) : old
    const change = { version, resource: at.resource, object: stored, old: last }
    history.push(change)
    for (const listener of listeners) listener(change)
    return stored
  }

  function existing(at: At): { object: KubeObject; owners: Owners } {
    const found = objects.get(id(at))
    if (found === undefined) throw new Refused(404, 'NotFound', `${at.resource.split('/').at(-1) ?? ''} "${at.name}" not found`)
    return found
  }

  function create(at: At, given: KubeObject, owners: Owners, dry: boolean): KubeObject {
    if (objects.has(id(at))) throw new Refused(409, 'AlreadyExists', `"${at.name}" already exists`)
    const { status: _, ...rest } = given
    const object = defaults({ ...rest, apiVersion: given.apiVersion, kind: given.kind, metadata: newMeta(at, given) })
    validate(object)
    return dry ? withVersion(object, version, owners) : (store(at, object, owners) ?? object)
  }

  /** The rules that are the same however the new state came about. */
  function change(at: At, before: KubeObject, after: KubeObject, owners: Owners, dry: boolean): KubeObject {
    const { uid, creationTimestamp, deletionTimestamp, generation = 1, namespace } = before.metadata
    const own = {
      name: before.metadata.name,
      uid,
      creationTimestamp,
      deletionTimestamp,
      namespace,
      resourceVersion: before.metadata.resourceVersion,
    }
    const metadata = { ...after.metadata, ...own, generation } as KubeObject['metadata']
    const object: KubeObject =
      at.subresource === 'status'
        ? { ...before, status: after.status }
        : { ...withoutStatus(after), metadata, ...(before.status === undefined ? {} : { status: before.status }) }
    if (same(comparable(object), comparable(before))) return before
    validate(object)
    if (!same(spec(object), spec(before))) object.metadata.generation = generation + 1
    if (dry) return object
    const released = deletionTimestamp !== undefined && (object.metadata.finalizers ?? []).length === 0
    return released ? (store(at, undefined, owners), object) : (store(at, object, owners) ?? object)
  }

  return {
    get version() {
      return version
    },
    get: (at) => objects.get(id(at))?.object,
    list: (resource, namespace) =>
      [...objects.values()]
        .filter((entry) => entry.resource === resource && (namespace === '' || entry.object.metadata.namespace === namespace))
        .map(({ object }) => object)
        .sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1)),
    create: (at, object, manager, dry) => create(at, object, updateFields(undefined, object, new Map(), manager), dry),
    replace: (at, object, manager, dry) => {
      const before = existing(at)
      precondition(before.object, object.metadata)
      return change(at, before.object, object, updateFields(before.object, object, before.owners, manager), dry)
    },
    merge: (at, patch, manager, dry) => {
      const before = existing(at)
      precondition(before.object, (patch as Partial<KubeObject>).metadata ?? {})
      const after = mergePatch(before.object, patch) as KubeObject
      return change(at, before.object, after, updateFields(before.object, after, before.owners, manager), dry)
    },
    apply: (at, given, manager, force, dry) => {
      const found = objects.get(id(at))
      if (found === undefined && at.subresource !== '') existing(at)
      const owner = at.subresource === '' ? manager : `${manager}/${at.subresource}`
      const wanted = at.subresource === 'status' ? onlyStatus(given) : withoutStatus(given)
      if (found !== undefined) precondition(found.object, given.metadata)
      const before = found?.object ?? { ...wanted, metadata: newMeta(at, { ...wanted, metadata: { name: at.name } }) }
      const result = applyFields(
        found === undefined ? bare(before) : before,
        found?.owners ?? new Map<string, Set<string>>(),
        wanted,
        owner,
        force,
      )
      if (!result.ok) throw conflict(result.conflicts)
      return found === undefined
        ? create(at, result.object, result.owners, dry)
        : applied(at, before, result.object, result.owners, dry)
    },
    remove: (at, uid, dry) => {
      const { object, owners } = existing(at)
      precondition(object, uid === undefined ? {} : { uid })
      if (dry) return
      const held = (object.metadata.finalizers ?? []).length > 0
      if (!held) store(at, undefined, owners)
      else if (object.metadata.deletionTimestamp === undefined) {
        store(at, { ...object, metadata: { ...object.metadata, deletionTimestamp: time(new Date()) } }, owners)
      }
    },
    since: (from) => (from < forgotten ? undefined : history.filter((entry) => entry.version > from)),
    onChange: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    compact: () => {
      version++
      forgotten = version
      history = []
    },
  }

  /** Ownership may move while no value changes; that is no new version. */
  function applied(at: At, before: KubeObject, after: KubeObject, owners: Owners, dry: boolean): KubeObject {
    const result = change(at, before, after, owners, dry)
    const entry = objects.get(id(at))
    if (!dry && entry !== undefined) entry.owners = owners
    return result
  }
}

const sortKey = ({ metadata }: KubeObject) => `${metadata.namespace ?? ''}/${metadata.name}`

function newMeta(at: At, given: KubeObject): KubeObject['metadata'] {
  const { resourceVersion: _, ...kept } = given.metadata
  return {
    ...kept,
    name: at.name,
    ...(at.namespace === '' ? {} : { namespace: at.namespace }),
    uid: randomUUID(),
    generation: 1,
    creationTimestamp: time(new Date()),
  }
}

const bare = ({ apiVersion, kind, metadata }: KubeObject): KubeObject => ({ apiVersion, kind, metadata })

const onlyStatus = (object: KubeObject): KubeObject => ({ ...bare(object), status: object.status })

function withoutStatus(object: KubeObject): KubeObject {
  const { status: _, ...rest } = object
  return rest
}

function withVersion(object: KubeObject, version: number, owners: Owners): KubeObject {
  const managedFields = [...owners.keys()].map((manager) => ({
    manager,
    operation: 'Apply',
    fieldsType: 'FieldsV1',
    fieldsV1: {},
  }))
  return { ...object, metadata: Object.assign({ ...object.metadata }, { resourceVersion: String(version), managedFields }) }
}

function comparable(object: KubeObject): object {
  return { ...object, metadata: { ...object.metadata, resourceVersion: '', generation: 0, managedFields: [] } }
}

function spec({ metadata: _m, status: _s, ...rest }: KubeObject): object {
  return rest
}

function precondition(object: KubeObject, given: Partial<KubeObject['metadata']>): void {
  const { uid, resourceVersion } = object.metadata
  if (given.uid !== undefined && given.uid !== uid)
    throw new Refused(409, 'Conflict', 'the UID in the precondition does not match')
  if (given.resourceVersion !== undefined && given.resourceVersion !== '' && given.resourceVersion !== resourceVersion) {
    throw new Refused(409, 'Conflict', 'the object has been modified; please apply your changes to the latest version')
  }
}

function conflict(conflicts: readonly { readonly manager: string; readonly field: string }[]): Refused {
  const causes = conflicts.map(({ manager, field }) => ({
    reason: 'FieldManagerConflict',
    field,
    message: `conflict with "${manager}"`,
  }))
  return new Refused(409, 'Conflict', `Apply failed with ${conflicts.length} conflict(s)`, causes)
}

/** The real server takes a MicroTime only with exactly six digits. */
function validate(object: KubeObject): void {
  const fields = { ...(object.spec as object | undefined), eventTime: object.eventTime } as Record<string, unknown>
  for (const name of ['acquireTime', 'renewTime', 'eventTime']) {
    const value = fields[name]
    if (typeof value === 'string' && !/T\d\d:\d\d:\d\d\.\d{6}Z$/.test(value)) {
      throw new Refused(400, 'BadRequest', `${name}: cannot parse "${value}" as "2006-01-02T15:04:05.000000Z07:00"`)
    }
  }
}

/** RFC 7386. */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch
  const result: Record<string, unknown> =
    typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...target } : {}
  for (const [field, value] of Object.entries(patch)) {
    if (value === null) Reflect.deleteProperty(result, field)
    else result[field] = mergePatch(result[field], value)
  }
  return result
}
