// A broker that was restored from a backup knows less than it did: a list lacks services that are exported, or has them as they once were.
// Their members write them again as soon as they see it, so for a while nobody's import is made smaller for what only a list says. What
// goes while we listen is told by the watch and goes at once.
//
//   list lacks ──► doubted ──► heard again, or told that it went ──► as the broker says
//                     │
//                     └─ so long that its member should have written it ──► little: as the broker says
//                                                                           much (operator/door/removal.ts): held until one of these, or accepted
//
// After a start nothing is remembered, so the first list is compared with what is here; of that only what is much is doubted, as a
// service that was withdrawn while we were down is the rule.
import { exportedService } from '#crds/exported-service.ts'
import type { Source } from '#lib/kube/controller.ts'
import { delays } from '#lib/kube/delays.ts'
import type { Key, KubeObject } from '#lib/kube/object.ts'
import { keyOf, keyText, parseKey } from '#lib/kube/object.ts'
import type { Store } from '#lib/kube/store.ts'
import type { Cell } from '#lib/std/cell.ts'
import { sum } from '#lib/std/sum.ts'
import type { HeldRemoval, Toll } from '../door/removal.ts'
import { isHeld, removalToken } from '../door/removal.ts'

/** A service of one cluster; `key`: `namespace/name`. */
export type Said = { readonly clusterID: string; readonly key: string }

export type Doubting = {
  readonly stores: readonly Store[]
  /** Of which cluster and service an object speaks; undefined for what is not to be doubted, such as our own. */
  readonly said: (object: KubeObject) => Said | undefined
  /** Nobody holds what a cluster said that was thrown out, or may not export it any more. */
  readonly believed: (said: Said) => boolean
  /** By cluster, the services of which something is here. */
  readonly here: () => ReadonlyMap<string, readonly string[]>
  /** How much of it is here, and for how much of that the broker now has nothing. */
  readonly toll: (said: Said) => Toll
  /** Where what is here is found. */
  readonly local: readonly Store[]
  /** Tokens of removals that a person accepted. */
  readonly accepted: Cell<readonly string[]>
  /** How long a member that is connected may take to write again what is lacking. */
  readonly ms: number
}

export interface Doubts {
  /** Whether the broker now says less of the service, of any cluster. */
  has(key: string): boolean
  isAbout(said: Said): boolean
  /** The services of a cluster that are in doubt. */
  of(clusterID: string): readonly Key[]
  readonly held: () => readonly HeldRemoval[]
  /** What is believed of a cluster may be otherwise now: what is not is doubted no more, also when it is again. */
  readonly reconsider: (clusterID: string) => void
  /** Tells the keys of which the doubt has ended by itself. */
  readonly source: Source
  /** Tells `key` whenever `held` may be another. */
  readonly heldSource: (key: Key) => Source
}

/** Of a cluster. */
type Doubted = {
  /** By service, the objects that a list lacked: none of them where the list was the first. */
  readonly lacking: Map<string, Set<string>>
  untilMs: number
  held: HeldRemoval | undefined
}

/** Ends with `signal`. */
export function doubts(what: Doubting, signal: AbortSignal): Doubts {
  const { stores, local, said, believed, here, toll, accepted, ms } = what
  const clusters = new Map<string, Doubted>()
  const byKey = new Map<string, Set<string>>()
  const listeners = new Set<(said: Said) => void>()
  const heldListeners = new Set<() => void>()
  /** Withdrawn before the first list was compared. */
  const withdrawn = new Set<string>()
  let compared = false
  const unjudged = new Set<string>()
  const due = delays((clusterID) => ripen(clusterID))
  signal.addEventListener('abort', () => due[Symbol.dispose](), { once: true })

  function begin({ clusterID, key }: Said): Set<string> {
    const doubted = clusters.get(clusterID) ?? { lacking: new Map<string, Set<string>>(), untilMs: 0, held: undefined }
    const lacking = doubted.lacking.get(key) ?? new Set<string>()
    clusters.set(clusterID, doubted)
    doubted.lacking.set(key, lacking)
    byKey.set(key, (byKey.get(key) ?? new Set<string>()).add(clusterID))
    putOff(clusterID, doubted)
    return lacking
  }

  function end({ clusterID, key }: Said): void {
    const doubted = clusters.get(clusterID)
    if (doubted?.lacking.delete(key) !== true) return
    const others = byKey.get(key)
    others?.delete(clusterID)
    if (others?.size === 0) byKey.delete(key)
    if (doubted.lacking.size > 0) {
      putOff(clusterID, doubted)
      return
    }
    clusters.delete(clusterID)
    due.drop(clusterID)
    tellHeld()
  }

  function putOff(clusterID: string, doubted: Doubted): void {
    doubted.untilMs = performance.now() + ms
    due.put(clusterID, ms)
  }

  function heard(object: KubeObject | undefined, old: KubeObject | undefined, by: 'watch' | 'list'): void {
    const either = object ?? old
    const about = either === undefined ? undefined : said(either)
    if (either === undefined || about === undefined) return
    const { clusterID, key } = about
    const id = `${either.kind} ${keyText(keyOf(either))}`
    if (by === 'list' && old !== undefined && (object === undefined || isOlder(object, old))) {
      begin(about).add(id)
      if (compared) judgeSoon(clusterID)
      return
    }
    const isWithdrawn = object === undefined && either.kind === exportedService.kind
    if (isWithdrawn && !compared) withdrawn.add(textOf(about))
    const lacking = clusters.get(clusterID)?.lacking.get(key)
    lacking?.delete(id)
    if (lacking !== undefined && (isWithdrawn || (lacking.size === 0 && toll(about).lost === 0))) end(about)
  }

  /** What the first list leaves of what is here, once. */
  function compare(): void {
    if (compared || ![...stores, ...local].every((store) => store.synced)) return
    compared = true
    for (const [clusterID, keys] of here()) {
      const tolls = keys.map((key) => ({ clusterID, key, ...toll({ clusterID, key }) }))
      const lost = tolls.filter((one) => one.lost > 0 && !withdrawn.has(textOf(one)))
      if (!isHeld({ here: sum(tolls.map((one) => one.here)), lost: sum(lost.map((one) => one.lost)) })) continue
      for (const one of lost) begin(one)
      judge(clusterID)
    }
    withdrawn.clear()
  }

  /** A list is one question, however many objects it lacks. */
  function judgeSoon(clusterID: string): void {
    if (unjudged.size === 0)
      setImmediate(() => {
        for (const one of unjudged) judge(one)
        unjudged.clear()
      })
    unjudged.add(clusterID)
  }

  function judge(clusterID: string): void {
    const doubted = clusters.get(clusterID)
    if (doubted === undefined) return
    const tolls = new Map((here().get(clusterID) ?? []).map((key) => [key, toll({ clusterID, key })]))
    for (const key of [...doubted.lacking.keys()])
      if (!tolls.has(key) || !believed({ clusterID, key })) settle({ clusterID, key })
    const lost = [...doubted.lacking.keys()]
    const now = {
      here: sum([...tolls.values()].map((one) => one.here)),
      lost: sum(lost.map((key) => tolls.get(key)?.lost ?? 0)),
    }
    doubted.held = isHeld(now) ? { ...now, source: clusterID, token: removalToken(clusterID, lost) } : undefined
    accept(clusterID, doubted)
    tellHeld()
  }

  function accept(clusterID: string, doubted: Doubted): void {
    if (doubted.held !== undefined && accepted.value.includes(doubted.held.token)) settleAll(clusterID, doubted)
  }

  /** Its member has had time enough. What is much stays; progress or a person ends it. */
  function ripen(clusterID: string): void {
    const doubted = clusters.get(clusterID)
    if (doubted === undefined) return
    const left = doubted.untilMs - performance.now()
    if (left > 0) {
      due.put(clusterID, left)
      return
    }
    judge(clusterID)
    if (doubted.held === undefined) settleAll(clusterID, doubted)
  }

  function settleAll(clusterID: string, doubted: Doubted): void {
    for (const key of [...doubted.lacking.keys()]) settle({ clusterID, key })
  }

  function settle(one: Said): void {
    end(one)
    for (const listener of listeners) listener(one)
  }

  function tellHeld(): void {
    for (const listener of heldListeners) listener()
  }

  for (const store of stores) store.onChange(heard)
  void Promise.all([...stores, ...local].map((store) => store.whenSynced(signal))).then(() => {
    if (!signal.aborted) compare()
  })
  const unlisten = accepted.onChange(() => {
    for (const [clusterID, doubted] of [...clusters]) accept(clusterID, doubted)
  })
  signal.addEventListener('abort', unlisten, { once: true })

  const isAbout = (one: Said): boolean => {
    compare()
    return byKey.get(one.key)?.has(one.clusterID) === true && believed(one)
  }
  return {
    has: (key) => {
      compare()
      return [...(byKey.get(key) ?? [])].some((clusterID) => believed({ clusterID, key }))
    },
    isAbout,
    of: (clusterID) => [...(clusters.get(clusterID)?.lacking.keys() ?? [])].map(parseKey),
    held: () => [...clusters.values()].flatMap(({ held }) => held ?? []),
    reconsider: judge,
    source: following(
      listeners,
      (add) =>
        ({ key, clusterID }: Said) =>
          add(parseKey(key), clusterID),
    ),
    heldSource: (key) => following(heldListeners, (add) => () => add(key)),
  }
}

const textOf = ({ clusterID, key }: Said): string => `${clusterID} ${key}`

function following<L>(listeners: Set<L>, listenerFor: (add: (key: Key, flow?: string) => void) => L): Source {
  return {
    whenSynced: () => Promise.resolve(),
    follow: (add) => {
      const listener = listenerFor(add)
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

/** The same object as it was before: its generation only ever grows. */
const isOlder = ({ metadata: now }: KubeObject, { metadata: before }: KubeObject): boolean =>
  now.uid === before.uid && (now.generation ?? 0) < (before.generation ?? 0)
