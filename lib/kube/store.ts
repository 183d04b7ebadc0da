// The objects of one kind as last heard from the apiserver. One writer (a reflector), many readers.
// Objects are shared between readers: treat them as frozen.
import type { Logger } from '#lib/std/log.ts'
import type { Key, Kind, KubeObject } from './object.ts'
import { keyOf, keyText } from './object.ts'
import type { WatchEvent } from './watch.ts'

/**
 * New: `old` is undefined. Changed: both. Gone: `object` is undefined. Deleted and made again: gone, then new. `by`: whether the
 * apiserver told of it as it happened, or a later list just is another; what a list lacks may have gone, or never have been.
 */
export type Listener<T> = (object: T | undefined, old: T | undefined, by: 'watch' | 'list') => void

export interface Store<T extends KubeObject = KubeObject> {
  readonly kind: Kind<T>
  get(key: Key): T | undefined
  list(): readonly T[]
  /** The objects for which the index `name` gave `value`. Throws when there is no such index. */
  by(name: string, value: string): readonly T[]
  /** Names an index: for every object the values under which `by` finds it. Before or after objects have come; a name once. */
  addIndex(name: string, values: (object: T) => readonly string[]): void
  /** True once everything was listed; it stays true through later lists. */
  readonly synced: boolean
  /** Resolves when synced, or when `signal` aborts. */
  whenSynced(signal: AbortSignal): Promise<void>
  /** Calls `listener` for every change from now on; the result ends that. What it throws is logged and stops nobody else. */
  onChange(listener: Listener<T>): () => void
}

/** The writing end. Between `reset` and `synced` readers go on seeing what was there before; then all of it is swapped at once. */
export interface StoreWriter<T> {
  take(event: WatchEvent<T>): void
}

export function store<T extends KubeObject>(
  kind: Kind<T>,
  log: Logger,
): { readonly store: Store<T>; readonly writer: StoreWriter<T> } {
  let objects = new Map<string, T>()
  let incoming: Map<string, T> | undefined
  let synced = false
  const indexes = new Map<string, Index<T>>()
  const listeners = new Set<Listener<T>>()
  const waiting = new Set<() => void>()

  /** Every change goes through here: indexes first, so that a listener already reads the new state through all of them. */
  function record(changes: readonly Change<T>[], by: 'watch' | 'list'): void {
    for (const { object, old } of changes) for (const index of indexes.values()) index.move(object, old)
    for (const { object, old } of changes) for (const listener of listeners) tell(listener, object, old, by)
  }

  function tell(listener: Listener<T>, ...change: Parameters<Listener<T>>): void {
    try {
      listener(...change)
    } catch (error) {
      log.error({ err: error, kind: kind.kind }, 'a listener of the store threw')
    }
  }

  function put(object: T): void {
    const key = keyText(keyOf(object))
    const old = objects.get(key)
    if (old !== undefined && sameVersion(old, object)) return
    objects.set(key, object)
    record(replaced(object, old), 'watch')
  }

  function gone(key: string): void {
    const old = objects.get(key)
    if (old === undefined) return
    objects.delete(key)
    record([{ object: undefined, old }], 'watch')
  }

  function swap(next: Map<string, T>): void {
    const before = objects
    const changes: Change<T>[] = []
    for (const [key, old] of before) if (!next.has(key)) changes.push({ object: undefined, old })
    for (const [key, object] of next) {
      const old = before.get(key)
      if (old !== undefined && sameVersion(old, object)) next.set(key, old)
      else changes.push(...replaced(object, old))
    }
    objects = next
    synced = true
    record(changes, 'list')
    for (const resolve of waiting) resolve()
    waiting.clear()
  }

  /** An index function that throws on an odd object just does not find that object. */
  function guarded(name: string, values: (object: T) => readonly string[]): (object: T) => readonly string[] {
    return (object) => {
      try {
        return values(object)
      } catch (error) {
        log.error({ err: error, kind: kind.kind, index: name, key: keyText(keyOf(object)) }, 'an index of the store threw')
        return []
      }
    }
  }

  return {
    store: {
      kind,
      get: (key) => objects.get(keyText(key)),
      list: () => [...objects.values()],
      by: (name, value) => {
        const index = indexes.get(name)
        if (index === undefined) throw new Error(`the store of ${kind.plural} has no index "${name}"`)
        return index.find(value)
      },
      addIndex: (name, values) => {
        if (indexes.has(name)) throw new Error(`the store of ${kind.plural} has an index "${name}" already`)
        const index = makeIndex(guarded(name, values))
        for (const object of objects.values()) index.move(object, undefined)
        indexes.set(name, index)
      },
      get synced() {
        return synced
      },
      whenSynced: (signal) =>
        new Promise((resolve) => {
          if (synced || signal.aborted) {
            resolve()
            return
          }
          const finish = () => {
            waiting.delete(finish)
            signal.removeEventListener('abort', finish)
            resolve()
          }
          waiting.add(finish)
          signal.addEventListener('abort', finish, { once: true })
        }),
      onChange: (listener) => {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
    },
    writer: {
      take: (event) => {
        switch (event.type) {
          case 'reset':
            incoming = new Map()
            return
          case 'synced':
            swap(incoming ?? new Map<string, T>())
            incoming = undefined
            return
          case 'put':
            if (incoming === undefined) put(event.object)
            else incoming.set(keyText(keyOf(event.object)), event.object)
            return
          case 'gone':
            gone(keyText(keyOf(event.object)))
            return
        }
      },
    },
  }
}

interface Change<T> {
  readonly object: T | undefined
  readonly old: T | undefined
}

const sameVersion = (a: KubeObject, b: KubeObject): boolean =>
  a.metadata.uid === b.metadata.uid && a.metadata.resourceVersion === b.metadata.resourceVersion

/** Another uid is another object of the same name: what hung on the first one must hear that it went. */
function replaced<T extends KubeObject>(object: T, old: T | undefined): Change<T>[] {
  if (old === undefined || old.metadata.uid === object.metadata.uid) return [{ object, old }]
  return [
    { object: undefined, old },
    { object, old: undefined },
  ]
}

interface Index<T> {
  move(object: T | undefined, old: T | undefined): void
  find(value: string): readonly T[]
}

function makeIndex<T>(values: (object: T) => readonly string[]): Index<T> {
  const found = new Map<string, Set<T>>()
  return {
    move: (object, old) => {
      for (const value of old === undefined ? [] : values(old)) {
        const set = found.get(value)
        set?.delete(old as T)
        if (set?.size === 0) found.delete(value)
      }
      for (const value of object === undefined ? [] : values(object)) {
        const set = found.get(value)
        if (set === undefined) found.set(value, new Set([object as T]))
        else set.add(object as T)
      }
    },
    find: (value) => [...(found.get(value) ?? [])],
  }
}
