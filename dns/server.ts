// The sockets: UDP, and TCP for what does not fit (RFC 7766). Bytes go to a Respond and its answer goes back; nothing here knows DNS
// but the two octets of length in front of every message on TCP.
import type { Socket as UdpSocket } from 'node:dgram'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { AddressInfo, Server, Socket } from 'node:net'
import { createServer, isIPv6 } from 'node:net'
import type { Logger } from '#lib/std/log.ts'
import type { Respond, Transport } from './respond.ts'
import type { Rcode } from './wire/codes.ts'

export type ServerOptions = {
  /** IPv4 and IPv6 addresses. One of a family that the machine lacks is passed over, as long as another one works. */
  readonly addresses: readonly string[]
  /** For UDP and TCP alike; 0 takes any free one. */
  readonly port: number
  readonly respond: Respond
  /** Called after every answer. */
  readonly onReply: (rcode: Rcode, transport: Transport, seconds: number) => void
  readonly log: Logger
  readonly tcp?: TcpLimits
}

/** What strangers may hold of ours. */
export type TcpLimits = {
  /** One more drops the connection that was quiet the longest. */
  readonly mostConnections: number
  /** Without a whole query for this long a connection is closed; single bytes do not keep it. */
  readonly idleMs: number
}

export interface DnsServer extends AsyncDisposable {
  readonly port: number
  readonly addresses: readonly string[]
}

/** Asks the kernel for room for a burst; it grants what its limits allow. */
const RECEIVE_BUFFER_BYTES = 4 << 20
/** No honest query is longer; a longer one would only be a way to make us buffer. */
const MOST_QUERY_BYTES = 4096
// CoreDNS keeps idle connections to us for 10 s: it must be the one who closes them.
const DEFAULT_LIMITS: TcpLimits = { mostConnections: 256, idleMs: 30_000 }

/** Resolves when all sockets are bound; rejects when an address cannot be had, or none. */
export async function listen(options: ServerOptions): Promise<DnsServer> {
  await using opened = new AsyncDisposableStack()
  let { port } = options
  const addresses: string[] = []
  for (const address of options.addresses) {
    try {
      const tcp = await listenTcp(options, address, port)
      opened.defer(() => tcp[Symbol.asyncDispose]())
      port = tcp.port
      const udp = await listenUdp(options, address, port)
      opened.defer(() => udp[Symbol.asyncDispose]())
      addresses.push(address)
    } catch (error) {
      if (!isNoSuchFamily(error)) throw error
      options.log.info({ address }, 'not listening there: this machine has no address of its family')
    }
  }
  if (addresses.length === 0) throw new Error(`none of the addresses to listen on exists here: ${options.addresses.join(', ')}`)
  const owned = opened.move()
  return { port, addresses, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

const isNoSuchFamily = (error: unknown): boolean =>
  ['EAFNOSUPPORT', 'EADDRNOTAVAIL'].includes((error as NodeJS.ErrnoException).code ?? '')

type Bound = AsyncDisposable & { readonly port: number }

async function listenUdp(options: ServerOptions, address: string, port: number): Promise<Bound> {
  const family = isIPv6(address) ? 6 : 4
  const socket: UdpSocket = createSocket({
    type: `udp${family}`,
    ipv6Only: family === 6,
    recvBufferSize: RECEIVE_BUFFER_BYTES,
    // Answers go to addresses, never to names: nothing is to be looked up.
    lookup: (host, _options, found) => found(null, host, family),
  })
  const drop = () => undefined
  socket.on('message', (message, { address, port }) => {
    const from = performance.now()
    const reply = options.respond(message, 'udp')
    // Port 0 cannot be answered, and only a forger sends from it.
    if (reply === undefined || port === 0) return
    // An answer that the kernel does not take is lost like any other packet: the asker tries again.
    socket.send(reply.bytes, port, address, drop)
    options.onReply(reply.rcode, 'udp', (performance.now() - from) / 1000)
  })
  // Asked for before binding: with a lookup that answers at once, `bind` says 'listening' before it returns.
  const listening = once(socket, 'listening')
  socket.bind({ address, port })
  try {
    await listening
  } catch (error) {
    socket.close()
    throw error
  }
  socket.on('error', (err) => options.log.warn({ err, address }, 'UDP socket reported an error'))
  return {
    port: socket.address().port,
    [Symbol.asyncDispose]: () => new Promise((resolve) => socket.close(() => resolve())),
  }
}

async function listenTcp(options: ServerOptions, address: string, port: number): Promise<Bound> {
  const limits = options.tcp ?? DEFAULT_LIMITS
  const crowd = new Crowd(limits)
  const server: Server = createServer({ noDelay: true }, (socket) => {
    crowd.touch(socket)
    socket.on('close', () => crowd.leave(socket))
    // A peer that resets its connection has lost only its own answers.
    socket.on('error', () => socket.destroy())
    converse(socket, options, () => crowd.touch(socket))
  })
  server.listen({ host: address, port, ipv6Only: true })
  await once(server, 'listening')
  server.on('error', (err) => options.log.warn({ err, address }, 'TCP socket reported an error'))
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      crowd[Symbol.dispose]()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** The open connections, the one whose last query is longest ago first. */
class Crowd implements Disposable {
  readonly #limits: TcpLimits
  readonly #lastQuery = new Map<Socket, number>()
  readonly #sweep: NodeJS.Timeout

  constructor(limits: TcpLimits) {
    this.#limits = limits
    this.#sweep = setInterval(() => this.#dropIdle(), Math.min(1000, limits.idleMs)).unref()
  }

  touch(socket: Socket): void {
    this.#lastQuery.delete(socket)
    this.#lastQuery.set(socket, performance.now())
    const [quietest] = this.#lastQuery.keys()
    if (this.#lastQuery.size > this.#limits.mostConnections && quietest !== undefined) this.#drop(quietest)
  }

  leave(socket: Socket): void {
    this.#lastQuery.delete(socket)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#sweep)
    for (const socket of this.#lastQuery.keys()) this.#drop(socket)
  }

  #dropIdle(): void {
    const before = performance.now() - this.#limits.idleMs
    for (const [socket, at] of this.#lastQuery) {
      if (at > before) return
      this.#drop(socket)
    }
  }

  #drop(socket: Socket): void {
    this.#lastQuery.delete(socket)
    socket.destroy()
  }
}

/** Answers query after query, in order. A peer that asks without reading is not read either: its answers wait in its own socket. */
function converse(socket: Socket, options: ServerOptions, onQuery: () => void): void {
  let pending: Buffer = Buffer.alloc(0)

  function work(): void {
    socket.cork()
    while (!socket.writableNeedDrain && !socket.destroyed && next());
    socket.uncork()
    if (socket.writableNeedDrain) socket.pause()
  }

  /** Answers the first whole query, if there is one. */
  function next(): boolean {
    if (pending.length < 2) return false
    const end = 2 + pending.readUInt16BE(0)
    if (end > MOST_QUERY_BYTES) return hangUp()
    if (pending.length < end) return false
    const from = performance.now()
    const reply = options.respond(pending.subarray(2, end), 'tcp')
    pending = pending.subarray(end)
    if (reply === undefined) return hangUp()
    const length = Buffer.allocUnsafe(2)
    length.writeUInt16BE(reply.bytes.length)
    socket.write(length)
    socket.write(reply.bytes)
    onQuery()
    options.onReply(reply.rcode, 'tcp', (performance.now() - from) / 1000)
    return true
  }

  /** For a peer that speaks something else. */
  function hangUp(): false {
    socket.destroy()
    return false
  }

  socket.on('data', (chunk) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
    work()
  })
  socket.on('drain', () => {
    socket.resume()
    work()
  })
}
