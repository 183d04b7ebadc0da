// HTTP to one apiserver over node:https: kept-alive sockets, streaming answers, no retries but the two that only it can judge
// (a token refused, a kept socket that the server had closed). undici and fetch would cost every daemon 27 MB.
import * as http from 'node:http'
import * as https from 'node:https'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { deadline, within } from '#lib/std/deadline.ts'
import type { Connection } from './connection.ts'
import type { Status } from './errors.ts'
import { StatusError, UnreachableError } from './errors.ts'

export interface Ask {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Path from the server's root, already encoded. */
  readonly path: string
  /** Undefined values are left out. */
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  /** Sent as JSON. */
  readonly body?: unknown
  /** Of the body; `application/json` unless it is a patch. */
  readonly contentType?: string
  /** The answer as it is, such as a log; otherwise JSON. */
  readonly answer?: 'text'
}

export interface Transport extends AsyncDisposable {
  /** One answer, parsed. Throws StatusError for any status but 2xx, UnreachableError when none came within 30 s. */
  answer(ask: Ask, signal: AbortSignal): Promise<unknown>
  /** Newline-delimited JSON as it arrives. Ends when the server ends it; throws UnreachableError on a reset, or when `ms` are over before the end. */
  stream(ask: Ask, ms: number, signal: AbortSignal): AsyncGenerator<unknown, void>
}

const ANSWER_MS = 30_000
/** A server, or whoever speaks for it, must not put us off for a day. */
const MOST_RETRY_AFTER_MS = 60_000
// A peer that vanished without a FIN is noticed by the kernel: first probe after 10 s, then one a second, ten times.
const TCP_KEEPALIVE_MS = 10_000
// Free sockets are closed before the apiserver (90 s) or a load balancer (often 60 s) does.
const FREE_SOCKET_MS = 45_000
/**
 * Of an answer, also once it is unpacked, and of one line of a stream: far more than a page of the largest objects that are meant to be, and
 * less than a text can hold. A server that says more is not read to the end.
 */
const MOST_BYTES = 256 * 2 ** 20

/** How what comes is read. */
type As = 'answer' | 'stream'

export function transport(connection: Connection, userAgent: string): Transport {
  const server = new URL(connection.server)
  const tls = server.protocol === 'https:'
  // Streams hold a socket each for their whole life: a pool shared with them would starve the short requests.
  const short = agentFor(connection, tls, 16)
  const long = agentFor(connection, tls, Infinity)

  async function open(ask: Ask, as: As, signal: AbortSignal): Promise<http.IncomingMessage> {
    const first = await dial(ask, as, await connection.token('accepted'), signal)
    if (first.statusCode !== 401) return first
    const token = await connection.token('refused')
    if (token === undefined) return first
    first.resume()
    return dial(ask, as, token, signal)
  }

  async function dial(ask: Ask, as: As, token: string | undefined, signal: AbortSignal): Promise<http.IncomingMessage> {
    try {
      return await once(ask, as, token, signal)
    } catch (error) {
      // The server may close a kept socket in the moment we write on it. Repeating a POST could create twice.
      if (!(error instanceof StaleSocket) || ask.method === 'POST') throw error
      return once(ask, as, token, signal)
    }
  }

  function once(ask: Ask, as: As, token: string | undefined, signal: AbortSignal): Promise<http.IncomingMessage> {
    const payload = ask.body === undefined ? undefined : JSON.stringify(ask.body)
    // An apiserver does it for what is longer than 128 kB, as a page of a list may be. A stream is read as it comes.
    const encoding = as === 'answer' ? { 'accept-encoding': 'gzip' } : {}
    return new Promise((resolve, reject) => {
      const request = (tls ? https : http).request(
        urlOf(server, ask),
        {
          method: ask.method,
          agent: as === 'answer' ? short : long,
          signal,
          headers: { ...connection.headers, ...encoding, ...headersOf(ask, payload, token, userAgent) },
        },
        resolve,
      )
      request.on('socket', (socket) => socket.setKeepAlive(true, TCP_KEEPALIVE_MS))
      request.on('error', (error: NodeJS.ErrnoException) =>
        reject(
          request.reusedSocket && error.code === 'ECONNRESET' ? new StaleSocket('kept socket closed', { cause: error }) : error,
        ),
      )
      request.end(payload)
    })
  }

  return {
    answer: (ask, signal) =>
      reachable(ask, signal, () =>
        within(ANSWER_MS, signal, async (limited) => {
          const response = await open(ask, 'answer', limited)
          return read(ask, response, await textOf(response))
        }),
      ),
    stream: async function* (ask, ms, signal) {
      using limit = deadline(ms, signal)
      const response = await reachable(ask, signal, () => open(ask, 'stream', limit.signal))
      if (response.statusCode !== 200) read(ask, response, await reachable(ask, signal, () => textOf(response)))
      const lines = jsonLines(response)
      try {
        for (;;) {
          const line = await reachable(ask, signal, () => lines.next())
          if (line.done) return
          yield line.value
        }
      } finally {
        // Whoever stops reading before the end would leave it open for as long as the server does.
        response.destroy()
      }
    },
    [Symbol.asyncDispose]: () => {
      short.destroy()
      long.destroy()
      return Promise.resolve()
    },
  }
}

class StaleSocket extends Error {}

const gunzipped = promisify(gunzip)

export function agentFor(connection: Connection, tls: boolean, maxSockets: number): http.Agent {
  if (connection.agent !== undefined) return connection.agent
  const keep = { keepAlive: true, maxSockets, timeout: FREE_SOCKET_MS, scheduling: 'lifo' as const }
  if (!tls) return new http.Agent(keep)
  return new https.Agent({
    ...keep,
    ...(connection.ca === undefined ? {} : { ca: connection.ca }),
    ...(connection.clientCert === undefined ? {} : { cert: connection.clientCert }),
    ...(connection.clientKey === undefined ? {} : { key: connection.clientKey }),
    ...(connection.serverName === undefined ? {} : { servername: connection.serverName }),
    rejectUnauthorized: connection.verify !== 'never',
  })
}

export function urlOf(server: URL, ask: Ask): URL {
  const url = new URL(server)
  url.pathname = `${server.pathname.replace(/\/$/, '')}${ask.path}`
  for (const [name, value] of Object.entries(ask.query ?? {})) if (value !== undefined) url.searchParams.set(name, String(value))
  return url
}

function headersOf(
  ask: Ask,
  payload: string | undefined,
  token: string | undefined,
  userAgent: string,
): http.OutgoingHttpHeaders {
  return {
    accept: ask.answer === 'text' ? '*/*' : 'application/json',
    'user-agent': userAgent,
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(payload === undefined
      ? {}
      : { 'content-type': ask.contentType ?? 'application/json', 'content-length': Buffer.byteLength(payload) }),
  }
}

/** Whatever broke on the way becomes UnreachableError, but the owner's own abort stays what it is. */
async function reachable<T>(ask: Ask, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof StatusError) throw error
    signal.throwIfAborted()
    throw new UnreachableError(`${ask.method} ${ask.path}`, error)
  }
}

async function textOf(response: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes = bounded(bytes + chunk.length)
    chunks.push(chunk)
  }
  const whole = Buffer.concat(chunks)
  const isPacked = response.headers['content-encoding'] === 'gzip'
  return (isPacked ? await gunzipped(whole, { maxOutputLength: MOST_BYTES }) : whole).toString('utf8')
}

function bounded(bytes: number): number {
  if (bytes > MOST_BYTES) throw new Error(`more than ${MOST_BYTES} bytes in one piece`)
  return bytes
}

function read(ask: Ask, response: http.IncomingMessage, text: string): unknown {
  const code = response.statusCode ?? 0
  if (code >= 200 && code < 300) return ask.answer === 'text' ? text : JSON.parse(text)
  const status = parseStatus(text)
  throw new StatusError(`${ask.method} ${ask.path}`, code, status, retryAfterMs(response.headers['retry-after'], status))
}

/** A proxy in between answers in prose: then the prose is the message. */
export function parseStatus(text: string): Status {
  try {
    const status: unknown = JSON.parse(text)
    if (typeof status === 'object' && status !== null) return status
  } catch {
    // not JSON
  }
  return { message: text.slice(0, 200) }
}

function retryAfterMs(header: string | undefined, status: Status): number | undefined {
  const seconds = header === undefined ? status.details?.retryAfterSeconds : Number(header)
  return seconds === undefined || !Number.isFinite(seconds) || seconds < 0
    ? undefined
    : Math.min(seconds * 1000, MOST_RETRY_AFTER_MS)
}

/** Splits at newlines, copying a line only when it came in more than one chunk. */
async function* jsonLines(response: http.IncomingMessage): AsyncGenerator<unknown, void> {
  let begun: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    let from = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      const rest = chunk.subarray(from, end)
      const line = begun.length === 0 ? rest : Buffer.concat([...begun, rest])
      begun = []
      bytes = 0
      from = end + 1
      if (line.length > 0) yield JSON.parse(line.toString('utf8'))
    }
    if (from === chunk.length) continue
    begun.push(chunk.subarray(from))
    bytes = bounded(bytes + chunk.length - from)
  }
}
