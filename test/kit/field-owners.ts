// Who owns which field: as much of server-side apply as contract tests need. Maps merge, lists are atomic (the real server
// merges some lists by key), ownership is by leaf.
import type { KubeObject } from '#lib/kube/object.ts'
import { same } from '#lib/kube/differs.ts'

type Path = readonly string[]
type Tree = Record<string, unknown>

/** Manager (`name` or `name/status`) → its leaves, each path as JSON. */
export type Owners = ReadonlyMap<string, ReadonlySet<string>>

export type Applied =
  | { readonly ok: true; readonly object: KubeObject; readonly owners: Owners }
  | { readonly ok: false; readonly conflicts: readonly { readonly manager: string; readonly field: string }[] }

/** Merges `wanted` into `before`. Fields that `manager` had, does not want any more and nobody else owns go. */
export function applyFields(before: KubeObject, owners: Owners, wanted: KubeObject, manager: string, force: boolean): Applied {
  const leaves = new Map(leavesOf(ownable(wanted)).map(([path, value]) => [JSON.stringify(path), value]))
  const conflicts = [...owners].flatMap(([other, fields]) =>
    other === manager
      ? []
      : [...leaves]
          .filter(([path, value]) => fields.has(path) && !same(value, read(before, parsePath(path))))
          .map(([path]) => ({ manager: other, field: `.${parsePath(path).join('.')}` })),
  )
  if (conflicts.length > 0 && !force) return { ok: false, conflicts }

  const object = structuredClone(before)
  const next = new Map([...owners].map(([other, fields]) => [other, new Set(fields)]))
  for (const { manager: loser, field } of conflicts) next.get(loser)?.delete(JSON.stringify(field.slice(1).split('.')))
  const keptByOthers = (path: string) => [...next].some(([other, fields]) => other !== manager && fields.has(path))
  for (const path of owners.get(manager) ?? []) if (!leaves.has(path) && !keptByOthers(path)) unset(object, parsePath(path))
  for (const [path, value] of leaves) write(object, parsePath(path), structuredClone(value))
  next.set(manager, new Set(leaves.keys()))
  return { ok: true, object, owners: next }
}

/** After a plain write: the leaves that it changed are its manager's alone, those it removed are nobody's. */
export function updateFields(before: KubeObject | undefined, after: KubeObject, owners: Owners, manager: string): Owners {
  const old = new Map(leavesOf(before === undefined ? {} : ownable(before)).map(([path, value]) => [JSON.stringify(path), value]))
  const now = new Map(leavesOf(ownable(after)).map(([path, value]) => [JSON.stringify(path), value]))
  const changed = [...now].filter(([path, value]) => !old.has(path) || !same(old.get(path), value)).map(([path]) => path)
  const next = new Map(
    [...owners].map(([other, fields]) => [
      other,
      new Set([...fields].filter((path) => now.has(path) && !changed.includes(path))),
    ]),
  )
  next.set(manager, new Set([...(next.get(manager) ?? []), ...changed]))
  return next
}

/** All but identity and what the server fills in. */
function ownable(object: KubeObject): Tree {
  const { apiVersion: _a, kind: _k, metadata, ...rest } = object
  const { labels, annotations, finalizers, ownerReferences } = metadata
  return {
    ...rest,
    metadata: Object.fromEntries(
      Object.entries({ labels, annotations, finalizers, ownerReferences }).filter(([, v]) => v !== undefined),
    ),
  }
}

function leavesOf(value: unknown, path: Path = []): [Path, unknown][] {
  if (!isTree(value)) return [[path, value]]
  return Object.entries(value).flatMap(([field, inner]) => leavesOf(inner, [...path, field]))
}

const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value)

const parsePath = (path: string): Path => JSON.parse(path) as Path

const read = (object: unknown, path: Path): unknown =>
  path.reduce<unknown>((value, field) => (isTree(value) ? value[field] : undefined), object)

function write(object: Tree, path: Path, value: unknown): void {
  const [field, ...rest] = path
  if (field === undefined) return
  if (rest.length === 0) object[field] = value
  else {
    if (!isTree(object[field])) object[field] = {}
    write(object[field] as Tree, rest, value)
  }
}

function unset(object: Tree, path: Path): void {
  const [field, ...rest] = path
  if (field === undefined) return
  const inner = object[field]
  if (rest.length > 0 && isTree(inner)) unset(inner, rest)
  if (rest.length === 0 || (isTree(inner) && Object.keys(inner).length === 0)) Reflect.deleteProperty(object, field)
}
