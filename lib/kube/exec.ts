// Running a program in a pod and hearing what it prints: the exec subresource over a WebSocket (RFC 6455), which the apiserver speaks
// with the subprotocol v4.channel.k8s.io. The first byte of a message says which stream it is of; stream 3 ends it with a Status.
import { createHash, randomBytes } from 'node:crypto'
import * as http from 'node:http'
import * as https from 'node:https'
import type { Duplex } from 'node:stream'
import { within } from '#lib/std/deadline.ts'
import type { Connection } from './connection.ts'
import type { Status } from './errors.ts'
import { StatusError, UnreachableError } from './errors.ts'
import { pods } from './kinds.ts'
import { pathOf } from './object.ts'
import { agentFor, parseStatus, urlOf } from './transport.ts'

export type Run = {
  readonly namespace: string
  readonly pod: string
  readonly container: string
  /** A program and its arguments; no shell reads them. */
  readonly command: readonly string[]
}

export type Limits = {
  readonly ms: number
  /** Of both streams together; what is more is not kept. */
  readonly mostBytes: number
}

export type Ran = {
  readonly stdout: string
  readonly stderr: string
  readonly exitCode: number
  /** More was printed than was kept. */
  readonly cut: boolean
}

const STDOUT = 1
const STDERR = 2
const STATUS = 3

/** Throws StatusError when the apiserver refuses or the program cannot be started, UnreachableError when the line breaks or time is up. */
export async function exec(connection: Connection, run: Run, limits: Limits, signal: AbortSignal): Promise<Ran> {
  const what = `exec of ${run.command[0] ?? ''} in pod ${run.namespace}/${run.pod}`
  const tls = new URL(connection.server).protocol === 'https:'
  const agent = agentFor(connection, tls, 1)
  try {
    return await within(limits.ms, signal, async (limited) => {
      const socket = await dial(connection, run, tls, agent, limited)
      const onAbort = () => socket.destroy()
      limited.addEventListener('abort', onAbort, { once: true })
      try {
        return await hear(socket, what, limits.mostBytes)
      } finally {
        limited.removeEventListener('abort', onAbort)
        socket.destroy()
      }
    })
  } catch (error) {
    if (error instanceof StatusError) throw error
    signal.throwIfAborted()
    throw new UnreachableError(what, error)
  } finally {
    if (agent !== connection.agent) agent.destroy()
  }
}

async function dial(connection: Connection, run: Run, tls: boolean, agent: http.Agent, signal: AbortSignal): Promise<Duplex> {
  const first = await upgrade(connection, run, tls, agent, await connection.token('accepted'), signal)
  if ('socket' in first) return first.socket
  if (first.refused.code !== 401) throw first.refused
  const again = await upgrade(connection, run, tls, agent, await connection.token('refused'), signal)
  if ('socket' in again) return again.socket
  throw again.refused
}

type Dialled = { readonly socket: Duplex } | { readonly refused: StatusError }

function upgrade(
  connection: Connection,
  { namespace, pod, container, command }: Run,
  tls: boolean,
  agent: http.Agent,
  token: string | undefined,
  signal: AbortSignal,
): Promise<Dialled> {
  const path = pathOf(pods, { namespace, name: pod }, 'exec')
  const url = urlOf(new URL(connection.server), { method: 'GET', path, query: { container, stdout: true, stderr: true } })
  for (const word of command) url.searchParams.append('command', word)
  const key = randomBytes(16).toString('base64')
  return new Promise((resolve, reject) => {
    const request = (tls ? https : http).request(url, {
      agent,
      signal,
      headers: {
        ...connection.headers,
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': key,
        'sec-websocket-protocol': 'v4.channel.k8s.io',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
    })
    request.on('upgrade', (response, socket, head) => {
      if (response.headers['sec-websocket-accept'] !== acceptOf(key)) {
        socket.destroy()
        reject(new Error('the answer to the upgrade is of another request'))
        return
      }
      if (head.length > 0) socket.unshift(head)
      resolve({ socket })
    })
    request.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part))
      response.on('end', () => resolve({ refused: new StatusError(`GET ${path}`, response.statusCode ?? 0, parseStatus(text)) }))
      response.on('error', reject)
    })
    request.on('error', reject).end()
  })
}

const acceptOf = (key: string): string => createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')

async function hear(socket: Duplex, what: string, mostBytes: number): Promise<Ran> {
  const heard: Record<number, Buffer[]> = {}
  let status: Status | undefined
  let [kept, cut] = [0, false]
  for await (const message of messages(socket)) {
    const [stream = 0, rest] = [message[0], message.subarray(1)]
    // Every stream opens with an empty message.
    if (rest.length === 0) continue
    if (stream === STATUS) {
      status = JSON.parse(rest.toString('utf8')) as Status
      break
    }
    const fits = rest.subarray(0, mostBytes - kept)
    cut ||= fits.length < rest.length
    kept += fits.length
    ;(heard[stream] ??= []).push(fits)
  }
  if (status === undefined) throw new Error('the line ended before the program did')
  const text = (stream: number) => Buffer.concat(heard[stream] ?? []).toString('utf8')
  return { stdout: text(STDOUT), stderr: text(STDERR), exitCode: exitCodeOf(what, status), cut }
}

/** A program that ended with an error is an answer; one that could not be started is none. */
function exitCodeOf(what: string, status: Status & { readonly status?: string }): number {
  if (status.status === 'Success') return 0
  const code = status.details?.causes?.find(({ reason }) => reason === 'ExitCode')?.message
  if (status.reason === 'NonZeroExitCode' && code !== undefined) return Number(code)
  throw new StatusError(what, status.code ?? 500, status)
}

const CONTINUED = 0
const CLOSE = 8
const PING = 9
const PONG = 10

/** Whole messages, as binary. Answers pings; ends at a close frame or with the connection. */
async function* messages(socket: Duplex): AsyncGenerator<Buffer, void> {
  let unread = Buffer.alloc(0)
  let parts: Buffer[] = []
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    unread = Buffer.concat([unread, chunk])
    for (let frame = frameOf(unread); frame !== undefined; frame = frameOf(unread)) {
      unread = unread.subarray(frame.size)
      if (frame.opcode === CLOSE) return
      if (frame.opcode === PING) socket.write(masked(PONG, frame.payload))
      if (frame.opcode >= CLOSE) continue
      parts = frame.opcode === CONTINUED ? [...parts, frame.payload] : [frame.payload]
      if (frame.last && parts.some((part) => part.length > 0)) yield Buffer.concat(parts)
    }
  }
}

type Frame = { readonly opcode: number; readonly last: boolean; readonly payload: Buffer; readonly size: number }

/** RFC 6455 §5.2, from a server, which masks nothing. Undefined while there is not all of it. */
function frameOf(bytes: Buffer): Frame | undefined {
  const [first = 0, second = 0] = bytes
  const short = second & 0x7f
  const head = short === 127 ? 10 : short === 126 ? 4 : 2
  if (bytes.length < head) return undefined
  const length = short === 127 ? Number(bytes.readBigUInt64BE(2)) : short === 126 ? bytes.readUInt16BE(2) : short
  if (bytes.length < head + length) return undefined
  return { opcode: first & 0x0f, last: (first & 0x80) !== 0, payload: bytes.subarray(head, head + length), size: head + length }
}

/** A control frame as a client must send it. */
function masked(opcode: number, payload: Buffer): Buffer {
  const mask = randomBytes(4)
  return Buffer.concat([
    Buffer.from([0x80 | opcode, 0x80 | payload.length]),
    mask,
    payload.map((byte, i) => byte ^ (mask[i % 4] ?? 0)),
  ])
}
