// A broker that was restored from a backup knows less than it did: a list lacks services that are exported, or has them as they once were.
// Their members write them again as soon as they see it, so for a while nobody's import is made smaller for what only a list says. What
// goes while we listen is told by the watch and goes at once.
import type { Key, KubeObject } from '#lib/kube/object.ts'
import { keyOf, keyText, parseKey } from '#lib/kube/object.ts'
import type { Source } from '#lib/kube/controller.ts'
import type { Store } from '#lib/kube/store.ts'
import { pause } from '#lib/std/pause.ts'

export interface Doubts {
  /** `key`: `namespace/name` of a service of which the broker now says less. */
  has(key: string): boolean
  /** The services of a cluster that are in doubt. */
  of(clusterID: string): readonly Key[]
  /** Tells the keys of which the doubt has ended by itself. */
  readonly source: Source
}

type Said = { readonly clusterID: string; readonly key: string }
type Held = Said & { readonly until: number }

/**
 * `said`: of which cluster and service an object speaks; undefined for what is not to be held, such as our own.
 * `believed`: nobody holds what a cluster said that was thrown out, or may not export it any more. Ends with `signal`.
 */
export function doubts(
  stores: readonly Store[],
  said: (object: KubeObject) => Said | undefined,
  believed: (said: Said) => boolean,
  ms: number,
  signal: AbortSignal,
): Doubts {
  const held = new Map<string, Held>()
  const listeners = new Set<(said: Said) => void>()
  let watching = false

  function heard(object: KubeObject | undefined, old: KubeObject | undefined, by: 'watch' | 'list'): void {
    const either = object ?? old
    if (either === undefined) return
    const id = `${either.kind} ${keyText(keyOf(either))}`
    held.delete(id)
    if (by === 'watch' || old === undefined || !(object === undefined || isOlder(object, old))) return
    const about = said(old)
    if (about === undefined) return
    held.set(id, { ...about, until: performance.now() + ms })
    if (!watching) void end()
  }

  /** Entries are in the order in which they end. */
  async function end(): Promise<void> {
    watching = true
    for (let [first] = held.values(); first !== undefined && !signal.aborted; [first] = held.values()) {
      await pause(Math.max(0, first.until - performance.now()), signal)
      const over = [...held].filter(([, { until }]) => until <= performance.now())
      for (const [id] of over) held.delete(id)
      for (const [, about] of over) for (const listener of listeners) listener(about)
    }
    watching = false
  }

  for (const store of stores) store.onChange(heard)
  return {
    has: (key) => held.values().some((one) => one.key === key && believed(one)),
    of: (clusterID) => [...held.values()].filter((one) => one.clusterID === clusterID).map(({ key }) => parseKey(key)),
    source: {
      whenSynced: () => Promise.resolve(),
      follow: (add) => {
        const listener = ({ key, clusterID }: Said) => add(parseKey(key), clusterID)
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
    },
  }
}

/** The same object as it was before: its generation only ever grows. */
const isOlder = ({ metadata: now }: KubeObject, { metadata: before }: KubeObject): boolean =>
  now.uid === before.uid && (now.generation ?? 0) < (before.generation ?? 0)
