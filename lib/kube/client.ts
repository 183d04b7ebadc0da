// The typed client: the verbs of the Kubernetes API over the transport. Throws StatusError and UnreachableError (errors.ts).
import type { Logger } from '#lib/std/log.ts'
import { backoff } from '#lib/std/backoff.ts'
import { pause } from '#lib/std/pause.ts'
import type { Connection } from './connection.ts'
import { isNotFound, StatusError } from './errors.ts'
import type { Key, Kind, KubeObject, Meta, Wanted, Where } from './object.ts'
import { keyOf, pathOf } from './object.ts'
import { packRows } from './packed-rows.ts'
import type { Ask } from './transport.ts'
import { transport } from './transport.ts'

export type ListResult<T> = { readonly items: T[]; readonly resourceVersion: string }

export interface ApplyOptions {
  /** Who owns the fields; `tombolo-<component>`. */
  readonly fieldManager: string
  readonly subresource?: 'status'
  readonly dryRun?: boolean
  /** Take fields from other managers. Default true: a controller says what must be, the API server's conflict is for people. */
  readonly force?: boolean
}

export interface WriteOptions {
  readonly fieldManager?: string
  readonly subresource?: 'status'
  readonly dryRun?: boolean
}

export interface DeleteOptions {
  /** Only this incarnation; another is a conflict. */
  readonly uid?: string
  readonly propagation?: 'Background' | 'Foreground' | 'Orphan'
  /** Of a pod: how long its containers may take to end; 0: the object goes at once. */
  readonly graceSeconds?: number
  readonly dryRun?: boolean
}

export interface Kube extends AsyncDisposable {
  /** Where watches and retries report. */
  readonly log: Logger
  /** Undefined when there is none of that name. */
  get<T extends KubeObject>(kind: Kind<T>, key: Key, signal: AbortSignal): Promise<T | undefined>
  /** All of them, in pages behind the scenes; `resourceVersion` is where a watch may go on. */
  list<T extends KubeObject>(kind: Kind<T>, where: Where, signal: AbortSignal): Promise<ListResult<T>>
  /** Server-side apply: the fields of `object` become ours, those we had and no longer name go. */
  apply<T extends KubeObject>(kind: Kind<T>, object: Wanted<NoInfer<T>>, options: ApplyOptions, signal: AbortSignal): Promise<T>
  create<T extends KubeObject>(kind: Kind<T>, object: Wanted<NoInfer<T>>, options: WriteOptions, signal: AbortSignal): Promise<T>
  /** The whole object; with `metadata.resourceVersion` it is a conflict if somebody wrote in between. */
  replace<T extends KubeObject>(kind: Kind<T>, object: Wanted<NoInfer<T>>, options: WriteOptions, signal: AbortSignal): Promise<T>
  /** JSON merge patch (RFC 7386): null removes a field, lists are replaced. */
  patch<T extends KubeObject>(kind: Kind<T>, key: Key, body: object, options: WriteOptions, signal: AbortSignal): Promise<T>
  /** Asks for deletion; no error when it is not there. */
  delete(kind: Kind, key: Key, options: DeleteOptions, signal: AbortSignal): Promise<void>
  /** Anything else, such as a TokenRequest. The caller knows the shape of the answer. */
  request(ask: Ask, signal: AbortSignal): Promise<unknown>
  /** Newline-delimited JSON (a watch, a log); `ms` limits the whole of it. See transport.ts. */
  stream(ask: Ask, ms: number, signal: AbortSignal): AsyncGenerator<unknown, void>
}

/** Objects that others write can be of a megabyte each, and a page is held as text and as objects at once. */
const PAGE = 100
const TRIES = 5

export function kube(connection: Connection, log: Logger, userAgent = 'tombolo'): Kube {
  const wire = transport(connection, userAgent)

  /** Tries again when the server says that it did nothing and when to come back; everything else is the caller's. */
  async function request(ask: Ask, signal: AbortSignal): Promise<unknown> {
    const wait = backoff(200, 5000)
    for (let tries = 1; ; tries++) {
      try {
        return await wire.answer(ask, signal)
      } catch (error) {
        if (!(error instanceof StatusError) || !isOverload(error, ask) || tries === TRIES) throw error
        log.debug({ err: error, tries }, 'request put off by the apiserver')
        await pause(error.retryAfterMs ?? wait.next(), signal)
        signal.throwIfAborted()
      }
    }
  }

  async function object<T extends KubeObject>(kind: Kind<T>, ask: Ask, signal: AbortSignal): Promise<T> {
    return received(kind, (await request(ask, signal)) as T)
  }

  return {
    log,
    get: async (kind, key, signal) => {
      try {
        return await object(kind, { method: 'GET', path: pathOf(kind, key) }, signal)
      } catch (error) {
        if (isNotFound(error)) return undefined
        throw error
      }
    },
    list: async <T extends KubeObject>(kind: Kind<T>, where: Where, signal: AbortSignal) => {
      const items: T[] = []
      for (let page = ''; ;) {
        const query = { ...selectors(where), limit: PAGE, continue: page === '' ? undefined : page }
        const list = (await request({ method: 'GET', path: pathOf(kind, inNamespace(where)), query }, signal)) as ListOf<T>
        for (const item of list.items ?? []) items.push(received(kind, item))
        page = list.metadata.continue ?? ''
        if (page === '') return { items, resourceVersion: list.metadata.resourceVersion ?? '' }
      }
    },
    apply: (kind, wanted, options, signal) =>
      object(
        kind,
        {
          method: 'PATCH',
          path: pathOf(kind, keyOf(wanted), options.subresource),
          query: {
            fieldManager: options.fieldManager,
            force: options.force ?? true,
            dryRun: options.dryRun === true ? 'All' : undefined,
          },
          contentType: 'application/apply-patch+yaml',
          body: wanted,
        },
        signal,
      ),
    create: (kind, wanted, options, signal) =>
      object(
        kind,
        { method: 'POST', path: pathOf(kind, inNamespace(keyOf(wanted))), query: writeQuery(options), body: wanted },
        signal,
      ),
    replace: (kind, wanted, options, signal) =>
      object(
        kind,
        { method: 'PUT', path: pathOf(kind, keyOf(wanted), options.subresource), query: writeQuery(options), body: wanted },
        signal,
      ),
    patch: (kind, key, body, options, signal) =>
      object(
        kind,
        {
          method: 'PATCH',
          path: pathOf(kind, key, options.subresource),
          query: writeQuery(options),
          contentType: 'application/merge-patch+json',
          body,
        },
        signal,
      ),
    delete: async (kind, key, options, signal) => {
      const body = {
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        propagationPolicy: options.propagation ?? 'Background',
        ...(options.graceSeconds === undefined ? {} : { gracePeriodSeconds: options.graceSeconds }),
        ...(options.uid === undefined ? {} : { preconditions: { uid: options.uid } }),
        ...(options.dryRun === true ? { dryRun: ['All'] } : {}),
      }
      try {
        await request({ method: 'DELETE', path: pathOf(kind, key), body }, signal)
      } catch (error) {
        if (!isNotFound(error)) throw error
      }
    },
    request,
    stream: (ask, ms, signal) => wire.stream(ask, ms, signal),
    [Symbol.asyncDispose]: () => wire[Symbol.asyncDispose](),
  }
}

interface ListOf<T> {
  readonly items: T[] | null
  readonly metadata: { readonly continue?: string; readonly resourceVersion?: string }
}

/**
 * 429: turned away before it did anything. A 5xx with Retry-After may have been carried out, as when the storage was too slow to answer:
 * what does the same when done twice is asked again, and a create is not, as it would then find its own object in the way.
 */
const isOverload = ({ code, retryAfterMs }: StatusError, { method }: Ask): boolean =>
  code === 429 || (code >= 500 && retryAfterMs !== undefined && method !== 'POST')

const inNamespace = ({ namespace }: Where | Key): { namespace?: string } => (namespace === undefined ? {} : { namespace })

export const selectors = (where: Where) => ({ labelSelector: where.labels, fieldSelector: where.fields })

const writeQuery = (options: WriteOptions) => ({
  fieldManager: options.fieldManager,
  dryRun: options.dryRun === true ? 'All' : undefined,
})

/**
 * An object as it came off the wire, made fit to keep: items of a list carry no kind of their own, and managedFields are
 * often more than half of an object while nobody here reads them.
 */
export function received<T extends KubeObject>(kind: Kind<T>, object: T): T {
  object.apiVersion = kind.apiVersion
  object.kind = kind.kind
  delete (object.metadata as Meta & { managedFields?: unknown }).managedFields
  if (kind.rows !== undefined) packRows(object, kind.rows)
  return object
}
