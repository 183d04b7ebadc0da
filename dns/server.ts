// The sockets: UDP, and TCP for what does not fit (RFC 7766). Bytes go to a Respond and its answer goes back; nothing here knows DNS
// but the two octets of length in front of every message on TCP.
import type { RemoteInfo, Socket as UdpSocket } from 'node:dgram'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { AddressInfo, Server, Socket } from 'node:net'
import { createServer, isIPv6 } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Logger } from '#lib/std/log.ts'
import type { Respond, Transport } from './respond.ts'
import type { Rcode } from './wire/codes.ts'

export type ServerOptions = {
  /** IPv4 and IPv6 addresses. One of a family that the machine lacks is passed over, as long as another one works. */
  readonly addresses: readonly string[]
  /** For UDP and TCP alike; 0 takes any free one. */
  readonly port: number
  /** Whether other processes of the same user may listen there too (SO_REUSEPORT): the kernel then deals the askers out among them. */
  readonly shared?: boolean
  readonly respond: Respond
  /** Called after every answer. */
  readonly onReply: (rcode: Rcode, transport: Transport, seconds: number) => void
  readonly log: Logger
  readonly tcp?: TcpLimits
}

/** What strangers may hold of ours, on all addresses together. */
export type TcpLimits = {
  /** One more drops the connection that was quiet the longest. */
  readonly mostConnections: number
  /** Of one address; one more drops that peer's own quietest, so that nobody's crowd costs others their connections. */
  readonly mostPerPeer: number
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
// CoreDNS keeps idle connections to us for 10 s: it must be the one who closes them. One that forwards over TCP alone, as NodeLocal
// DNSCache does, has as many open as questions are under way; each takes microseconds.
const DEFAULT_LIMITS: TcpLimits = { mostConnections: 256, mostPerPeer: 64, idleMs: 30_000 }
/** Answers to one peer before all others get their turn: a pipeline holds thousands of queries, and each costs some 10 µs. */
const MOST_ANSWERS_A_TURN = 32
/** Answers that the kernel has not taken yet. Beyond it they are worth less than the memory: whoever asked has asked again by then. */
const MOST_UNSENT_BYTES = 1 << 20
/** Turns of the event loop that stopping takes at most, however busy the askers are. */
const MOST_LAST_ROUNDS = 100

/** Resolves when all sockets are bound; rejects when an address cannot be had, or none. */
export async function listen(options: ServerOptions): Promise<DnsServer> {
  await using opened = new AsyncDisposableStack()
  const crowd = opened.use(new Crowd(options.tcp ?? DEFAULT_LIMITS))
  let { port } = options
  const addresses: string[] = []
  for (const address of options.addresses) {
    try {
      const tcp = await listenTcp(options, crowd, address, port)
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
    reusePort: options.shared ?? false,
    recvBufferSize: RECEIVE_BUFFER_BYTES,
    // Answers go to addresses, never to names: nothing is to be looked up.
    lookup: (host, _options, found) => found(null, host, family),
  })
  let heard = 0
  const take = answerUdp(socket, options)
  socket.on('message', (message, from) => {
    heard++
    take(message, from)
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
    [Symbol.asyncDispose]: async () => {
      // What lies in the socket is lost with it: it is closed right after the event loop found nothing there.
      for (let before = -1, rounds = 0; before !== heard && rounds < MOST_LAST_ROUNDS; rounds++) {
        before = heard
        await nextTurn()
      }
      await new Promise<void>((resolve) => socket.close(resolve))
    },
  }
}

/** What is done with a datagram. An answer that the kernel does not take is lost like any other packet: the asker tries again. */
export function answerUdp(
  socket: Pick<UdpSocket, 'send' | 'getSendQueueSize'>,
  { respond, onReply }: Pick<ServerOptions, 'respond' | 'onReply'>,
): (message: Buffer, from: Pick<RemoteInfo, 'address' | 'port'>) => void {
  const drop = () => undefined
  return (message, { address, port }) => {
    const from = performance.now()
    // Port 0 cannot be answered, and only a forger sends from it.
    if (port === 0 || socket.getSendQueueSize() > MOST_UNSENT_BYTES) return
    const reply = respond(message, 'udp')
    if (reply === undefined) return
    socket.send(reply.bytes, port, address, drop)
    onReply(reply.rcode, 'udp', (performance.now() - from) / 1000)
  }
}

async function listenTcp(options: ServerOptions, crowd: Crowd, address: string, port: number): Promise<Bound> {
  // A peer may close its own direction when it has asked everything (RFC 7766 §6.2.3): its answers still go out.
  const server: Server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    crowd.enter(socket)
    // A peer that resets its connection has lost only its own answers.
    socket.on('error', () => socket.destroy())
    converse(socket, options, () => crowd.touch(socket))
  })
  server.listen({ host: address, port, ipv6Only: true, reusePort: options.shared ?? false })
  await once(server, 'listening')
  server.on('error', (err) => options.log.warn({ err, address }, 'TCP socket reported an error'))
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise((resolve) => server.close(resolve))
      crowd.disperse()
      await closed
    },
  }
}

/** The open connections, the one whose last query is longest ago first; those of each peer too. */
class Crowd implements Disposable {
  readonly #limits: TcpLimits
  readonly #lastQuery = new Map<Socket, number>()
  readonly #byPeer = new Map<string, Set<Socket>>()
  readonly #sweep: NodeJS.Timeout

  constructor(limits: TcpLimits) {
    this.#limits = limits
    this.#sweep = setInterval(() => this.#dropIdle(), Math.min(1000, limits.idleMs)).unref()
  }

  enter(socket: Socket): void {
    // Undefined when it has hung up already; such ones count as one peer for the moment that they are here.
    const peer = socket.remoteAddress ?? ''
    const own = this.#byPeer.get(peer) ?? new Set()
    this.#byPeer.set(peer, own)
    own.add(socket)
    socket.on('close', () => {
      this.#lastQuery.delete(socket)
      own.delete(socket)
      if (own.size === 0 && this.#byPeer.get(peer) === own) this.#byPeer.delete(peer)
    })
    this.touch(socket)
    if (own.size > this.#limits.mostPerPeer) this.#drop(this.#quietest(own))
    if (this.#lastQuery.size > this.#limits.mostConnections) this.#drop(this.#lastQuery.keys().next().value)
  }

  touch(socket: Socket): void {
    this.#lastQuery.delete(socket)
    this.#lastQuery.set(socket, performance.now())
  }

  /** Hangs up on everybody. */
  disperse(): void {
    for (const socket of this.#lastQuery.keys()) this.#drop(socket)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#sweep)
    this.disperse()
  }

  #quietest(own: ReadonlySet<Socket>): Socket | undefined {
    for (const socket of this.#lastQuery.keys()) if (own.has(socket)) return socket
    return undefined
  }

  #dropIdle(): void {
    const before = performance.now() - this.#limits.idleMs
    for (const [socket, at] of this.#lastQuery) {
      if (at > before) return
      this.#drop(socket)
    }
  }

  /** Its 'close' comes later; until then it is out of the count already. */
  #drop(socket: Socket | undefined): void {
    if (socket === undefined) return
    this.#lastQuery.delete(socket)
    this.#byPeer.get(socket.remoteAddress ?? '')?.delete(socket)
    socket.destroy()
  }
}

/** Answers query after query, in order. A peer that asks without reading is not read either: its answers wait in its own socket. */
function converse(socket: Socket, options: ServerOptions, onQuery: () => void): void {
  let pending: Buffer = Buffer.alloc(0)
  let resting = false
  let saidAll = false

  function work(): void {
    if (resting) return
    let left = MOST_ANSWERS_A_TURN
    socket.cork()
    while (left > 0 && !socket.writableNeedDrain && !socket.destroyed && next()) left--
    socket.uncork()
    if (socket.destroyed) return
    if (socket.writableNeedDrain) socket.pause()
    else if (left === 0) rest()
    else if (saidAll) socket.end()
  }

  /** Until the event loop has been around once. */
  function rest(): void {
    resting = true
    socket.pause()
    setImmediate(() => {
      resting = false
      goOn()
    })
  }

  function goOn(): void {
    socket.resume()
    work()
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
    if (!resting) goOn()
  })
  socket.on('end', () => {
    saidAll = true
    work()
  })
}
