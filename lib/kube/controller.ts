// The loop that every reconciler hangs in: changes in stores become keys, keys run on a few workers, outcomes decide what comes next.
// A reconciler gets a key and never an event: it reads what is there now, so a missed, doubled or late event does no harm.
import type { Logger } from '#lib/std/log.ts'
import { backoff, type Backoff } from '#lib/std/backoff.ts'
import { unreachable } from '#lib/std/unreachable.ts'
import { same } from './differs.ts'
import { StatusError } from './errors.ts'
import type { Key, KubeObject } from './object.ts'
import { keyText, parseKey } from './object.ts'
import { queue } from './queue.ts'
import type { Run } from './runs.ts'
import { tellRun } from './runs.ts'
import type { Store } from './store.ts'

export type Next =
  | { readonly kind: 'settled' }
  /** Something outside is not ready; look again by ourselves. */
  | { readonly kind: 'again'; readonly afterMs: number; readonly because: string }
  /** A person must act, and a change of an object will bring the key back: no retry. */
  | { readonly kind: 'blocked'; readonly reason: string; readonly message: string }

export const settled: Next = { kind: 'settled' }
export const again = (afterMs: number, because: string): Next => ({ kind: 'again', afterMs, because })
export const blocked = (reason: string, message: string): Next => ({ kind: 'blocked', reason, message })

/** Where keys come from. Made by `source`. */
export interface Source {
  whenSynced(signal: AbortSignal): Promise<void>
  /** Tells the keys of all objects there are, then of each change, with the flow that it belongs to (queue.ts); the result ends that. */
  follow(add: (key: Key, flow?: string) => void): () => void
}

export type SourceOptions<T> = {
  /** What a reconciler looks at in an object, if that is not all of it: a change of anything else is passed over. */
  readonly sees?: (object: T) => unknown
  /** Who causes the work that an object brings: the backlog of one holds up nobody else's. */
  readonly flow?: (object: T) => string | undefined
}

/** `keys` says what must be looked at again when `object` came, changed or went. A change counts for the old state and the new. */
export function source<T extends KubeObject>(
  store: Store<T>,
  keys: (object: T) => readonly Key[],
  { sees, flow }: SourceOptions<T> = {},
): Source {
  const looksAlike = (object: T | undefined, old: T | undefined) =>
    sees !== undefined && object !== undefined && old !== undefined && same(sees(object), sees(old))
  return {
    whenSynced: (signal) => store.whenSynced(signal),
    follow: (add) => {
      const tell = (object: T | undefined) => {
        if (object === undefined) return
        for (const key of keys(object)) add(key, flow?.(object))
      }
      const stop = store.onChange((object, old) => {
        if (looksAlike(object, old)) return
        tell(old)
        tell(object)
      })
      for (const object of store.list()) tell(object)
      return stop
    },
  }
}

export interface ControllerOptions {
  readonly name: string
  readonly sources: readonly Source[]
  /** May throw: the key comes back with exponential backoff. Must stop soon after `signal` aborts. */
  readonly reconcile: (key: Key, signal: AbortSignal) => Promise<Next>
  /** How many keys may run at once; default 1. */
  readonly workers?: number
  /** A key runs so long after it was first told of, by flow: changes that come together are one run. Default 0: at once. */
  readonly calmMs?: (flow: string | undefined) => number
  /** Whose work is waited for more: a key that comes up while one of them is busy is put off, and for so long at most after it first came up. */
  readonly givesWay?: { readonly to: readonly Controller[]; readonly mostMs: (key: Key) => number }
  /** Of which flow alone the work makes it busy for those who give way to it; any, unless said. */
  readonly busyWith?: string
  readonly log: Logger
}

export interface Controller {
  /** For what no store shows, such as a change on the machine. */
  add(key: Key): void
  /** It has more to do than workers, or had until a moment ago, and gets on with it: what fails or hangs is not waited for. */
  readonly busy: boolean
  /** Works until `signal` aborts and the runs then under way have ended. */
  run(signal: AbortSignal): Promise<void>
}

/** How long a key that gives way is put off at a time. */
const giveWayMs = 100
/** Whoever gave all workers something to do in so short a time is busy until then. */
const busyMs = 500
/** Where no run has ended well for so long while some were under way, they hang. */
const hangsMs = 3000

// The first retry is near at once, since most failures are a conflict with another writer. The cap is how stale an object may
// stay after an outage ended.
const RETRY = { firstMs: 10, mostMs: 30_000 }

export function controller(options: ControllerOptions): Controller {
  const { name, reconcile, sources, busyWith, calmMs = () => 0 } = options
  const log = options.log.child({ controller: name })
  const work = queue()
  const failing = new Map<string, Backoff>()
  /** What was last said about a key that is not well, so that it is said once. */
  const said = new Map<string, string>()
  const { workers = 1 } = options
  /** When the last runs began, as many as there are workers, the oldest first; by performance.now(). */
  const began = Array.from({ length: workers }, () => -Infinity)
  let underWay = 0
  /** When a run last ended well, or the first of those under way began; by performance.now(). */
  let movedAt = -Infinity
  let lastFailed = false
  /** Of keys that give way: when they first came up, by performance.now(). Known until a run of theirs settles, as one that fails has waited. */
  const cameUp = new Map<string, number>()

  function isPutOff(key: string): boolean {
    const { givesWay } = options
    if (givesWay?.to.some(({ busy }) => busy) === true) {
      const now = performance.now()
      const first = cameUp.get(key) ?? now
      if (now - first < givesWay.mostMs(parseKey(key))) {
        cameUp.set(key, first)
        work.addAfter(key, giveWayMs)
        return true
      }
    }
    return false
  }

  async function attempt(key: string, signal: AbortSignal): Promise<void> {
    const startedAt = performance.now()
    try {
      const next = await reconcile(parseKey(key), signal)
      failing.delete(key)
      if (next.kind !== 'again') cameUp.delete(key)
      movedAt = performance.now()
      lastFailed = false
      follow(key, next)
      ran(next.kind, startedAt)
    } catch (error) {
      if (signal.aborted) return
      lastFailed = true
      retry(key, error)
      ran('failed', startedAt)
    }
  }

  function follow(key: string, next: Next): void {
    switch (next.kind) {
      case 'settled':
        if (said.delete(key)) log.info({ key }, 'settled')
        return
      case 'again':
        work.addAfter(key, next.afterMs)
        say(key, next.because, () => log.info({ key, because: next.because }, 'waiting'))
        return
      case 'blocked':
        say(key, `${next.reason}: ${next.message}`, () =>
          log.warn({ key, reason: next.reason, detail: next.message }, 'blocked until something changes'),
        )
        return
      default:
        return unreachable(next)
    }
  }

  function retry(key: string, error: unknown): void {
    const wait = failing.get(key) ?? backoff(RETRY.firstMs, RETRY.mostMs)
    failing.set(key, wait)
    const asked = error instanceof StatusError ? (error.retryAfterMs ?? 0) : 0
    work.addAfter(key, Math.max(asked, wait.next()))
    say(key, String(error), () => log.warn({ err: error, key }, 'reconcile failed; trying again'))
  }

  function say(key: string, what: string, write: () => void): void {
    if (said.get(key) === what) return
    said.set(key, what)
    write()
  }

  const ran = (outcome: Run['outcome'], startedAt: number) =>
    tellRun({ controller: name, outcome, seconds: (performance.now() - startedAt) / 1000, waiting: work.size })

  function beginRun(key: string): void {
    const now = performance.now()
    if (underWay++ === 0) movedAt = now
    if (busyWith !== undefined && work.flowOf(key) !== busyWith) return
    began.push(now)
    began.shift()
  }

  function isBusy(): boolean {
    const now = performance.now()
    if (lastFailed || (underWay > 0 && now - movedAt > hangsMs)) return false
    const waiting = busyWith === undefined ? work.size : work.sizeOf(busyWith)
    return waiting > 0 || now - (began[0] ?? -Infinity) < busyMs
  }

  async function labour(signal: AbortSignal): Promise<void> {
    for (let key = await work.take(signal); key !== undefined; key = await work.take(signal)) {
      if (!isPutOff(key)) {
        beginRun(key)
        await attempt(key, signal)
        underWay--
      }
      work.done(key)
    }
  }

  function add(key: Key, flow?: string): void {
    const ms = calmMs(flow)
    if (ms === 0) work.add(keyText(key), flow)
    else work.addAfter(keyText(key), ms, flow)
  }

  return {
    add: (key) => add(key),
    get busy() {
      return isBusy()
    },
    run: async (signal) => {
      await Promise.all(sources.map((from) => from.whenSynced(signal)))
      const stops = sources.map((from) => from.follow(add))
      try {
        await Promise.all(Array.from({ length: workers }, () => labour(signal)))
      } finally {
        for (const stop of stops) stop()
        work[Symbol.dispose]()
      }
    },
  }
}
