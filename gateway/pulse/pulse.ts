// The pulse at work: a socket on the tunnel address, a beat for each peer, and word to the owner when something changed.
import type { Socket } from 'node:dgram'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { isDeepStrictEqual } from 'node:util'
import type { PublicKey } from '#lib/net/keys.ts'
import { tunnelAddress } from '#lib/net/keys.ts'
import { pause } from '#lib/std/pause.ts'
import type { Logger } from '#lib/std/log.ts'
import type { Claim, Speaker } from '../engine.ts'
import type { Standing } from '../hand-over/standing.ts'
import { headers, isProbe } from '../mtu/message.ts'
import { Probing } from '../mtu/probing.ts'
import type { Message } from './message.ts'
import { decode, encode } from './message.ts'
import type { LinkState, Session } from './session.ts'
import { claimOf, echoFor, hear, isDoubled, isMeasured, linkState, lossOf, newSession, timing } from './session.ts'

/** Who is expected behind a key. */
export type PulsePeer = Speaker & {
  readonly publicKey: PublicKey
  /** What the device of its cable takes; undefined: how much of that passes is not asked. */
  readonly most?: number
}
/** Times in ms on the monotonic clock. */
export type Heard = {
  /** Of the process that sent it. */
  readonly bootID: string
  readonly standing: Standing
  readonly carrying: boolean
  /** At which term it sends to our cluster and takes from it. */
  readonly takes: number | undefined
  /** Since when it says that it hears no other cluster. */
  readonly cutOffSince: number | undefined
  /** When it last proved that it hears us. */
  readonly provedAt: number | undefined
  readonly at: number
}
export type PeerReading = PulsePeer & {
  readonly link: LinkState
  readonly loss: number
  /** What passes whole, bytes of an IP packet; undefined where it is not asked, or not known yet. */
  readonly size: number | undefined
  readonly claim: Claim | undefined
  /** Who answers under the key; undefined before anyone did. What another one than expected says of itself is not taken. */
  readonly speaker: Speaker | undefined
  /** Of the newest pulse that was taken; undefined before any came. */
  readonly heard: Heard | undefined
}

/** Whether less passes than its device takes. */
export const isNarrow = (peer: PeerReading): peer is PeerReading & { readonly size: number } =>
  peer.size !== undefined && peer.most !== undefined && peer.size < peer.most

/**
 * Two processes speak with one key, as one is a copy of the other’s node. `Peer`: with the peer’s; `OursOlder`: with ours, and the peer takes
 * us, who began later; `OursNewer`: the peer takes the other.
 */
export type Copy = 'Peer' | 'OursOlder' | 'OursNewer'

/** What a gateway says of itself: its claim to those of its own cluster, and to others. */
export type Saying = {
  readonly siblings: Claim
  readonly others: Claim
  readonly standing: Standing
  readonly carrying: boolean
  /** By other cluster: the term at which it is sent to and taken from here. */
  readonly takes: ReadonlyMap<string, number>
}

export interface Pulse extends AsyncDisposable {
  /** Peers to exchange pulses with; those that stay keep what is known of them. */
  set(peers: readonly PulsePeer[]): void
  /** What to say of ourselves from now on. Said at once if it is new, because others wait for it. */
  say(saying: Saying): void
  /** One packet to the peer at once, which says nothing but by where it comes from: whoever opens it answers there from now on. */
  nudge(publicKey: PublicKey): void
  read(): readonly PeerReading[]
  /** By the key of the peer that knows. That the peer takes another for us is remembered also of one that is a peer no more. */
  copies(): ReadonlyMap<PublicKey, Copy>
}

export type PulseOptions = {
  /** Our tunnel address; a device must have it. */
  readonly address: string
  readonly port: number
  readonly clusterID: string
  readonly node: string
  /** New with every start, 16 hex digits. */
  readonly bootID: string
  /** Where peers listen, from their key; a test that has no tunnels says otherwise. */
  readonly addressOf?: (peer: PulsePeer) => { readonly address: string; readonly port: number }
  /** Bytes that went into the cables so far, whoever sent them; undefined if that cannot be told. */
  readonly sentBytes?: () => Promise<number | undefined>
  /** A peer's state or claim changed. */
  readonly onChange: () => void
  /** With every pulse that came or was sent, but not when this process has just stood still: when to look who is missed. Must be quick. */
  readonly onBeat?: () => void
  readonly log: Logger
}

/** Listens when it resolves; beats until `signal` aborts or it is disposed. */
export async function startPulse(options: PulseOptions, signal: AbortSignal): Promise<Pulse> {
  const socket = createSocket({ type: 'udp6', ipv6Only: true })
  socket.bind({ address: options.address, port: options.port, exclusive: true })
  try {
    await once(socket, 'listening', { signal })
  } catch (error) {
    socket.close()
    throw error
  }
  const heart = new Heart(options, socket)
  heart.start(signal)
  return heart
}

type Known = {
  readonly peer: PulsePeer
  readonly at: { readonly address: string; readonly port: number }
  session: Session
  speaker: Speaker | undefined
  said: string
  /** When something of it was told last. */
  saidAt: number
  /** How far it had come in what others wait for when that was told last, and when: only such news hold such news up. */
  progress: number
  progressAt: number
  state: string
}

/** A change of another cluster’s gateway waits so long after another, or for the next beat: it must not keep us busy by changing all the time. */
const calmMs = 100

/** A beat in which others send no more is a quiet one: less than any packet that might be too large. */
const quietBytes = 1_000
/** What senders try again comes seldom. */
const stillBusyMs = 10_000

/** However many pulses come. */
const leastBeatMs = 40

class Heart implements Pulse {
  readonly #options: PulseOptions
  readonly #socket: Socket
  readonly #stop = new AbortController()
  /** By `address port`, which WireGuard has proven to be the key's. */
  readonly #known = new Map<string, Known>()
  #saying: Saying = { siblings: newcomer, others: newcomer, standing: 'NotYet', carrying: false, takes: new Map() }
  readonly #probing: Probing
  #ownBytes = 0
  #busyUntil = -Infinity
  #counted: { readonly all: number; readonly own: number } | undefined
  readonly #displacing = new Set<PublicKey>()
  #sequence = 0
  #beatAt = -Infinity
  #beganAt = performance.now()
  #blindUntil = -Infinity
  #beating = Promise.resolve()

  constructor(options: PulseOptions, socket: Socket) {
    this.#options = options
    this.#socket = socket
    this.#probing = new Probing(options.bootID, (key, bytes) => {
      const known = this.#of(key)
      if (known !== undefined) this.#send(bytes, known.at)
    })
    socket.on('message', (bytes, from) => {
      this.#take(bytes, `${from.address} ${from.port}`)
    })
    socket.on('error', (err) => {
      options.log.warn({ err }, 'pulse socket')
    })
  }

  start(signal: AbortSignal): void {
    const stop = () => {
      this.#stop.abort()
    }
    signal.addEventListener('abort', stop, { once: true })
    this.#beating = this.#beat().finally(() => {
      signal.removeEventListener('abort', stop)
    })
  }

  set(peers: readonly PulsePeer[]): void {
    const now = performance.now()
    const wanted = new Map(peers.map((peer) => [this.#addressOf(peer), peer]))
    const isNews = [...wanted.keys()].some((key) => !this.#known.has(key))
    for (const key of this.#known.keys()) if (!wanted.has(key)) this.#known.delete(key)
    for (const [key, peer] of wanted) {
      const known = this.#known.get(key)
      const [address = '', port = ''] = key.split(' ')
      this.#known.set(key, {
        peer,
        at: { address, port: Number(port) },
        session: known?.session ?? newSession(now),
        speaker: known?.speaker,
        said: known?.said ?? '',
        saidAt: known?.saidAt ?? -Infinity,
        progress: known?.progress ?? -1,
        progressAt: known?.progressAt ?? -Infinity,
        state: known?.state ?? '',
      })
    }
    // A cable over WireGuard comes up with the first packet.
    if (isNews) this.#sendAll()
  }

  say(saying: Saying): void {
    if (isDeepStrictEqual(saying, this.#saying)) return
    this.#saying = saying
    this.#sendAll()
  }

  nudge(publicKey: PublicKey): void {
    const known = this.#of(publicKey)
    if (known !== undefined) this.#send(Buffer.alloc(0), known.at)
  }

  read(): readonly PeerReading[] {
    const now = performance.now()
    return [...this.#known.values()].map((known) => ({
      ...known.peer,
      link: linkOf(known, now),
      loss: lossOf(known.session),
      size: this.#probing.sizeTo(known.peer.publicKey),
      claim: claimOf(known.session),
      speaker: known.speaker,
      heard: heardOf(known.session),
    }))
  }

  copies(): ReadonlyMap<PublicKey, Copy> {
    const now = performance.now()
    const known = [...this.#known.values()].flatMap(({ peer, session }): readonly (readonly [PublicKey, Copy])[] => {
      if (isDoubled(session, now)) return [[peer.publicKey, 'Peer']]
      return session.heard?.message.doubled === true ? [[peer.publicKey, 'OursOlder']] : []
    })
    return new Map([...known, ...[...this.#displacing].map((key) => [key, 'OursNewer'] as const)])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#beating
    this.#socket.close()
  }

  async #beat(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const now = performance.now()
      // Who did not run for a while finds what came meanwhile in no order that says who fell silent.
      if (now - this.#beganAt > 2 * timing.everyMs) this.#blindUntil = now + timing.everyMs
      this.#beganAt = now
      this.#sendAll()
      await this.#probe()
      this.#noteChanges()
      this.#tellBeat()
      await pause(timing.everyMs, this.#stop.signal)
    }
  }

  #sendAll(): void {
    this.#sequence++
    const { clusterID, node, bootID } = this.#options
    const cutOff = this.#isCutOff()
    const { standing, carrying, takes, ...claims } = this.#saying
    for (const { at, session, peer } of this.#known.values()) {
      const isSibling = peer.clusterID === clusterID
      const now = performance.now()
      const message: Message = {
        clusterID,
        node,
        bootID,
        claim: isSibling ? claims.siblings : claims.others,
        standing,
        carrying,
        cutOff,
        doubled: isDoubled(session, now),
        sequence: this.#sequence,
        sentAt: now,
        echo: echoFor(session, now),
        takes: takes.get(peer.clusterID),
      }
      // An error here says that there is no way at the moment, which the missing echo says as well.
      this.#send(encode(message), at)
    }
  }

  #send(bytes: Buffer, { address, port }: Known['at']): void {
    this.#ownBytes += bytes.length + headers
    this.#socket.send(bytes, port, address, () => undefined)
  }

  /** How much passes is asked often only while others than we send. */
  async #probe(): Promise<void> {
    const all = await this.#options.sentBytes?.().catch(() => undefined)
    const now = performance.now()
    const [own, before] = [this.#ownBytes, this.#counted]
    this.#counted = all === undefined ? undefined : { all, own }
    const others = before === undefined || all === undefined ? undefined : all - before.all - (own - before.own)
    if (others === undefined || others > quietBytes) this.#busyUntil = now + stillBusyMs
    const peers = [...this.#known.values()].flatMap((known) => {
      const { publicKey, most } = known.peer
      const link = linkOf(known, now)
      return most === undefined ? [] : [{ publicKey, most, rttMs: link.state === 'Connected' ? link.rttMs : undefined }]
    })
    this.#probing.beat(peers, now < this.#busyUntil, now)
  }

  #isCutOff(): boolean {
    const now = performance.now()
    const others = [...this.#known.values()].filter(({ peer }) => peer.clusterID !== this.#options.clusterID)
    return others.length > 0 && others.every((known) => linkOf(known, now).state === 'Error')
  }

  #take(bytes: Buffer, from: string): void {
    const known = this.#known.get(from)
    if (isProbe(bytes)) {
      if (known !== undefined) this.#probing.take(known.peer.publicKey, bytes)
      return
    }
    const message = decode(bytes)
    if (known === undefined || !message.ok) return
    const { clusterID, node } = message.value
    known.speaker = { clusterID, node }
    // It may speak for nobody but whom its cluster named the key for.
    if (speaksForItself(known)) known.session = hear(known.session, message.value, this.#options.bootID, performance.now())
    if (known.session.displaced) this.#displacing.add(known.peer.publicKey)
    this.#noteChanges()
    this.#tellBeat()
  }

  #tellBeat(): void {
    const now = performance.now()
    const stalled = now - this.#beganAt > 2 * timing.everyMs
    if (stalled || now < this.#blindUntil || now - this.#beatAt < leastBeatMs) return
    this.#beatAt = now
    this.#options.onBeat?.()
  }

  #noteChanges(): void {
    const now = performance.now()
    const copies = this.copies()
    let changed = false
    for (const known of this.#known.values()) {
      const link = linkOf(known, now)
      const claim = claimOf(known.session)
      const { standing, carrying, takes } = heardOf(known.session) ?? {}
      const measured = isMeasured(known.session)
      const text = 'message' in link ? link.message : ''
      const copy = copies.get(known.peer.publicKey)
      const says = [
        link.state,
        text,
        measured,
        copy,
        this.#probing.sizeTo(known.peer.publicKey),
        claim?.role,
        claim?.term,
        standing,
        carrying,
        takes,
      ].join(' ')
      if (says === known.said) continue
      const progress = progressOf(claim, takes)
      const isNews = progress > known.progress
      const isSibling = known.peer.clusterID === this.#options.clusterID
      if (!isSibling && now - (isNews ? known.progressAt : known.saidAt) < calmMs) continue
      known.said = says
      known.saidAt = now
      if (isNews) {
        known.progress = progress
        known.progressAt = now
      }
      changed = true
      if (link.state === known.state) continue
      known.state = link.state
      const { clusterID, node } = known.peer
      this.#options.log.info({ cluster: clusterID, node, link, claim }, 'cable')
    }
    if (changed) this.#options.onChange()
  }

  #of(publicKey: PublicKey): Known | undefined {
    return [...this.#known.values()].find(({ peer }) => peer.publicKey === publicKey)
  }

  #addressOf(peer: PulsePeer): string {
    const { addressOf, port } = this.#options
    const at = addressOf?.(peer) ?? { address: tunnelAddress(peer.publicKey), port }
    return `${at.address} ${at.port}`
  }
}

function heardOf({ heard, cutOffSince, provedAt }: Session): Heard | undefined {
  if (heard === undefined) return undefined
  const { bootID, standing, carrying, takes } = heard.message
  return { bootID, standing, carrying, takes, cutOffSince, provedAt, at: heard.at }
}

/** What others wait for only ever grows: a term, that its holder leads, and the term at which we are taken. */
const progressOf = (claim: Claim | undefined, takes: number | undefined): number =>
  2 * (claim?.term ?? 0) + (claim?.role === 'Active' ? 1 : 0) + (takes ?? 0)

const newcomer: Claim = { role: 'Standby', term: 0 }

const speaksForItself = ({ peer, speaker }: Known): boolean =>
  speaker === undefined || (speaker.clusterID === peer.clusterID && speaker.node === peer.node)

function linkOf(known: Known, now: number): LinkState {
  const { session, speaker } = known
  return speaker === undefined || speaksForItself(known)
    ? linkState(session, now)
    : { state: 'Error', reason: 'KeyHeldByOther', message: 'its key is held by another gateway, which answers under it' }
}
