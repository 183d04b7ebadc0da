// List, then watch, for as long as the signal lives: a stream of events that survives whatever the apiserver does.
//
//   list ──► watch ──► clean end, reset, silence, 5xx ──► pause ──► watch again from the last resource version
//    ▲         └────► 410: that version is forgotten ──► list again; between 'reset' and 'synced' the reader swaps its whole store
//    └──────────────────┘
import { backoff } from '#lib/std/backoff.ts'
import { pause } from '#lib/std/pause.ts'
import type { Kube } from './client.ts'
import { received, selectors } from './client.ts'
import type { Status } from './errors.ts'
import { isExpired, StatusError } from './errors.ts'
import type { Kind, KubeObject, Where } from './object.ts'
import { pathOf } from './object.ts'

/** `reset`: all of them follow as `put`, closed by `synced`; what was not among them is gone. Afterwards each change as it happens. */
export type WatchEvent<T> = { readonly type: 'reset' | 'synced' } | { readonly type: 'put' | 'gone'; readonly object: T }

// How a silent watch is noticed. A frozen apiserver or a middlebox that forgot us keeps the TCP connection looking alive, and
// server bookmarks come only once a minute. So each watch asks to be ended by the server after 30 to 40 s, and one that has not
// ended GRACE_MS later is dead: at most 44 s. Going on is cheap, as the server sends a bookmark shortly before the end and the
// next request, on the same socket, asks for what came after it; nothing is listed again. The price is one small request per
// watch every 35 s. The range keeps watches that began together from coming back together.
const WATCH_SECONDS = { least: 30, most: 40 }
const GRACE_MS = 4000

// Retries stay close together, because a reader is stale while it waits; jitter spreads the crowd after an apiserver's restart.
const RETRY = { firstMs: 200, mostMs: 10_000 }
/** A watch that lived this long was a success: the next fault starts the backoff anew. */
const LASTED_MS = 10_000
/** Wait at most this long after a watch that the server ended properly. A proxy that ends every watch early must not make us blind. */
const CLEAN_END_MS = 1000

export async function* watch<T extends KubeObject>(
  kube: Pick<Kube, 'list' | 'stream' | 'log'>,
  kind: Kind<T>,
  where: Where,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent<T>, void> {
  const wait = backoff(RETRY.firstMs, RETRY.mostMs)
  let since: string | undefined
  let troubled = false
  const stopped = () => signal.aborted
  while (!stopped()) {
    const began = performance.now()
    const lasted = () => performance.now() - began > LASTED_MS
    try {
      if (since === undefined) {
        const list = await kube.list(kind, where, signal)
        yield { type: 'reset' }
        for (const object of list.items) yield { type: 'put', object }
        yield { type: 'synced' }
        since = list.resourceVersion
      }
      for await (const change of changes(kube, kind, where, since, signal)) {
        since = change.resourceVersion
        if (troubled) kube.log.info({ kind: kind.kind, where }, 'watching again')
        troubled = false
        if (change.event !== undefined) yield change.event
      }
      if (lasted()) wait.reset()
      else await pause(Math.min(CLEAN_END_MS, wait.next()), signal)
    } catch (error) {
      if (stopped()) return
      if (isExpired(error)) since = undefined
      if (lasted()) wait.reset()
      // A relist is no trouble unless it comes again at once.
      if (!troubled && !isExpired(error)) kube.log.warn({ err: error, kind: kind.kind, where }, 'watch broke; trying again')
      troubled ||= !isExpired(error)
      const asked = error instanceof StatusError ? (error.retryAfterMs ?? 0) : 0
      await pause(Math.max(asked, wait.next()), signal)
    }
  }
}

interface Change<T> {
  readonly resourceVersion: string
  /** Absent for a bookmark, which moves the resource version and nothing else. */
  readonly event?: { readonly type: 'put' | 'gone'; readonly object: T }
}

interface WireEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  readonly object: T
}

/** One watch request, from `since` to its end. Throws StatusError for an ERROR event. */
async function* changes<T extends KubeObject>(
  kube: Pick<Kube, 'stream'>,
  kind: Kind<T>,
  where: Where,
  since: string,
  signal: AbortSignal,
): AsyncGenerator<Change<T>, void> {
  const timeoutSeconds = WATCH_SECONDS.least + Math.floor(Math.random() * (WATCH_SECONDS.most - WATCH_SECONDS.least + 1))
  const path = pathOf(kind, where.namespace === undefined ? {} : { namespace: where.namespace })
  const query = { ...selectors(where), watch: true, allowWatchBookmarks: true, resourceVersion: since, timeoutSeconds }
  for await (const line of kube.stream({ method: 'GET', path, query }, timeoutSeconds * 1000 + GRACE_MS, signal)) {
    const { type, object } = line as WireEvent<T>
    if (type === 'ERROR') throw watchError(path, object as unknown as Status)
    const resourceVersion = object.metadata.resourceVersion ?? since
    if (type === 'BOOKMARK') yield { resourceVersion }
    else yield { resourceVersion, event: { type: type === 'DELETED' ? 'gone' : 'put', object: received(kind, object) } }
  }
}

function watchError(path: string, status: Status): StatusError {
  const seconds = status.details?.retryAfterSeconds
  return new StatusError(`WATCH ${path}`, status.code ?? 500, status, seconds === undefined ? undefined : seconds * 1000)
}
