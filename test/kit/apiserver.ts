// An apiserver for tests, over HTTP, so that the real client code is what runs: list with pages, watch with bookmarks,
// conflicts, expiry, server-side apply; and every fault that a test scripts. It knows no schema: any kind goes.
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Connection } from '#lib/kube/connection.ts'
import type { Key, Kind, KubeObject } from '#lib/kube/object.ts'
import { keyOf } from '#lib/kube/object.ts'
import type { At, Change, ClusterState } from './cluster-state.ts'
import { clusterState, Refused } from './cluster-state.ts'
import { answerExec, refuseExec } from './exec.ts'
import { selects } from './selectors.ts'

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'apply' | 'delete'

/** A request as the server saw it. */
export interface Seen extends At {
  readonly verb: Verb
  /** The last part of `resource`, such as `services`. */
  readonly plural: string
  readonly query: URLSearchParams
  readonly token: string | undefined
  readonly socket: object
}

export type Fault =
  /** Answers with this and does nothing. */
  | {
      readonly do: 'status'
      readonly code: number
      readonly reason?: string
      readonly retryAfterSeconds?: number
      readonly text?: string
    }
  /** Cuts the connection before an answer. */
  | { readonly do: 'reset' }
  /** Does the work, then cuts the connection instead of answering. */
  | { readonly do: 'lose-answer' }
  /** Never answers. A watch is accepted and stays silent. */
  | { readonly do: 'silence' }
  /** A watch whose first line is this Status in an ERROR event. */
  | { readonly do: 'error-event'; readonly code: number; readonly reason: string }

/** A watch that is open. */
export interface LiveWatch {
  readonly seen: Seen
  /** Ends it as the server does when its time is up, with a bookmark. */
  end(): void
  /** Cuts the connection. */
  reset(): void
  /** Keeps it open and sends nothing any more. */
  silence(): void
  bookmark(): void
  /** Any bytes, for what a server should never send. */
  send(text: string | Uint8Array): void
}

export interface ApiServer extends AsyncDisposable {
  readonly connection: Connection
  /** All requests so far, refused ones included. */
  readonly requests: readonly Seen[]
  readonly watches: ReadonlySet<LiveWatch>
  /** Creates or replaces without HTTP, status included. */
  put<T extends KubeObject>(kind: Kind<T>, object: NoInfer<T>): T
  read<T extends KubeObject>(kind: Kind<T>, key: Key): T | undefined
  remove(kind: Kind, key: Key): void
  /** The next `times` requests that match meet this fault. The result takes it back. */
  fault(match: (seen: Seen) => boolean, fault: Fault, times?: number): () => void
  /** Watches and list pages from before now are expired. */
  compact(): void
  /** From now on only this bearer token gets in. */
  accept(token: string): void
  /** What programs in pods print, and how they end. Without it none can be started. */
  onExec(run: (asked: Exec) => ExecAnswer): void
  /** What containers have logged; undefined where the container is not known. */
  onLog(log: (asked: Log) => string | undefined): void
}

export type Exec = {
  readonly namespace: string
  readonly pod: string
  readonly container: string
  readonly command: readonly string[]
}
export type ExecAnswer = { readonly stdout?: string; readonly stderr?: string; readonly exitCode?: number }
export type Log = { readonly namespace: string; readonly pod: string; readonly container: string; readonly previous: boolean }

/** The requests that change something. */
export const writes = (server: ApiServer): readonly Seen[] =>
  server.requests.filter(({ verb }) => !['get', 'list', 'watch'].includes(verb))

/** `defaults`: what it fills in when an object is made, such as the address of a Service. */
export async function apiserver(defaults?: (object: KubeObject) => KubeObject): Promise<ApiServer> {
  const state = clusterState(defaults)
  const requests: Seen[] = []
  const watches = new Set<LiveWatch>()
  const faults: { match: (seen: Seen) => boolean; fault: Fault; left: number }[] = []
  const pages = new Map<string, Page>()
  let accepted: string | undefined
  let onExec: (asked: Exec) => ExecAnswer = () => ({ exitCode: 126, stderr: 'no programs here' })
  let onLog: (asked: Log) => string | undefined = () => undefined

  const server = createServer((request, response) => {
    request.socket.setNoDelay(true)
    void handle(request, response)
  })
  server.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
    const seen = see(request)
    requests.push(seen)
    const fault = takeFault(seen)
    if (accepted !== undefined && seen.token !== accepted) {
      refuseExec(socket, 401, statusOf(401, 'Unauthorized', 'Unauthorized'))
    } else if (fault?.do === 'status') {
      refuseExec(socket, fault.code, statusOf(fault.code, fault.reason ?? '', 'scripted by the test'))
    } else if (fault !== undefined) {
      socket.destroy()
    } else {
      const { namespace, name: pod, query } = seen
      answerExec(
        request,
        socket,
        onExec({ namespace, pod, container: query.get('container') ?? '', command: query.getAll('command') }),
      )
    }
  })
  // A client that goes away in the middle is ordinary here.
  server.on('clientError', (_, socket) => socket.destroy())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const seen = see(request)
    requests.push(seen)
    const body = await bodyOf(request).catch(() => undefined)
    if (body === undefined) return
    if (accepted !== undefined && seen.token !== accepted) {
      refuse(response, new Refused(401, 'Unauthorized', 'Unauthorized'))
      return
    }
    const fault = takeFault(seen)
    if (fault === undefined || fault.do === 'lose-answer') {
      try {
        const result = answer(seen, body, response)
        if (fault !== undefined) request.socket.destroy()
        else if (result !== undefined) json(response, seen.verb === 'create' ? 201 : 200, result)
      } catch (error) {
        refuse(response, error)
      }
      return
    }
    misbehave(fault, seen, request, response)
  }

  function takeFault(seen: Seen): Fault | undefined {
    const entry = faults.find(({ match, left }) => left > 0 && match(seen))
    if (entry === undefined) return undefined
    entry.left--
    return entry.fault
  }

  function misbehave(
    fault: Exclude<Fault, { do: 'lose-answer' }>,
    seen: Seen,
    request: IncomingMessage,
    response: ServerResponse,
  ): void {
    switch (fault.do) {
      case 'status': {
        if (fault.retryAfterSeconds !== undefined) response.setHeader('retry-after', fault.retryAfterSeconds)
        if (fault.text === undefined) json(response, fault.code, statusOf(fault.code, fault.reason ?? '', 'scripted by the test'))
        else response.writeHead(fault.code).end(fault.text)
        return
      }
      case 'reset':
        request.socket.destroy()
        return
      case 'silence':
        if (seen.verb === 'watch') openWatch(seen, response).silence()
        return
      case 'error-event':
        response.writeHead(200, { 'content-type': 'application/json' })
        response.end(`${JSON.stringify({ type: 'ERROR', object: statusOf(fault.code, fault.reason, 'scripted by the test') })}\n`)
    }
  }

  function answer(seen: Seen, body: string, response: ServerResponse): object | undefined {
    const dry = seen.query.get('dryRun') === 'All'
    const manager = seen.query.get('fieldManager') ?? 'unknown'
    const object = () => parseObject(seen, body)
    switch (seen.verb) {
      case 'get':
        if (seen.subresource === 'log') {
          answerLog(seen, response)
          return undefined
        }
        return found(state, seen)
      case 'list':
        return list(state, pages, seen)
      case 'watch':
        startWatch(seen, response)
        return undefined
      case 'create':
        if (seen.subresource === 'token') return tokenFor(seen)
        // A review is a question; it is answered and not kept.
        if (seen.plural.endsWith('reviews')) return { ...object(), metadata: { creationTimestamp: new Date().toISOString() } }
        return state.create({ ...seen, name: object().metadata.name }, object(), manager, dry)
      case 'update':
        return state.replace(seen, object(), manager, dry)
      case 'patch':
        return state.merge(seen, JSON.parse(body) as object, manager, dry)
      case 'apply':
        if (seen.query.get('fieldManager') === null)
          throw new Refused(400, 'BadRequest', 'fieldManager is required for apply patch')
        return state.apply(seen, object(), manager, seen.query.get('force') === 'true', dry)
      case 'delete': {
        const options = (body === '' ? {} : JSON.parse(body)) as { preconditions?: { uid?: string }; dryRun?: string[] }
        state.remove(seen, options.preconditions?.uid, options.dryRun !== undefined)
        return { kind: 'Status', apiVersion: 'v1', status: 'Success' }
      }
    }
  }

  function answerLog(seen: Seen, response: ServerResponse): void {
    const { namespace, name: pod, query } = seen
    const text = onLog({ namespace, pod, container: query.get('container') ?? '', previous: query.get('previous') === 'true' })
    if (text === undefined) throw new Refused(400, 'BadRequest', `container of pod ${pod} has no such log`)
    response.writeHead(200, { 'content-type': 'text/plain' }).end(text)
  }

  function startWatch(seen: Seen, response: ServerResponse): void {
    const from = Number(seen.query.get('resourceVersion') ?? state.version)
    const missed = state.since(from)
    const live = openWatch(seen, response)
    if (missed === undefined) {
      live.send(
        `${JSON.stringify({ type: 'ERROR', object: statusOf(410, 'Expired', `too old resource version: ${from} (${state.version})`) })}\n`,
      )
      response.end()
      return
    }
    const tell = (change: Change) => {
      const event = asEvent(seen, change)
      if (event !== undefined) live.send(`${JSON.stringify(event)}\n`)
    }
    for (const change of missed) tell(change)
    const stop = state.onChange(tell)
    const timer = setTimeout(() => live.end(), Number(seen.query.get('timeoutSeconds') ?? 1800) * 1000)
    response.on('close', () => {
      stop()
      clearTimeout(timer)
    })
  }

  function openWatch(seen: Seen, response: ServerResponse): LiveWatch {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.flushHeaders()
    let silent = false
    const send = (text: string | Uint8Array) => {
      if (!silent && !response.writableEnded) response.write(text)
    }
    const bookmark = () => {
      if (seen.query.get('allowWatchBookmarks') !== 'true') return
      send(`${JSON.stringify({ type: 'BOOKMARK', object: { metadata: { resourceVersion: String(state.version) } } })}\n`)
    }
    const live: LiveWatch = {
      seen,
      send,
      bookmark,
      end: () => {
        bookmark()
        response.end()
      },
      reset: () => response.socket?.destroy(),
      silence: () => {
        silent = true
      },
    }
    watches.add(live)
    response.on('close', () => watches.delete(live))
    return live
  }

  const { port } = server.address() as AddressInfo
  return {
    connection: { server: `http://127.0.0.1:${port}`, token: () => Promise.resolve(accepted) },
    requests,
    watches,
    put: (kind, object) => {
      const at = placeOf(kind, keyOf(object))
      if (state.get(at) === undefined) state.create(at, object, 'test', false)
      else state.replace(at, { ...object, metadata: { ...object.metadata, resourceVersion: '' } }, 'test', false)
      if (object.status !== undefined) state.replace({ ...at, subresource: 'status' }, object, 'test', false)
      return structuredClone(state.get(at)) as typeof object
    },
    read: <T extends KubeObject>(kind: Kind<T>, key: Key) => structuredClone(state.get(placeOf(kind, key))) as T | undefined,
    remove: (kind, key) => state.remove(placeOf(kind, key), undefined, false),
    fault: (match, fault, times = 1) => {
      const entry = { match, fault, left: times }
      faults.push(entry)
      return () => {
        entry.left = 0
      }
    },
    compact: () => {
      state.compact()
      pages.clear()
    },
    accept: (token) => {
      accepted = token
    },
    onExec: (run) => {
      onExec = run
    },
    onLog: (log) => {
      onLog = log
    },
    [Symbol.asyncDispose]: async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

interface Page {
  readonly items: readonly KubeObject[]
  readonly version: number
}

function list(state: ClusterState, pages: Map<string, Page>, seen: Seen): object {
  const token = seen.query.get('continue')
  const page = token === null ? firstPage(state, seen) : pages.get(token)
  if (page === undefined) throw new Refused(410, 'Expired', 'The provided continue parameter is too old')
  const limit = Number(seen.query.get('limit') ?? Infinity)
  const rest = page.items.slice(limit)
  const next = rest.length === 0 ? undefined : `page-${pages.size + 1}`
  if (next !== undefined) pages.set(next, { items: rest, version: page.version })
  return {
    kind: 'List',
    metadata: { resourceVersion: String(page.version), ...(next === undefined ? {} : { continue: next }) },
    // Items of a typed list carry no kind of their own.
    items: page.items.slice(0, limit).map(({ apiVersion: _a, kind: _k, ...rest }) => rest),
  }
}

const firstPage = (state: ClusterState, seen: Seen): Page => ({
  items: state.list(seen.resource, seen.namespace).filter((object) => matches(seen, object)),
  version: state.version,
})

const matches = (seen: Seen, object: KubeObject): boolean =>
  (seen.namespace === '' || object.metadata.namespace === seen.namespace) &&
  selects(object, seen.query.get('labelSelector') ?? '', seen.query.get('fieldSelector') ?? '')

/** An object that starts to match comes as ADDED, one that stops as DELETED. */
function asEvent(seen: Seen, { resource, object, old }: Change): object | undefined {
  if (resource !== seen.resource) return undefined
  const was = old !== undefined && matches(seen, old)
  const is = object !== undefined && matches(seen, object)
  if (is) return { type: was ? 'MODIFIED' : 'ADDED', object }
  if (!was) return undefined
  return {
    type: 'DELETED',
    object:
      object === undefined ? old : { ...old, metadata: { ...old.metadata, resourceVersion: object.metadata.resourceVersion } },
  }
}

function found(state: ClusterState, seen: Seen): KubeObject {
  const object = state.get(seen)
  if (object === undefined) throw new Refused(404, 'NotFound', `${seen.plural} "${seen.name}" not found`)
  return object
}

const tokenFor = (seen: Seen): object => ({
  apiVersion: 'authentication.k8s.io/v1',
  kind: 'TokenRequest',
  metadata: { name: seen.name, namespace: seen.namespace },
  status: { token: `token-of-${seen.name}`, expirationTimestamp: new Date(Date.now() + 3_600_000).toISOString() },
})

function parseObject(seen: Seen, body: string): KubeObject {
  const object = JSON.parse(body) as KubeObject & { metadata: { managedFields?: unknown } }
  if (object.apiVersion === '' || object.kind === '') throw new Refused(400, 'BadRequest', 'apiVersion and kind must be set')
  if (seen.name !== '' && object.metadata.name !== seen.name)
    throw new Refused(400, 'BadRequest', 'the name of the object does not match the URL')
  if (object.metadata.managedFields !== undefined && seen.verb === 'apply')
    throw new Refused(400, 'BadRequest', 'metadata.managedFields must be nil')
  return object
}

function see(request: IncomingMessage): Seen {
  const url = new URL(request.url ?? '/', 'http://any')
  const at = parsePlace(url.pathname)
  return {
    ...at,
    verb: verbOf(request, url, at),
    plural: at.resource.split('/').at(-1) ?? '',
    query: url.searchParams,
    token: /^Bearer (.*)$/.exec(request.headers.authorization ?? '')?.[1],
    socket: request.socket,
  }
}

function verbOf(request: IncomingMessage, url: URL, at: At): Verb {
  switch (request.method ?? 'GET') {
    case 'GET':
      if (at.name !== '') return 'get'
      return url.searchParams.get('watch') === 'true' ? 'watch' : 'list'
    case 'POST':
      return 'create'
    case 'PUT':
      return 'update'
    case 'PATCH':
      return request.headers['content-type'] === 'application/apply-patch+yaml' ? 'apply' : 'patch'
    default:
      return 'delete'
  }
}

/** `/apis/GROUP/VERSION/namespaces/NS/PLURAL/NAME/SUB`, with the parts that there are. */
function parsePlace(path: string): At {
  const parts = path.split('/').slice(1).map(decodeURIComponent)
  const root = parts.splice(0, parts[0] === 'api' ? 2 : 3)
  const inside = parts[0] === 'namespaces' && parts.length > 2 && !['status', 'finalize'].includes(parts[2] ?? '')
  const namespace = inside ? (parts.splice(0, 2)[1] ?? '') : ''
  const [plural = '', name = '', subresource = ''] = parts
  return { resource: [...root, plural].join('/'), namespace, name, subresource }
}

const placeOf = (kind: Kind, key: Key): At => ({
  resource: `${kind.apiVersion.includes('/') ? 'apis' : 'api'}/${kind.apiVersion}/${kind.plural}`,
  namespace: key.namespace ?? '',
  name: key.name,
  subresource: '',
})

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

const statusOf = (code: number, reason: string, message: string, causes: readonly object[] = []): object => ({
  kind: 'Status',
  apiVersion: 'v1',
  status: 'Failure',
  code,
  reason,
  message,
  details: { causes },
})

function json(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

function refuse(response: ServerResponse, error: unknown): void {
  const refusal = error instanceof Refused ? error : new Refused(400, 'BadRequest', String(error))
  json(response, refusal.code, statusOf(refusal.code, refusal.reason, refusal.message, refusal.causes))
}
