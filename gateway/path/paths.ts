// The ways of all cables at work: what is known of each goes into `choose`, and what comes out to WireGuard and to the doors of relays.
// Packets do not wait for this program: WireGuard sends where it was told, and follows whoever proves to be the far gateway.
import type { PublicKey } from '#lib/net/keys.ts'
import type { Logger } from '#lib/std/log.ts'
import { pause } from '#lib/std/pause.ts'
import { turns } from '#lib/std/turns.ts'
import { unreachable } from '#lib/std/unreachable.ts'
import type { CableDriver, Candidate } from '../cable/driver.ts'
import { addressText } from '../cable/driver.ts'
import type { PeerReading } from '../pulse/pulse.ts'
import type { Choice, Evidence, PathReason, Standing, Way } from './choose.ts'
import { choose, firstWay, pathTiming, sameAddress, sameWay } from './choose.ts'
import { gatewayIDOf } from './frame.ts'
import type { Door, LinkTerms, RelayPlace } from './link.ts'
import { RelayLink } from './link.ts'
import { parsePlace } from './reflexive.ts'
import { chosenRelays } from './relay-set.ts'

/** A gateway whose packets take a cable over WireGuard. */
export type PathPeer = {
  readonly publicKey: PublicKey
  readonly clusterID: string
  readonly node: string
  /** By which relays know it. */
  readonly dnsName: string
  readonly addresses: readonly [Candidate, ...Candidate[]]
}

/** `proof`: undefined while there is no certificate that others would believe; then there is no way through relays. */
export type PathTerms = {
  readonly peers: readonly PathPeer[]
  readonly relays: readonly RelayPlace[]
  readonly proof: LinkTerms | undefined
}

export type PathReading =
  | { readonly path: 'Direct' | 'Reflexive'; readonly reason: PathReason }
  | { readonly path: 'Relay'; readonly relay: string; readonly reason: PathReason }

export type PathsOptions = {
  readonly driver: Pick<CableDriver, 'read' | 'steer'>
  /** Where WireGuard listens. */
  readonly port: number
  readonly publicKey: PublicKey
  readonly pulse: () => readonly PeerReading[]
  /** A packet to the peer, by whatever way its cable takes now: the far end sends where it comes from. */
  readonly nudge: (publicKey: PublicKey) => void
  /** A cable takes another way now. */
  readonly onChange: () => void
  readonly log: Logger
}

const lookEveryMs = 250
/** Where all is well, the device is looked at so much less often. */
const calmEveryMs = 5_000
/** A peer that has been down for so long does not have the device looked at more often. */
const downMs = 60_000
/** A relay that does not answer for so long gives its place to another. */
const lostMs = 60_000
/** How long a single packet that looked for a way is given to bring the far end's packets this way. */
const lookedMs = 600
const looks = 3
/** So long WireGuard may take to open what it was handed. */
const openedMs = 3
/** A way just taken is looked at this often: what comes to the door meanwhile leads back to it, until once nothing has. */
const settlingEveryMs = 50

type Known = {
  peer: PathPeer
  standing: Standing
  /** When its cable was last up, or it came to be known. */
  upAt: number
  /** A door that also sends straight, or only, until then. `isClosing`: we have left it, and what comes to it is let go. */
  probe: { readonly until: number; readonly door: Door; readonly isClosing?: true } | undefined
  /** Sent once straight from WireGuard's own port, which is the one that a NAT lets in: what came through the relay by now, looked at when. */
  looked: { readonly at: number; readonly received: number } | undefined
  /** Which of the addresses is looked at next in that way, and how often until the next probe: what was on its way hides what works. */
  nextLook: number
  looksLeft: number
}

export class Paths implements AsyncDisposable {
  readonly #options: PathsOptions
  readonly #stop = new AbortController()
  readonly #known = new Map<PublicKey, Known>()
  readonly #links = new Map<string, { readonly place: string; readonly link: RelayLink }>()
  readonly #linksTurn = turns()
  #terms: PathTerms = { peers: [], relays: [], proof: undefined }
  #running: Promise<void> = Promise.resolve()
  #lookedAt = -Infinity

  constructor(options: PathsOptions) {
    this.#options = options
  }

  start(): void {
    this.#running = this.#run()
  }

  /** Peers and relays from now on; what is known of those that stay is kept. */
  async set(terms: PathTerms): Promise<void> {
    const now = performance.now()
    this.#terms = terms
    const wanted = new Map(terms.peers.map((peer) => [peer.publicKey, peer]))
    for (const key of this.#known.keys()) if (!wanted.has(key)) this.#known.delete(key)
    for (const [key, peer] of wanted) {
      const known = this.#known.get(key)
      if (known === undefined) this.#known.set(key, newcomer(peer, now))
      else known.peer = peer
    }
    await this.#setLinks()
  }

  /** Where a driver should send that has not heard from the peer yet: the way that was chosen, then the others. */
  async order(
    publicKey: PublicKey,
    candidates: readonly [Candidate, ...Candidate[]],
  ): Promise<readonly [Candidate, ...Candidate[]]> {
    const known = this.#known.get(publicKey)
    const at = known === undefined ? undefined : await this.#placeOf(known, known.standing.way)
    return at === undefined ? candidates : [at, ...candidates.filter((c) => !sameAddress(c, at))]
  }

  read(): ReadonlyMap<PublicKey, PathReading> {
    return new Map([...this.#known].map(([key, { peer, standing }]) => [key, readingOf(peer, standing)]))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#running
    await Promise.all([...this.#links.values()].map(({ link }) => link[Symbol.asyncDispose]()))
    this.#links.clear()
  }

  #chosen(now: number): readonly RelayPlace[] {
    const { relays, proof } = this.#terms
    const lost = [...this.#links.values()].flatMap(({ link }) => (link.downFor(now) > lostMs ? [link.name] : []))
    const used = [...this.#known.values()].flatMap(({ standing: { way } }) => (way.to === 'relay' ? [way.name] : []))
    return proof === undefined ? [] : chosenRelays(relays, new Set(lost), new Set(used))
  }

  #setLinks(): Promise<void> {
    return this.#linksTurn(() => this.#makeLinks())
  }

  async #makeLinks(): Promise<void> {
    const wanted = new Map(this.#chosen(performance.now()).map((place) => [place.name, place]))
    for (const [name, { place, link }] of this.#links)
      if (JSON.stringify(wanted.get(name)) !== place) {
        this.#links.delete(name)
        await link[Symbol.asyncDispose]()
      }
    for (const [name, place] of wanted)
      if (!this.#links.has(name)) {
        const { port, log } = this.#options
        const link = new RelayLink(place, () => this.#terms.proof, port, log)
        this.#links.set(name, { place: JSON.stringify(place), link })
      }
    const ids = new Set(this.#terms.peers.map(({ dnsName }) => gatewayIDOf(dnsName)))
    for (const { link } of this.#links.values()) link.closeAllBut(ids)
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      await this.#look(signal).catch((err: unknown) => {
        // The device is being made anew.
        if (!signal.aborted) this.#options.log.debug({ err }, 'the ways of the cables could not be looked at')
      })
      await pause([...this.#known.values()].some(isSettling) ? settlingEveryMs : lookEveryMs, signal)
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const now = performance.now()
    const chosen = this.#chosen(now)
    if (chosen.length !== this.#links.size || chosen.some(({ name }) => !this.#links.has(name))) await this.#setLinks()
    // The far end may be the one that needs them first.
    for (const { link } of this.#links.values())
      for (const { peer } of this.#known.values()) {
        const id = gatewayIDOf(peer.dnsName)
        if (link.rttTo(id) !== undefined) await link.door(id).catch((err: unknown) => this.#failed(peer, err))
      }
    const links = new Map(this.#options.pulse().map((p) => [p.publicKey, p.link.state]))
    for (const [key, known] of this.#known) if (links.get(key) === 'Connected') known.upAt = now
    const isCalm = [...this.#known.values()].every((known) => this.#isCalm(known, now))
    if (isCalm && now - this.#lookedAt < calmEveryMs) return
    this.#lookedAt = now
    const devices = await this.#options.driver.read(signal)
    const places = await this.#doorPlaces()
    for (const [key, known] of this.#known) {
      const address = devices.find((d) => d.publicKey === key)?.address
      const door = address === undefined ? undefined : places.get(`${key} ${address}`)
      try {
        await this.#lookAt(known, address, door, { now, link: links.get(key) ?? 'Connecting' }, signal)
      } catch (err) {
        // Of one; the others have their turn.
        if (!signal.aborted) this.#failed(known.peer, err)
      }
    }
  }

  /** `address`: where the device sends; `door`: the relay behind it, if it is a door of ours. */
  async #lookAt(
    known: Known,
    address: string | undefined,
    door: string | undefined,
    seen: Pick<Evidence, 'now' | 'link'>,
    signal: AbortSignal,
  ): Promise<void> {
    const isOurs = address === undefined || door !== undefined || !address.startsWith('127.')
    const at: Way | undefined =
      door !== undefined ? { to: 'relay', name: door } : address === undefined ? undefined : toAddress(address)
    // A door of a process before this one: nobody is behind it.
    if (!isOurs) await this.#steer(known, signal)
    await this.#decide(known, { ...seen, at: isOurs ? at : undefined }, signal)
  }

  #failed({ clusterID, node }: PathPeer, err: unknown): void {
    this.#options.log.debug({ err, cluster: clusterID, node }, 'the way of a cable could not be looked at')
  }

  /** Whether nothing is under way and nothing is due: all is well, or has not been for so long that it need not be seen at once. */
  #isCalm({ peer, standing: { way, probeAt }, upAt, probe, looked, looksLeft }: Known, now: number): boolean {
    if (probe !== undefined || looked !== undefined || looksLeft > 0) return false
    if (now > upAt) return now - upAt > downMs
    if (way.to === 'address') return true
    return now < probeAt && this.#links.get(way.name)?.link.rttTo(gatewayIDOf(peer.dnsName)) !== undefined
  }

  async #decide(known: Known, seen: Pick<Evidence, 'now' | 'link' | 'at'>, signal: AbortSignal): Promise<void> {
    const { peer, standing } = known
    const { now } = seen
    const id = gatewayIDOf(peer.dnsName)
    const relays = [...this.#links.values()].flatMap(({ link }) => {
      const rttMs = link.rttTo(id)
      return rttMs === undefined ? [] : [{ name: link.name, rttMs }]
    })
    const evidence: Evidence = {
      ...seen,
      at: (await this.#isLooking(known, now)) ? standing.way : seen.at,
      addresses: peer.addresses,
      relays,
      answered: known.probe?.door.answered(),
      leads: this.#options.publicKey < peer.publicKey,
    }
    const choice = choose(standing, evidence)
    known.standing = choice.standing
    await this.#act(known, standing, choice, now, signal)
  }

  async #act(known: Known, before: Standing, { standing, do: what }: Choice, now: number, signal: AbortSignal): Promise<void> {
    if (what === 'probe') await this.#probe(known, now)
    else if (known.probe !== undefined && now >= known.probe.until) {
      const { door, isClosing } = known.probe
      if (standing.way.to === 'address' && isClosing === undefined) {
        // WireGuard answers here what it is handed, the far end answers that, and so on for ever: what is held by now is let go.
        door.straight([standing.way.at], 'closing')
        this.#options.nudge(known.peer.publicKey)
        known.probe = { door, until: now + pathTiming.closingMs, isClosing: true }
      } else {
        door.straight([], 'also')
        if (door.release()) await this.#steer(known, signal)
        known.probe = undefined
        if (sameWay(before.way, standing.way) && standing.way.to === 'relay') known.looksLeft = looks
      }
    }
    if (known.looksLeft > 0 && known.looked === undefined) await this.#lookOnce(known, now, signal)
    if (!sameWay(before.way, standing.way)) {
      // What still comes to a door we left goes straight as well, so that the far end does not come back to it.
      if (known.probe !== undefined) {
        known.probe.door.straight(standing.way.to === 'address' ? [standing.way.at] : [], 'only')
        known.probe = { door: known.probe.door, until: now + pathTiming.settleMs }
      }
      known.looked = undefined
      known.looksLeft = 0
      const { clusterID, node } = known.peer
      this.#options.log.info({ cluster: clusterID, node, path: readingOf(known.peer, standing) }, 'path')
      this.#options.onChange()
    }
    const isReleased = standing.way.to === 'address' && (known.probe?.door.release() ?? false)
    // Told at once, WireGuard would hear us before it has opened what it was handed, and go back to the door with that.
    if (isReleased) await pause(openedMs, signal)
    if (what === 'steer' || isReleased) await this.#steer(known, signal)
  }

  async #probe(known: Known, now: number): Promise<void> {
    const { way } = known.standing
    const door = way.to === 'relay' ? await this.#doorTo(known, way.name) : undefined
    if (door === undefined) return
    door.straight(known.peer.addresses, 'also')
    known.probe = { until: now + pathTiming.probeMs, door }
  }

  /** Where a NAT lets in whom it has sent to, both ends must have sent from the port of WireGuard itself. The far end's next packet has us back. */
  async #lookOnce(known: Known, now: number, signal: AbortSignal): Promise<void> {
    const reflexive = known.peer.addresses.filter((a) => a.reflexive)
    const at = reflexive[known.nextLook++ % reflexive.length]
    const { way } = known.standing
    const door = way.to === 'relay' ? await this.#doorTo(known, way.name) : undefined
    if (at === undefined || door === undefined) {
      known.looksLeft = 0
      return
    }
    known.looksLeft--
    known.looked = { at: now, received: door.received() }
    const { driver, nudge } = this.#options
    await driver.steer?.(known.peer.publicKey, at, signal)
    nudge(known.peer.publicKey)
  }

  /** While it is not known yet what a look has brought, WireGuard's word for where it sends is only our own. */
  async #isLooking(known: Known, now: number): Promise<boolean> {
    const { looked, standing } = known
    if (looked === undefined) return false
    const door = standing.way.to === 'relay' ? await this.#doorTo(known, standing.way.name) : undefined
    const received = door?.received() ?? 0
    if (now - looked.at < lookedMs / 2) {
      known.looked = { ...looked, received }
      return true
    }
    if (now - looked.at < lookedMs) return true
    known.looked = undefined
    return received !== looked.received
  }

  async #steer(known: Known, signal: AbortSignal): Promise<void> {
    const at = await this.#placeOf(known, known.standing.way)
    if (at === undefined) return
    const { driver, nudge } = this.#options
    await driver.steer?.(known.peer.publicKey, at, signal)
    // Until it hears us there, the far end sends to where we were.
    nudge(known.peer.publicKey)
  }

  async #placeOf(known: Known, way: Way): Promise<Candidate | undefined> {
    switch (way.to) {
      case 'address':
        return way.at
      case 'relay':
        return (await this.#doorTo(known, way.name))?.at
      default:
        return unreachable(way)
    }
  }

  #doorTo({ peer }: Known, relay: string): Promise<Door | undefined> {
    return this.#links.get(relay)?.link.door(gatewayIDOf(peer.dnsName)) ?? Promise.resolve(undefined)
  }

  /** By key of the peer and address of a door, the relay behind it. */
  async #doorPlaces(): Promise<ReadonlyMap<string, string>> {
    const places = new Map<string, string>()
    for (const { link } of this.#links.values())
      for (const { peer } of this.#known.values()) {
        const id = gatewayIDOf(peer.dnsName)
        if (link.has(id)) places.set(`${peer.publicKey} ${addressText((await link.door(id)).at)}`, link.name)
      }
    return places
  }
}

const isSettling = ({ probe, standing }: Known): boolean =>
  probe !== undefined && probe.isClosing === undefined && standing.way.to === 'address'

const newcomer = (peer: PathPeer, now: number): Known => ({
  peer,
  standing: firstWay(peer.addresses, now),
  upAt: now,
  probe: undefined,
  looked: undefined,
  nextLook: 0,
  looksLeft: 0,
})

function readingOf({ addresses }: PathPeer, { way, reason }: Standing): PathReading {
  if (way.to === 'relay') return { path: 'Relay', relay: way.name, reason }
  return { path: addresses.some((a) => a.reflexive !== true && sameAddress(a, way.at)) ? 'Direct' : 'Reflexive', reason }
}

function toAddress(text: string): Way | undefined {
  const at = parsePlace(text)
  return at === undefined ? undefined : { to: 'address', at }
}
