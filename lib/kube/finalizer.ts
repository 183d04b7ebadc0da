// Finalizers: a promise to tidy up before an object may go. The name on the object is the only memory of that promise.
//
// Guarantee: between `held` and `released` the object cannot vanish, so what hangs on it can be removed first.
// Caveat: whoever removes the finalizer by hand breaks the promise; uninstalling must therefore take ours off.
import type { Kube } from './client.ts'
import type { Kind, KubeObject } from './object.ts'
import { keyOf } from './object.ts'

/** `free`: alive without our finalizer. `held`: alive with it. `dying`: tidy up, then remove it. `released`: going, no longer our concern. */
export type Life = 'free' | 'held' | 'dying' | 'released'

export function lifeOf(object: KubeObject, finalizer: string): Life {
  const ours = object.metadata.finalizers?.includes(finalizer) === true
  if (object.metadata.deletionTimestamp === undefined) return ours ? 'held' : 'free'
  return ours ? 'dying' : 'released'
}

export const addFinalizer = <T extends KubeObject>(
  kube: Pick<Kube, 'patch'>,
  kind: Kind<T>,
  object: T,
  finalizer: string,
  signal: AbortSignal,
): Promise<T> => write(kube, kind, object, [...(object.metadata.finalizers ?? []), finalizer], signal)

export const removeFinalizer = <T extends KubeObject>(
  kube: Pick<Kube, 'patch'>,
  kind: Kind<T>,
  object: T,
  finalizer: string,
  signal: AbortSignal,
): Promise<T> => {
  const others = (object.metadata.finalizers ?? []).filter((name) => name !== finalizer)
  return write(kube, kind, object, others, signal)
}

/** A merge patch replaces the whole list, so the version read must still be the one there: else Conflict, and the caller reads again. */
function write<T extends KubeObject>(
  kube: Pick<Kube, 'patch'>,
  kind: Kind<T>,
  object: T,
  finalizers: readonly string[],
  signal: AbortSignal,
): Promise<T> {
  const { resourceVersion, uid } = object.metadata
  return kube.patch(kind, keyOf(object), { metadata: { finalizers, resourceVersion, uid } }, {}, signal)
}
