// The budget at work, between a watch of the broker and the store that everybody here reads. What is over a cluster's budget is held back:
// the store keeps what it had of it, and gets the last state of each object when there is credit or room. What goes, goes at once. What
// waits is kept up to the bytes of one budget; of what is beyond that only the key is, and the broker is asked again when its turn comes.
import { exportedEndpoints } from '#crds/exported-endpoints.ts'
import { memberOf } from '#crds/places.ts'
import type { Kube } from '#lib/kube/client.ts'
import { delays } from '#lib/kube/delays.ts'
import type { Kind, KubeObject } from '#lib/kube/object.ts'
import { keyOf, keyText, parseKey } from '#lib/kube/object.ts'
import { reflect } from '#lib/kube/reflector.ts'
import type { Store, StoreWriter } from '#lib/kube/store.ts'
import type { Account, Budget, Short, Size } from './budget.ts'
import { budgetOf, charged, grown, noRoomFor, opened, waitMs } from './budget.ts'

/** A cluster that is over its budget, or was a moment ago. */
export type Throttled = {
  readonly clusterID: string
  readonly kind: string
  readonly short: Short
  readonly budget: Budget
  /** Whose endpoints they are, where it is of them that there are too many: `namespace/name`. */
  readonly service?: string | undefined
}

/** Told all of a kind whenever they may be others. */
export type Throttling = (kind: string, throttled: readonly Throttled[]) => void

/** Who floods is over the budget and within it many times a second: it has to be within for so long before it is said. */
const calmMs = 10_000

/**
 * `reflect` for a kind of which other clusters write at most so many each; our own objects, and what lies elsewhere, come through as they are.
 */
export function reflectMetered<T extends KubeObject>(
  kube: Kube,
  kind: Kind<T>,
  most: number,
  self: string,
  told: Throttling,
  signal: AbortSignal,
): Store<T> {
  return reflect(kube, kind, {}, signal, (writer) => {
    const meter = metered(writer, {
      kind: kind.kind,
      budget: budgetOf(most),
      sourceOf: ({ metadata: { namespace } }) => {
        const of = memberOf(namespace)
        return of === self ? undefined : of
      },
      shareOf,
      now: () => performance.now(),
      later: (source, ms) => due.put(source, ms),
      ask: (source, key) =>
        void kube.get(kind, parseKey(key), signal).then(
          (object) => meter.answer(source, key, object),
          (err: unknown) => {
            if (signal.aborted) return
            kube.log.warn({ err, kind: kind.kind, key }, 'what had to wait could not be read again')
            meter.unanswered(source, key)
          },
        ),
      told,
    })
    const due = delays((source) => meter.wake(source))
    signal.addEventListener('abort', () => due[Symbol.dispose](), { once: true })
    return meter
  }).store
}

/** What an object has of a service: `endpoints` of it. */
type Share = { readonly service: string; readonly endpoints: number }

/** Nothing was read of it yet: it may say anything. Only endpoints are shared out; other kinds have none. */
export function shareOf({ kind, spec }: KubeObject & { readonly spec?: unknown }): Share | undefined {
  const { namespace, name, endpoints } = (spec ?? {}) as Readonly<Record<string, unknown>>
  if (kind !== exportedEndpoints.kind || !Array.isArray(endpoints)) return undefined
  return { service: `${String(namespace)}/${String(name)}`, endpoints: endpoints.length }
}

type Metering<T> = {
  readonly kind: string
  readonly budget: Budget
  /** Whose an object is; undefined for what has no budget. */
  readonly sourceOf: (object: T) => string | undefined
  readonly shareOf: (object: T) => Share | undefined
  readonly now: () => number
  /** Asks for `wake(source)` in `ms`. */
  readonly later: (source: string, ms: number) => void
  /** Asks for `answer(source, key, …)`. */
  readonly ask: (source: string, key: string) => void
  readonly told: Throttling
}

/** A state that waits; without its object, which is too much to keep. */
type Held<T> = { readonly object: T | undefined; readonly bytes: number }

type Taken<T> = { readonly object: T; readonly bytes: number; readonly share: Share | undefined }
type Source<T> = {
  account: Account
  /** As the store has them. */
  readonly taken: Map<string, Taken<T>>
  /** Endpoints in `taken`, by service. */
  readonly endpoints: Map<string, number>
  /** The last state of each that waits, the one that has waited longest first. */
  readonly held: Map<string, Held<T>>
  /** Of the objects in `held`. */
  heldBytes: number
  /** The key of what was asked for and not answered yet. */
  asking: string | undefined
  over: { readonly short: Short; readonly service?: string; readonly untilMs: number } | undefined
}

export interface Meter<T> extends StoreWriter<T> {
  wake(source: string): void
  /** What was asked for, as it is now; undefined when it is not there. */
  answer(source: string, key: string, object: T | undefined): void
  /** It waits on, until there is credit or room again. */
  unanswered(source: string, key: string): void
}

export function metered<T extends KubeObject>(
  writer: StoreWriter<T>,
  { kind, budget, sourceOf, shareOf, now, later, ask, told }: Metering<T>,
): Meter<T> {
  const sources = new Map<string, Source<T>>()
  /** Of the list that is coming in; undefined between lists. */
  let listed: T[] | undefined

  const newSource = (): Source<T> => ({
    account: opened(budget, now()),
    taken: new Map(),
    endpoints: new Map(),
    held: new Map(),
    heldBytes: 0,
    asking: undefined,
    over: undefined,
  })

  function accountFor(name: string): Source<T> {
    const source = sources.get(name) ?? newSource()
    sources.set(name, source)
    return source
  }

  /** Books the object if there is room for it. */
  function fits(source: Source<T>, key: string, object: T): boolean {
    const before = source.taken.get(key)
    const bytes = JSON.stringify(object).length
    const growth: Size = { objects: before === undefined ? 1 : 0, bytes: bytes - (before?.bytes ?? 0) }
    const share = shareOf(object)
    const full = noRoomFor(budget, source.account, growth) ?? noRoomInService(source, share, before?.share)
    if (full !== undefined) {
      source.over = {
        short: full,
        ...(full === 'endpoints' && share !== undefined ? { service: share.service } : {}),
        untilMs: now() + calmMs,
      }
      return false
    }
    book(source, growth, share, before?.share)
    source.taken.set(key, { object, bytes, share })
    return true
  }

  function noRoomInService({ endpoints }: Source<T>, share: Share | undefined, before: Share | undefined) {
    if (share === undefined) return undefined
    const had = before?.service === share.service ? before.endpoints : 0
    const all = (endpoints.get(share.service) ?? 0) - had + share.endpoints
    return share.endpoints > had && all > budget.endpointsOfAService ? 'endpoints' : undefined
  }

  function book(source: Source<T>, growth: Size, share: Share | undefined, before: Share | undefined): void {
    source.account = grown(source.account, growth)
    for (const [of, sign] of [
      [before, -1],
      [share, 1],
    ] as const) {
      if (of === undefined) continue
      const all = (source.endpoints.get(of.service) ?? 0) + sign * of.endpoints
      if (all > 0) source.endpoints.set(of.service, all)
      else source.endpoints.delete(of.service)
    }
  }

  /** Whether it is time for another change; if not, we come back when it is. */
  function hasCredit(name: string, source: Source<T>): boolean {
    const wait = waitMs(budget, source.account, now())
    if (wait === 0) return true
    source.over = { short: 'changes', untilMs: now() + calmMs }
    later(name, wait)
    return false
  }

  function passes(name: string, source: Source<T>, key: string, object: T): boolean {
    if (!hasCredit(name, source) || !fits(source, key, object)) return false
    source.account = charged(budget, source.account, now())
    writer.take({ type: 'put', object })
    return true
  }

  function hold(source: Source<T>, key: string, object: T): void {
    drop(source, key)
    const bytes = JSON.stringify(object).length
    const kept = source.heldBytes + bytes <= budget.bytes
    if (kept) source.heldBytes += bytes
    source.held.set(key, { object: kept ? object : undefined, bytes: kept ? bytes : 0 })
  }

  function drop(source: Source<T>, key: string): void {
    source.heldBytes -= source.held.get(key)?.bytes ?? 0
    source.held.delete(key)
    if (source.asking === key) source.asking = undefined
  }

  function release(name: string, source: Source<T>): void {
    for (const [key, { object }] of source.held) {
      if (waitMs(budget, source.account, now()) > 0) break
      if (object !== undefined && passes(name, source, key, object)) drop(source, key)
    }
    askFor(name, source)
    if (source.held.size > 0) hasCredit(name, source)
  }

  /** For one at a time: what comes may not fit, and then there is no use in asking for more. */
  function askFor(name: string, source: Source<T>): void {
    if (source.asking !== undefined || noRoomFor(budget, source.account, { objects: 1, bytes: 1 }) !== undefined) return
    const [key] = source.held.entries().find(([, { object }]) => object === undefined) ?? []
    if (key === undefined) return
    source.asking = key
    ask(name, key)
  }

  function put(object: T): void {
    const name = sourceOf(object)
    if (name === undefined) {
      writer.take({ type: 'put', object })
      return
    }
    const source = accountFor(name)
    const key = keyText(keyOf(object))
    if (passes(name, source, key, object)) drop(source, key)
    else hold(source, key, object)
    tell(name, source)
  }

  function gone(object: T): void {
    writer.take({ type: 'gone', object })
    const name = sourceOf(object)
    const source = name === undefined ? undefined : sources.get(name)
    if (name === undefined || source === undefined) return
    const key = keyText(keyOf(object))
    drop(source, key)
    const before = source.taken.get(key)
    if (before !== undefined) {
      source.taken.delete(key)
      book(source, { objects: -1, bytes: -before.bytes }, undefined, before.share)
      release(name, source)
    }
    tell(name, source)
  }

  /** A list is one change, and we asked for it: it costs no credit. What was taken and is still there keeps its room. */
  function takeList(objects: readonly T[]): void {
    const before = new Map(sources)
    for (const [name, { account, over }] of before)
      sources.set(name, { ...newSource(), account: { ...account, objects: 0, bytes: 0 }, over })
    const listed = objects.map((object) => {
      const [name, key] = [sourceOf(object), keyText(keyOf(object))]
      const was = name === undefined ? undefined : before.get(name)?.taken.get(key)
      return { object, key, was, source: name === undefined ? undefined : accountFor(name) }
    })
    for (const { key, was, source } of listed) {
      if (source === undefined || was === undefined) continue
      source.taken.set(key, was)
      book(source, { objects: 1, bytes: was.bytes }, was.share, undefined)
    }
    writer.take({ type: 'reset' })
    for (const { object, key, was, source } of listed) {
      if (source === undefined || fits(source, key, object)) writer.take({ type: 'put', object })
      else {
        hold(source, key, object)
        if (was !== undefined) writer.take({ type: 'put', object: was.object })
      }
    }
    writer.take({ type: 'synced' })
    for (const [name, source] of sources) tell(name, source)
  }

  /** What is held is over the budget however long ago it came. */
  function tell(name: string, source: Source<T>): void {
    const left = source.over === undefined ? 0 : source.over.untilMs - now()
    if (left <= 0 && source.held.size === 0) source.over = undefined
    else if (source.held.size === 0) later(name, left)
    told(
      kind,
      [...sources].flatMap(([clusterID, { over }]) =>
        over === undefined ? [] : [{ clusterID, kind, short: over.short, budget, service: over.service }],
      ),
    )
  }

  return {
    take: (event) => {
      switch (event.type) {
        case 'reset':
          listed = []
          return
        case 'synced':
          takeList(listed ?? [])
          listed = undefined
          return
        case 'put':
          if (listed === undefined) put(event.object)
          else listed.push(event.object)
          return
        case 'gone':
          gone(event.object)
          return
      }
    },
    answer: (name, key, object) => {
      const source = sources.get(name)
      // Whoever spoke of it meanwhile knows more.
      if (source?.asking !== key) return
      drop(source, key)
      if (object !== undefined) put(object)
      if (!source.held.has(key)) release(name, source)
      tell(name, source)
    },
    unanswered: (name, key) => {
      const source = sources.get(name)
      if (source?.asking !== key) return
      drop(source, key)
      source.held.set(key, { object: undefined, bytes: 0 })
      later(name, calmMs)
    },
    wake: (name) => {
      const source = sources.get(name)
      if (source === undefined) return
      release(name, source)
      tell(name, source)
    },
  }
}
