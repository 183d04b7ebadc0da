// Taking objects out of a cluster, and waiting until they are gone: what is asked to go may be held by finalizers for a while.
import type { Kube } from '#lib/kube/client.ts'
import { isNotFound } from '#lib/kube/errors.ts'
import type { Namespace } from '#lib/kube/kinds.ts'
import { namespaces } from '#lib/kube/kinds.ts'
import type { Key, Kind, KubeObject, Where } from '#lib/kube/object.ts'
import { keyOf, keyText } from '#lib/kube/object.ts'
import { kindOf } from './kinds.ts'
import type { Say } from './until.ts'
import { until } from './until.ts'

const timeoutMs = 120_000

/** Asks for each to go, in this order; what is not there is well. */
export async function deleteObjects(kube: Kube, objects: readonly KubeObject[], say: Say, signal: AbortSignal): Promise<void> {
  for (const object of objects) {
    say(`${object.kind} ${object.metadata.name}`)
    await kube.delete(kindOf(object), keyOf(object), {}, signal)
  }
}

/** Deletes and resolves when it is gone. `remedy`: what to do where it does not go, if more is known than how to look at it. */
export async function removeObject(
  kube: Kube,
  kind: Kind,
  { uid, ...key }: Key & { readonly uid?: string },
  say: Say,
  signal: AbortSignal,
  remedy = `kubectl get ${kind.plural} ${key.name} -o yaml says what holds it; then run the same command again.`,
): Promise<void> {
  await kube.delete(kind, key, { propagation: 'Foreground', ...(uid === undefined ? {} : { uid }) }, signal)
  await until(
    {
      what: `The removal of ${kind.kind} ${keyText(key)}`,
      timeoutMs,
      remedy,
      say,
    },
    async () => {
      const object = await kube.get(kind, key, signal)
      return object === undefined ? { done: true } : { waiting: holding(kind, object) }
    },
    signal,
  )
}

/** The namespace controller says in conditions what it still waits for. */
function holding(kind: Kind, object: KubeObject): string {
  const conditions = kind.kind === namespaces.kind ? ((object as Namespace).status?.conditions ?? []) : []
  const stuck = conditions.find((c) => c.status === 'True' && /Remaining|Failure/.test(c.type))
  return stuck?.message ?? `${kind.kind} ${keyText(keyOf(object))} is being removed`
}

/** Like a list; empty where the cluster does not know the kind. */
export async function listIfKnown<T extends KubeObject>(
  kube: Pick<Kube, 'list'>,
  kind: Kind<T>,
  where: Where,
  signal: AbortSignal,
): Promise<readonly T[]> {
  try {
    return (await kube.list(kind, where, signal)).items
  } catch (error) {
    if (isNotFound(error)) return []
    throw error
  }
}

/** What --dry-run shows of an object that would go: as much as kubectl delete needs. */
export const identityOf = ({ apiVersion, kind, metadata: { name, namespace } }: KubeObject): KubeObject => ({
  apiVersion,
  kind,
  metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
})
