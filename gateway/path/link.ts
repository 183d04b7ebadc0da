// A gateway's standing connection to one relay, and for each peer behind it a socket on loopback that WireGuard takes for the peer.
//
//   WireGuard ── UDP 127.0.0.1 ──► door of the peer ── Datagram ══ TLS ══► relay
//
// A door can also send straight to an address of the peer. It is how a direct way is tried without losing a packet: what goes through
// the relay goes there too, and the peer's WireGuard answers whoever is first with a packet that it can open.
import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:dgram'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { TLSSocket } from 'node:tls'
import { connect } from 'node:tls'
import type { Trust } from '#lib/pki/trust.ts'
import { believe } from '#lib/pki/trust.ts'
import { backoff } from '#lib/std/backoff.ts'
import type { Logger } from '#lib/std/log.ts'
import { pause } from '#lib/std/pause.ts'
import type { Candidate } from '../cable/driver.ts'
import { addressText } from '../cable/driver.ts'
import { Crossing } from './crossing.ts'
import type { Frame, GatewayID } from './frame.ts'
import { encodeFrame, gatewaysIn, maxDatagram, pingBytes } from './frame.ts'
import { hear } from './inbox.ts'
import { Outbox } from './outbox.ts'
import type { Proof } from './relay.ts'
import { claimOf, relayLimits, secretsOf } from './relay.ts'

/** A gateway that relays: where it listens and by what its certificate knows it. */
export type RelayPlace = { readonly name: string; readonly dnsName: string; readonly places: readonly Candidate[] }

export type LinkTerms = { readonly own: Proof; readonly trust: Trust }

/** Measured all the time, so that a relay that is needed is known to work. */
const pingMs = 2_000
const silentMs = 3 * pingMs
const connectMs = 5_000
const loopback = '127.0.0.1'
/** Less than WireGuard takes out of order. */
const maxHeld = 4096

export type Door = {
  /** Where WireGuard sends what should go this way. */
  readonly at: Candidate
  /** How many datagrams of the peer have come this way. */
  received(): number
  /** Which of the addresses has answered since `straight` was called. */
  answered(): Candidate | undefined
  /** Hands on what was held while `only` is in force, and says whether there was any. WireGuard then sends here until it is told otherwise. */
  release(): boolean
  /**
   * `also` sends what WireGuard says through the relay and to these; `only`, to these alone, and holds what comes, as it would lead WireGuard
   * back; `closing` too, and lets go what is held and what comes. None: through the relay alone.
   */
  straight(to: readonly Candidate[], how: Straight): void
}

export type Straight = 'also' | 'only' | 'closing'

export class RelayLink implements AsyncDisposable {
  readonly #place: RelayPlace
  readonly #terms: () => LinkTerms | undefined
  readonly #wireguardPort: number
  readonly #log: Logger
  readonly #stop = new AbortController()
  readonly #doors = new Map<GatewayID, PeerDoor>()
  readonly #running: Promise<void>
  #outbox: Outbox | undefined
  #present: ReadonlySet<GatewayID> = new Set()
  /** The newest word on who is present, read when it is asked for: to say it often is no work for us. */
  #here: Buffer | undefined
  #rttMs: number | undefined
  #downSince: number | undefined = performance.now()
  /** By what they carry, when pings were sent that are not answered yet: nobody can answer one before it has arrived. */
  readonly #pings = new Map<string, number>()

  /** `terms`: asked at every connection; undefined while there is nothing to prove ourselves with. */
  constructor(place: RelayPlace, terms: () => LinkTerms | undefined, wireguardPort: number, log: Logger) {
    this.#place = place
    this.#terms = terms
    this.#wireguardPort = wireguardPort
    this.#log = log
    this.#running = this.#run()
  }

  get name(): string {
    return this.#place.name
  }

  /** ms there and back; undefined: there is no connection, or the gateway has none to this relay. */
  rttTo(gateway: GatewayID): number | undefined {
    if (this.#here !== undefined) this.#present = new Set(gatewaysIn(this.#here))
    this.#here = undefined
    return this.#outbox !== undefined && this.#present.has(gateway) ? this.#rttMs : undefined
  }

  /** ms since the relay answered last, or since it was asked first; 0 while it answers. */
  downFor(now: number): number {
    return this.#downSince === undefined ? 0 : now - this.#downSince
  }

  has(gateway: GatewayID): boolean {
    return this.#doors.has(gateway)
  }

  /** Made when asked for first. */
  async door(gateway: GatewayID): Promise<Door> {
    const known = this.#doors.get(gateway)
    if (known !== undefined) return known
    const send = (bytes: Buffer) => this.#outbox?.push(encodeFrame({ type: 'Datagram', gateway, bytes }))
    const door = await PeerDoor.open(this.#wireguardPort, send)
    const first = this.#doors.get(gateway)
    if (first !== undefined) door.close()
    else this.#doors.set(gateway, door)
    return first ?? door
  }

  /** Of gateways that are peers no more. */
  closeAllBut(gateways: ReadonlySet<GatewayID>): void {
    for (const [id, door] of this.#doors)
      if (!gateways.has(id)) {
        door.close()
        this.#doors.delete(id)
      }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#running
    this.closeAllBut(new Set())
  }

  async #run(): Promise<void> {
    const wait = backoff(500, 10_000)
    const { signal } = this.#stop
    let isSaid = false
    for (let i = 0; !signal.aborted; i++) {
      const place = this.#place.places[i % this.#place.places.length]
      const terms = this.#terms()
      try {
        if (place !== undefined && terms !== undefined && (await this.#converse(place, terms))) wait.reset()
        isSaid = false
      } catch (err) {
        // Thrown before anything is sent, as of a key that is not the certificate's: for us the relay is as one that does not answer.
        if (!isSaid) this.#log.warn({ err, peer: this.#place.name }, 'no connection to the relay can be begun')
        isSaid = true
      }
      await pause(wait.next(), signal)
    }
  }

  /** Until the connection ends. Whether the relay took us. */
  async #converse(place: Candidate, terms: LinkTerms): Promise<boolean> {
    const { signal } = this.#stop
    const socket = connect({
      host: place.address,
      port: place.port,
      ...secretsOf(terms.own),
      minVersion: 'TLSv1.3',
      // Nobody asks for it by name, and the certificates are for IKE: who answers is judged by `believe`, before anything is said.
      rejectUnauthorized: false,
    })
    const end = () => socket.destroy()
    signal.addEventListener('abort', end, { once: true })
    const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()))
    socket.on('error', end)
    socket.setNoDelay(true)
    socket.setTimeout(connectMs, end)
    try {
      await Promise.race([once(socket, 'secureConnect').catch(() => undefined), ended])
      if (socket.destroyed) return false
      if (!this.#isRelay(socket)) {
        this.#log.warn({ peer: this.#place.name, address: addressText(place) }, 'what answers in the place of a relay is none')
        return false
      }
      return await this.#use(socket, ended)
    } finally {
      end()
      signal.removeEventListener('abort', end)
    }
  }

  #isRelay(socket: TLSSocket): boolean {
    const { dnsName } = this.#place
    const terms = this.#terms()
    const claimed = claimOf(socket)
    return terms !== undefined && claimed?.dnsName === dnsName && believe(claimed.pem, dnsName, terms.trust, new Date()).ok
  }

  async #use(socket: TLSSocket, ended: Promise<void>): Promise<boolean> {
    socket.setTimeout(0)
    const outbox = new Outbox(socket)
    const hearer = {
      bytesPerSecond: 2 * relayLimits.bytesPerSecond,
      take: (frame: Frame) => {
        if (frame.type === 'Here') this.#here = frame.bytes
        else if (frame.type === 'Pong') this.#hearPong(frame.bytes)
        else if (frame.type === 'Datagram') this.#doors.get(frame.gateway)?.deliver(frame.bytes)
      },
      refuse: () => undefined,
      malformed: () => socket.destroy(),
    }
    hear(socket, hearer, this.#stop.signal)
    this.#outbox = outbox
    const over = new AbortController()
    const pinging = this.#ping(socket, outbox, over.signal)
    await ended
    over.abort()
    await pinging
    const wasTaken = this.#rttMs !== undefined
    this.#outbox = undefined
    this.#rttMs = undefined
    this.#downSince ??= performance.now()
    this.#pings.clear()
    this.#present = new Set()
    this.#here = undefined
    return wasTaken
  }

  /** Ends the connection when none was answered for `silentMs`: that we can write to it is no sign that anybody is there. */
  async #ping(socket: TLSSocket, outbox: Outbox, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const bytes = randomBytes(pingBytes)
      const now = performance.now()
      if ([...this.#pings.values()].some((sentAt) => now - sentAt >= silentMs)) socket.destroy()
      this.#pings.set(bytes.toString('hex'), now)
      outbox.tell('Ping', encodeFrame({ type: 'Ping', bytes }))
      await pause(pingMs, signal)
    }
  }

  #hearPong(bytes: Buffer): void {
    const nonce = bytes.toString('hex')
    const sentAt = this.#pings.get(nonce)
    if (sentAt === undefined) return
    // What was asked before it is answered by it too.
    for (const [asked, at] of this.#pings) if (at <= sentAt) this.#pings.delete(asked)
    this.#downSince = undefined
    const trip = performance.now() - sentAt
    this.#rttMs = this.#rttMs === undefined ? trip : 0.7 * this.#rttMs + 0.3 * trip
  }
}

/** Of one peer behind one relay. */
class PeerDoor implements Door {
  readonly at: Candidate
  readonly #inner: Socket
  readonly #wireguardPort: number
  /** One a family; made when a direct way is tried first. */
  readonly #outer = new Map<'udp4' | 'udp6', Socket>()
  #targets: readonly Candidate[] = []
  #how: Straight = 'also'
  #answered: Candidate | undefined
  #received = 0
  readonly #crossing = new Crossing()
  #held: Buffer[] = []

  static async open(wireguardPort: number, send: (bytes: Buffer) => void): Promise<PeerDoor> {
    const inner = createSocket('udp4')
    inner.bind({ address: loopback, port: 0 })
    await once(inner, 'listening')
    return new PeerDoor(inner, wireguardPort, send)
  }

  private constructor(inner: Socket, wireguardPort: number, send: (bytes: Buffer) => void) {
    this.at = { address: loopback, port: inner.address().port }
    this.#inner = inner
    this.#wireguardPort = wireguardPort
    inner.on('error', () => undefined)
    inner.on('message', (bytes, from) => {
      // Of other programs of this node nothing is taken.
      if (from.port !== wireguardPort || from.address !== loopback || bytes.length > maxDatagram) return
      this.#crossing.sent(bytes, performance.now())
      for (const target of this.#targets) this.#outerFor(target).send(bytes, target.port, target.address, () => undefined)
      if (this.#targets.length === 0 || this.#how === 'also') send(bytes)
    })
  }

  received(): number {
    return this.#received
  }

  answered(): Candidate | undefined {
    return this.#answered
  }

  straight(to: readonly Candidate[], how: Straight): void {
    this.#targets = to
    this.#how = how
    this.#answered = undefined
    if (how === 'closing') this.#held = []
  }

  deliver(bytes: Buffer): void {
    this.#received++
    if (this.#how === 'closing' || !this.#crossing.takes(bytes, performance.now())) return
    if (this.#targets.length > 0 && this.#how === 'only') {
      // A copy: what it lies in is used again.
      this.#held.push(Buffer.from(bytes))
      if (this.#held.length > maxHeld) this.#held.shift()
    } else this.#hand(bytes)
  }

  release(): boolean {
    const held = this.#held
    this.#held = []
    for (const bytes of held) this.#hand(bytes)
    return held.length > 0
  }

  #hand(bytes: Buffer): void {
    this.#inner.send(bytes, this.#wireguardPort, loopback, () => undefined)
  }

  close(): void {
    this.#inner.close()
    for (const socket of this.#outer.values()) socket.close()
    this.#outer.clear()
  }

  #outerFor({ address }: Candidate): Socket {
    const family = address.includes(':') ? 'udp6' : 'udp4'
    const known = this.#outer.get(family)
    if (known !== undefined) return known
    const socket = createSocket(family)
    socket.on('error', () => undefined)
    socket.on('message', (bytes, from) => {
      const target = this.#targets.find((t) => t.address === from.address && t.port === from.port)
      // Not proof, only a reason to send there: WireGuard opens it or not, and the pulse tells.
      if (target === undefined || bytes.length > maxDatagram) return
      this.#answered = target
      this.deliver(bytes)
    })
    this.#outer.set(family, socket)
    return socket
  }
}
