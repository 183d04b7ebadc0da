// A relay: passes the sealed datagrams of two gateways that cannot reach each other. Who they are their certificates say, over TLS both
// ways; what they send each other only they can read. It knows no address to send to, only gateways that are connected to it.
//
//   east ══ TLS ══► relay ◄══ TLS ══ west        Datagram(west, …) of east comes out at west as Datagram(east, …)
import { constants } from 'node:crypto'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { Server, TLSSocket } from 'node:tls'
import { createServer } from 'node:tls'
import type { CertKey } from '#lib/pki/cert-key.ts'
import { toPem } from '#lib/pki/pem.ts'
import type { Trust } from '#lib/pki/trust.ts'
import { believe } from '#lib/pki/trust.ts'
import type { Logger } from '#lib/std/log.ts'
import { every, pause } from '#lib/std/pause.ts'
import type { Frame, GatewayID } from './frame.ts'
import { encodeFrame, gatewayIDOf, hereFrame } from './frame.ts'
import { hear } from './inbox.ts'
import { Outbox } from './outbox.ts'
import type { StrangerLimits } from './strangers.ts'
import { groupOf, leaving } from './strangers.ts'

export type Proof = { readonly key: CertKey; readonly pem: string }

/** Who this gateway is, whom it believes, and who may use it: by DNS name of the certificate, the cluster. */
export type RelayTerms = { readonly own: Proof; readonly trust: Trust; readonly gateways: ReadonlyMap<string, string> }

export type RelayReading = {
  readonly connections: number
  readonly forwarded: number
  /** Over the rate, to who does not take them fast enough, or to nobody. */
  readonly dropped: number
}

export type RelayLimits = StrangerLimits & {
  readonly handshakeMs: number
  /** Gateways ping every `pingMs` (link.ts); who says nothing for so long is gone. */
  readonly silentMs: number
  /** Of one gateway; each frame counts `frameCost` beside its body. */
  readonly bytesPerSecond: number
}

export const relayLimits: RelayLimits = {
  strangers: 64,
  strangersOfOne: 8,
  handshakeMs: 5_000,
  silentMs: 20_000,
  bytesPerSecond: 25_000_000,
}

/** A gateway is answered once in so long. */
const pongMs = 1_000
/** Gateways hear of a change in who is here after so long, together with all others of that time. */
const tellMs = 250

export interface Relay extends AsyncDisposable {
  readonly port: number
  /** From now on. Connections that would not be taken any more are closed. */
  set(terms: RelayTerms): void
  read(): RelayReading
}

export type RelayOptions = {
  /** 0: any. */
  readonly port: number
  readonly limits?: Partial<RelayLimits>
  readonly log: Logger
}

/** Listens when it resolves; throws what the kernel says if the port is not to be had (`isPortRefused`), or what OpenSSL says of our proof. */
export async function startRelay(options: RelayOptions, terms: RelayTerms, signal: AbortSignal): Promise<Relay> {
  const relay = new TlsRelay(options, terms)
  try {
    await relay.listen(signal)
  } catch (error) {
    await relay[Symbol.asyncDispose]()
    throw error
  }
  return relay
}

/** Whether `error` says that the port is another program's, or not ours to take. */
export const isPortRefused = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'EADDRINUSE' || error.code === 'EACCES')

type Client = {
  readonly dnsName: string
  readonly clusterID: string
  readonly pem: string
  readonly socket: TLSSocket
  readonly outbox: Outbox
  heardAt: number
  pongAt: number
  /** Which other gateways it was told of. */
  told: Buffer | undefined
}

class TlsRelay implements Relay {
  readonly #limits: RelayLimits
  readonly #options: RelayOptions
  readonly #server: Server
  readonly #stop = new AbortController()
  /** Every connection that is open, with the group it is counted in, until it has proven who it is; the oldest first. */
  readonly #strangers = new Map<Socket, string>()
  readonly #clients = new Map<GatewayID, Client>()
  #terms: RelayTerms
  #forwarded = 0
  #dropped = 0
  #watching: Promise<unknown> = Promise.resolve()
  /** By cluster, what its gateways are told. */
  #here: ReadonlyMap<string, Buffer> = new Map()
  #isNews = false
  #telling: Promise<void> | undefined

  constructor(options: RelayOptions, terms: RelayTerms) {
    this.#options = options
    this.#limits = { ...relayLimits, ...options.limits }
    this.#terms = terms
    this.#server = createServer({
      ...secretsOf(terms.own),
      requestCert: true,
      // The certificates are for IKE and no TLS client's by the book: who it is is judged by `believe`, before anything else is heard.
      rejectUnauthorized: false,
      minVersion: 'TLSv1.3',
      handshakeTimeout: this.#limits.handshakeMs,
      // Every connection proves its key anew.
      secureOptions: constants.SSL_OP_NO_TICKET,
    })
    this.#server.on('connection', (socket: Socket) => this.#meet(socket))
    this.#server.on('secureConnection', (socket) => this.#admit(socket))
    // A client that breaks off says nothing of this server.
    this.#server.on('tlsClientError', (_: Error, socket: TLSSocket) => socket.destroy())
  }

  get port(): number {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  async listen(signal: AbortSignal): Promise<void> {
    this.#server.listen({ port: this.#options.port })
    // Until it listens, an error is the caller's to tell.
    await once(this.#server, 'listening', { signal })
    this.#server.on('error', (err: Error) => this.#options.log.warn({ err }, 'relay'))
    // What a connection was believed by may run out without anybody's word.
    const judging = every(60_000, () => this.#judge(), this.#stop.signal)
    this.#watching = Promise.all([judging, every(this.#limits.silentMs / 4, () => this.#letGo(), this.#stop.signal)])
  }

  set(terms: RelayTerms): void {
    if (terms.own.pem !== this.#terms.own.pem) this.#server.setSecureContext(secretsOf(terms.own))
    this.#terms = terms
    this.#judge()
  }

  read(): RelayReading {
    const waiting = [...this.#clients.values()].reduce((sum, { outbox }) => sum + outbox.dropped, 0)
    return { connections: this.#clients.size, forwarded: this.#forwarded, dropped: this.#dropped + waiting }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    for (const socket of this.#strangers.keys()) socket.destroy()
    for (const { socket } of this.#clients.values()) socket.destroy()
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve))
    await Promise.all([this.#watching, this.#telling])
  }

  #meet(socket: Socket): void {
    const group = groupOf(socket.remoteAddress ?? '')
    const index = leaving([...this.#strangers.values()], group, this.#limits)
    const gone = index === undefined ? undefined : [...this.#strangers.keys()][index]
    if (gone !== undefined) {
      this.#strangers.delete(gone)
      gone.destroy()
    }
    this.#strangers.set(socket, group)
    socket.once('close', () => this.#strangers.delete(socket))
    socket.on('error', () => socket.destroy())
    socket.setNoDelay(true)
  }

  #admit(socket: TLSSocket): void {
    socket.on('error', () => socket.destroy())
    const claimed = claimOf(socket)
    const known = claimed === undefined ? undefined : this.#judged(claimed)
    this.#forget(socket)
    if (claimed === undefined || known === undefined) {
      this.#options.log.warn({ address: socket.remoteAddress }, 'a stranger was sent away from the relay')
      socket.destroy()
      return
    }
    const id = gatewayIDOf(claimed.dnsName)
    const now = performance.now()
    const client: Client = {
      ...claimed,
      clusterID: known,
      socket,
      outbox: new Outbox(socket),
      heardAt: now,
      pongAt: -Infinity,
      told: undefined,
    }
    // The newer one is the gateway after a restart, and the older one half open.
    this.#clients.get(id)?.socket.destroy()
    this.#clients.set(id, client)
    const hearer = {
      bytesPerSecond: this.#limits.bytesPerSecond,
      take: (frame: Frame) => {
        if (this.#clients.get(id) === client) this.#take(id, client, frame)
      },
      refuse: () => {
        this.#dropped++
      },
      malformed: () => {
        this.#options.log.warn({ cluster: known, peer: claimed.dnsName }, 'a gateway said to the relay what is no frame')
        socket.destroy()
      },
    }
    hear(socket, hearer, this.#stop.signal)
    socket.once('close', () => {
      this.#dropped += client.outbox.dropped
      if (this.#clients.get(id) !== client) return
      this.#clients.delete(id)
      this.#tellSoon()
    })
    this.#tellSoon()
  }

  /** It is a stranger no more, however it went on. The raw connection of a TLS socket is known by its two ends alone. */
  #forget(socket: TLSSocket): void {
    for (const stranger of this.#strangers.keys())
      if (stranger.remotePort === socket.remotePort && stranger.remoteAddress === socket.remoteAddress)
        this.#strangers.delete(stranger)
  }

  #take(from: GatewayID, client: Client, frame: Frame): void {
    const now = performance.now()
    client.heardAt = now
    if (frame.type === 'Ping' && now - client.pongAt >= pongMs) {
      client.pongAt = now
      client.outbox.tell('Pong', encodeFrame({ type: 'Pong', bytes: frame.bytes }))
    }
    if (frame.type !== 'Datagram') return
    const to = this.#clients.get(frame.gateway)
    if (to === undefined || to.clusterID === client.clusterID) {
      this.#dropped++
      return
    }
    this.#forwarded++
    to.outbox.push(encodeFrame({ type: 'Datagram', gateway: from, bytes: frame.bytes }))
  }

  #tellSoon(): void {
    this.#isNews = true
    this.#telling ??= this.#tell()
  }

  /** Once for all changes of a while, and no more than one gateway may send: connections that come and go cost the others no more. */
  async #tell(): Promise<void> {
    const { signal } = this.#stop
    await pause(tellMs, signal)
    while (this.#isNews && !signal.aborted) {
      this.#isNews = false
      const bytes = this.#tellAll()
      await pause(Math.max(tellMs, (1000 * bytes) / this.#limits.bytesPerSecond), signal)
    }
    this.#telling = undefined
  }

  /** Those for whom it changed; how many bytes. */
  #tellAll(): number {
    const clusters = new Set([...this.#clients.values()].map(({ clusterID }) => clusterID))
    this.#here = new Map([...clusters].map((clusterID) => [clusterID, this.#hereFor(clusterID)]))
    let bytes = 0
    for (const client of this.#clients.values()) {
      const here = this.#here.get(client.clusterID)
      if (here === undefined || here === client.told) continue
      client.told = here
      client.outbox.tell('Here', here)
      bytes += here.length
    }
    return bytes
  }

  /** The same buffer as long as it says the same. */
  #hereFor(clusterID: string): Buffer {
    const others = [...this.#clients].filter(([, other]) => other.clusterID !== clusterID).map(([id]) => id)
    const here = encodeFrame(hereFrame(others))
    const before = this.#here.get(clusterID)
    return before?.equals(here) === true ? before : here
  }

  /** By our own clock: that of a socket begins anew with what we write to it, whoever is there. */
  #letGo(): void {
    const now = performance.now()
    for (const { socket, heardAt } of this.#clients.values()) if (now - heardAt > this.#limits.silentMs) socket.destroy()
  }

  /** The cluster of a gateway that may use this relay now. */
  #judged({ dnsName, pem }: Pick<Client, 'dnsName' | 'pem'>): string | undefined {
    return believe(pem, dnsName, this.#terms.trust, new Date()).ok ? this.#terms.gateways.get(dnsName) : undefined
  }

  #judge(): void {
    for (const client of this.#clients.values()) if (this.#judged(client) !== client.clusterID) client.socket.destroy()
  }
}

/** What the other end of a connection has proven the key of, by its own word. */
export function claimOf(socket: TLSSocket): { readonly dnsName: string; readonly pem: string } | undefined {
  const certificate = socket.getPeerX509Certificate()
  const dnsName = /^DNS:([^,]+)$/.exec(certificate?.subjectAltName ?? '')?.[1]
  return certificate === undefined || dnsName === undefined ? undefined : { dnsName, pem: toPem('CERTIFICATE', certificate.raw) }
}

export const secretsOf = ({ key, pem }: Proof): { readonly key: string; readonly cert: string } => ({ key: key.pem(), cert: pem })
