// Keeps a store equal to what the apiserver has, for as long as the signal lives.
import type { Kube } from './client.ts'
import type { Kind, KubeObject, Where } from './object.ts'
import type { Store, StoreWriter } from './store.ts'
import { store } from './store.ts'
import { watch } from './watch.ts'

export interface Reflection<T extends KubeObject> {
  readonly store: Store<T>
  /** Resolves after `signal` aborts. */
  readonly done: Promise<void>
}

/**
 * Starts at once. Share the store between readers of the same kind and selector: each reflection is a connection of its own.
 * `through`: what stands between the watch and the store, and may hold back what it does not let in.
 */
export function reflect<T extends KubeObject>(
  kube: Pick<Kube, 'list' | 'stream' | 'log'>,
  kind: Kind<T>,
  where: Where,
  signal: AbortSignal,
  through: (writer: StoreWriter<T>) => StoreWriter<T> = (writer) => writer,
): Reflection<T> {
  const { store: objects, writer } = store(kind, kube.log)
  const taker = through(writer)
  return { store: objects, done: follow() }

  async function follow(): Promise<void> {
    for await (const event of watch(kube, kind, where, signal)) taker.take(event)
  }
}
