// A cluster read again and again at the price of watches: what is asked for the first time is listed and watched from then on, so
// that the next look answers from memory. For --watch: the code that reads a snapshot does not know the difference.
import type { Kube } from '#lib/kube/client.ts'
import { isUnreachable } from '#lib/kube/errors.ts'
import { reflect } from '#lib/kube/reflector.ts'
import type { Store } from '#lib/kube/store.ts'
import type { Kind, KubeObject, Where } from '#lib/kube/object.ts'
import { pause } from '#lib/std/pause.ts'
import { Problem } from '../problem.ts'

export type Reader = Pick<Kube, 'get' | 'list' | 'request'>

/** Some facts get old without a change of any object, such as when a member was last heard. */
const atLeastEveryMs = 5000
/** Changes come in crowds. */
const settleMs = 100

/** Shows now and after every change, until `signal` aborts; then it resolves. `say` hears when the apiserver is away and back. */
export async function whileItChanges(
  kube: Kube,
  show: (reader: Reader) => Promise<void>,
  say: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  await using seen = live(kube, say, signal)
  for (let shown = false; !signal.aborted;) {
    try {
      await show(seen.reader)
      shown = true
    } catch (error) {
      if (hasEnded(signal)) return
      if (!shown || !isAway(error)) throw error
      say(`${messageOf(error)} Trying again.`)
    }
    await seen.next()
  }
}

/** The compiler believes that what it saw before an `await` still holds. */
const hasEnded = (signal: AbortSignal): boolean => signal.aborted
const isAway = (error: unknown): boolean => (error instanceof Problem && error.exitCode === 3) || isUnreachable(error)
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

interface Live extends AsyncDisposable {
  readonly reader: Reader
  /** Resolves when something changed, or when it is time to look again. */
  next(): Promise<void>
}

function live(kube: Kube, say: (text: string) => void, outer: AbortSignal): Live {
  const stop = new AbortController()
  const signal = AbortSignal.any([outer, stop.signal])
  const stores = new Map<string, Store>()
  const done: Promise<void>[] = []
  const away = new Set<string>()
  let woken = new AbortController()

  const nameOf = (kind: Kind, where: Where) => `${kind.apiVersion}/${kind.plural} ${JSON.stringify(where)}`

  function followed<T extends KubeObject>(kind: Kind<T>, where: Where): Store<T> | undefined {
    const known = stores.get(nameOf(kind, where))
    return known?.synced === true ? (known as Store<T>) : undefined
  }

  /** Only what was found: a watch of a kind that the apiserver does not know would fail for ever. */
  function follow(kind: Kind, where: Where): void {
    const name = nameOf(kind, where)
    if (stores.has(name)) return
    const reflection = reflect({ ...kube, log: hearing(name) }, kind, where, signal)
    reflection.store.onChange(() => woken.abort())
    stores.set(name, reflection.store)
    done.push(reflection.done)
  }

  /** A watch says on its log that it broke and that it goes on. */
  function hearing(name: string): Kube['log'] {
    return {
      ...kube.log,
      warn: () => {
        if (away.size === 0) say('The apiserver is not heard; this is what was last seen. Trying again.')
        away.add(name)
      },
      info: () => {
        away.delete(name)
        if (away.size === 0) say('The apiserver is heard again.')
      },
    }
  }

  return {
    reader: {
      list: async (kind, where, ask) => {
        const store = followed(kind, where)
        if (store !== undefined) return { items: [...store.list()], resourceVersion: '' }
        const found = await kube.list(kind, where, ask)
        follow(kind, where)
        return found
      },
      get: async (kind, key, ask) => {
        const where = {
          ...(key.namespace === undefined ? {} : { namespace: key.namespace }),
          fields: `metadata.name=${key.name}`,
        }
        const store = followed(kind, where)
        if (store !== undefined) return store.get(key)
        const found = await kube.get(kind, key, ask)
        if (found !== undefined) follow(kind, where)
        return found
      },
      request: (ask, at) => kube.request(ask, at),
    },
    next: async () => {
      woken = new AbortController()
      await pause(atLeastEveryMs, AbortSignal.any([signal, woken.signal]))
      if (woken.signal.aborted) await pause(settleMs, signal)
    },
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      await Promise.all(done)
    },
  }
}
