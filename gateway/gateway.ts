// The gateway at work: facts from the stores, the pulse and the election into the planner, its plan onto the node, and word of it to
// the apiserver. Everything that may be away for a while (apiserver, peers, wireguard-go) is met by doing the whole again.
import { isDeepStrictEqual } from 'node:util'
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { gatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { pairKeysSecretName } from '#crds/places.ts'
import type { Host } from '#lib/host/host.ts'
import type { FoundNetwork, Network, NetworkChange } from '#lib/host/network.ts'
import { applyNetwork, describeChange, moveRoutes, planNetwork, readNetwork } from '#lib/host/network.ts'
import type { Next } from '#lib/kube/controller.ts'
import { blocked, settled } from '#lib/kube/controller.ts'
import type { Leadership } from '#lib/kube/lease.ts'
import type { Node, Secret } from '#lib/kube/kinds.ts'
import { keyOf } from '#lib/kube/object.ts'
import type { Applier, Step } from '#lib/kube/plan.ts'
import { applyPlan } from '#lib/kube/plan.ts'
import type { Store } from '#lib/kube/store.ts'
import type { PublicKey } from '#lib/net/keys.ts'
import { believe } from '#lib/pki/trust.ts'
import { cell } from '#lib/std/cell.ts'
import type { Logger } from '#lib/std/log.ts'
import { pause } from '#lib/std/pause.ts'
import { turns } from '#lib/std/turns.ts'
import type { Refusal } from './admission.ts'
import type { Cable, CableDriver, CableState, Candidate } from './cable/driver.ts'
import { readKept } from './certificate/kept.ts'
import { nodesOf } from './agent/observe.ts'
import type { Sight } from './election/candidacy.ts'
import { Candidacy } from './election/candidacy.ts'
import type { Claim, GatewayFacts, GatewayPlan, Peer } from './engine.ts'
import { planGateway } from './engine.ts'
import type { Lead } from './hand-over/lead.ts'
import { leads, newcomer, publishable, spoken } from './hand-over/lead.ts'
import type { Way } from './hand-over/routes.ts'
import { endWaiting, forgetWaiting, wayOf } from './hand-over/routes.ts'
import { dutyOf } from './hand-over/standing.ts'
import type { GatewayReading } from './metrics.ts'
import { activeOf, fleetOf } from './observe.ts'
import { gatewayOwns } from './ownership.ts'
import { handshakesOf, heldIDs, pairKeysOf } from './pair-keys.ts'
import { reflexiveOf } from './path/reflexive.ts'
import type { Ways } from './path/ways.ts'
import type { Identity } from './publish.ts'
import { endpointOf, faultStatus, statusOf } from './publish.ts'
import { topologyOf } from './topology.ts'
import type { PeerReading, Pulse, PulsePeer } from './pulse/pulse.ts'
import { isNarrow } from './pulse/pulse.ts'

export const fieldManager = 'tombolo-gateway'
/** So long may the node refuse to be set up before another gateway should lead: a device is made anew in much less. */
const patienceMs = 2_000
/** Round trips are published at most this often: soon again after the first, which is long as a rule, and seldom looked at later. */
const rttEveryMs = 10_000

/** So long does a gateway that ends wait for another to take the lead, and then for other clusters to turn to it. With giving the Lease back, less than the pod's grace period. */
const handOverMs = 6_000
const turnMs = 2_000
/** So long until it is published that it leads no more: soon after the other one has published that it does. */
const tellMs = 2_000
/** What was on its way to us when the last of them turned. */
const settleMs = 100

export type GatewayParts = {
  readonly self: Identity
  readonly kube: Applier
  readonly host: Host
  /** The best first. All are of one node, and so of one key. */
  readonly drivers: readonly CableDriver[]
  readonly kernelHasIPsec: boolean
  /** Which ways the cables take. */
  readonly ways: Ways
  /** Where the certificate is kept. */
  readonly stateDir: string
  readonly allocations: Store
  readonly endpoints: Store
  readonly nodes: Store<Node>
  /** Where the operator puts the keys of pairs: one Secret, or none. */
  readonly secrets: Store<Secret>
  /** Starts the pulse; called once the device with the tunnel address is there. */
  readonly startPulse: () => Promise<Pulse>
  /** The lead goes on in its way: `follow` is due. */
  readonly onTurn: () => void
  readonly log: Logger
}

/** What is wanted of the node, and for what. */
type Wanted = GatewayPlan & { readonly lead: Lead | undefined; readonly way: Way }

export class Gateway implements AsyncDisposable {
  /** Whether this node can carry traffic, as the last passes have shown: a reason to stand for election. */
  readonly fit = cell(false)
  readonly candidacy: Candidacy
  readonly #parts: GatewayParts
  /** The node is changed by one pass at a time, and so is what is published. */
  readonly #node = turns()
  readonly #words = turns()
  #pulse: Pulse | undefined
  /** What we prove ourselves with, PEM. */
  #certificate: string | undefined
  #failingSince: number | undefined
  /** What was made last; undefined before the first whole pass. */
  #made: Wanted | undefined
  /** The claim that was published last. */
  #told: Claim | undefined
  #refused: readonly Refusal[] = []
  /** Where all others hear us that do, if that is one place and not our own. */
  #reflexive: Candidate | undefined
  /** Of the lead, when that was looked at last. */
  #seen: Lead['at'] | undefined
  #rttWrittenAt = -Infinity

  constructor(parts: GatewayParts) {
    this.#parts = parts
    this.candidacy = new Candidacy(parts.self, () => this.#sight())
  }

  /** Why the gateway is not ready, for people; empty when it is. One that has siblings is not before it could lead: then the next may be replaced. */
  unready(): readonly string[] {
    if (this.#made?.lead === undefined) return ['the cables were not set up yet']
    if (this.#pulse === undefined) return ['the pulse does not beat yet']
    const hasSiblings = this.#made.peers.some((p) => p.clusterID === this.#parts.self.clusterID)
    return hasSiblings && this.candidacy.standing === 'NotYet' ? ['other clusters were not heard of through the cables yet'] : []
  }

  hear(now: Leadership): void {
    this.candidacy.hear(now)
    this.#turn()
  }

  /** With every pulse. */
  look(): void {
    this.candidacy.look()
    this.#turn()
  }

  /**
   * Before the end: leads on until another gateway of this cluster has taken over, and carries on what comes until other clusters have
   * turned to that one. Resolves at once if there is none that could.
   */
  async handOver(signal: AbortSignal): Promise<void> {
    this.candidacy.end()
    const led = this.#carries()
    this.#say()
    const until = (ms: number, done: () => boolean) => settle(ms, done, signal)
    const alone = () => this.candidacy.lead?.at === 'Leading' && this.candidacy.successors().length === 0
    await until(handOverMs, () => !this.#carries() || alone())
    const lead = this.#made?.lead
    if (!led || lead?.at !== 'Given') return
    const { carriers } = this.#sight()
    const takes = (p: PeerReading) => p.link.state !== 'Connected' || (p.heard?.takes ?? -1) >= lead.to.term
    await until(turnMs, () => (this.#pulse?.read() ?? []).every((p) => !carriers.has(p.publicKey) || takes(p)))
    await pause(settleMs, signal)
    // Or people would find two that lead, until this one begins anew or is forgotten.
    await until(tellMs, () => this.#told?.role === 'Standby')
  }

  /** Whether a pair goes from one key to another: then which one a cable takes is looked at from time to time. */
  changesKeys(): boolean {
    return [...this.#pairKeys().held.values()].some(({ other }) => other !== undefined)
  }

  /** See `Pulse.nudge`. */
  nudge(publicKey: PublicKey): void {
    this.#pulse?.nudge(publicKey)
  }

  read(): GatewayReading {
    const pulses = this.#pulse?.read() ?? []
    const isSibling = (p: PeerReading) => p.clusterID === this.#parts.self.clusterID
    return {
      claim: spoken(this.candidacy.lead ?? newcomer).others,
      pulses: pulses.filter((p) => !isSibling(p)),
      siblings: pulses.filter(isSibling),
      refused: this.#refused.length,
      relayed: new Set([...this.#parts.ways.read()].flatMap(([key, { path }]) => (path === 'Relay' ? [key] : []))),
      relay: this.#parts.ways.readRelay(),
    }
  }

  /** The whole of it. */
  async reconcile(signal: AbortSignal): Promise<Next> {
    const { self, host } = this.#parts
    const wanted = await this.#want(signal)
    if (wanted === undefined)
      return blocked('NoAllocation', `the operator has not brought the Allocation of ${self.clusterID} from the broker yet`)
    this.#report(wanted.refused)
    try {
      await this.#guard(wanted, signal)
      await this.#node(() => this.#move('all cables', signal))
      const before = this.#made?.network.routes
      const keys = wanted.network.sysctls.map((s) => s.key)
      const have = await readNetwork(host, gatewayOwns, keys, signal)
      await this.#node(() => this.#complete(have, before, signal))
      this.#pulse ??= await this.#parts.startPulse()
    } catch (error) {
      const lasted = this.#failed()
      // A person looks at the cluster before they look at the log of a pod.
      if (!signal.aborted) await this.#write((have) => faultStatus(have, this.#publishable(), error, new Date(), lasted), signal)
      throw error
    }
    this.#failingSince = undefined
    this.fit.set(true)
    this.#pulse.set((this.#made?.peers ?? []).map((peer) => this.#asked(peer)))
    this.#say()
    await this.#publish(signal)
    return settled
  }

  /** What others wait for when the lead changes hands, or a gateway comes, here or elsewhere: routes, cables, and word of it. Nothing that takes long comes before. */
  async follow(signal: AbortSignal): Promise<Next> {
    // The packet filter comes before the first cable.
    if (this.#made === undefined) return settled
    const wanted = await this.#node(() => this.#move('changed cables', signal))
    if (wanted !== undefined) this.#pulse?.set(wanted.peers.map((peer) => this.#asked(peer)))
    const claim = this.#publishable()
    if (claim !== undefined && !isDeepStrictEqual(claim, this.#told)) await this.#publish(signal)
    return settled
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pulse?.[Symbol.asyncDispose]()
  }

  #sight(): Sight {
    const { self, nodes, endpoints } = this.#parts
    const node = nodes.get({ name: self.node })
    const peers = this.#made?.peers.filter((p) => p.carries && p.clusterID !== self.clusterID) ?? []
    return {
      peers: this.#pulse?.read() ?? [],
      duty: node === undefined ? 'Full' : dutyOf(node),
      carriers: new Set(peers.map((p) => p.publicKey)),
      published: () => activeOf(ownAmong(endpoints.list() as readonly GatewayEndpoint[], self.clusterID))?.status?.term ?? -1,
    }
  }

  /** By what is in place on the node. */
  #carries(): boolean {
    const lead = this.#made?.lead
    return lead !== undefined && leads(lead)
  }

  /** What differs for the node is for `follow`; what does not is said at once. */
  #turn(): void {
    const { lead } = this.candidacy
    if (lead?.at !== this.#seen) this.#parts.log.info({ lead }, 'lead')
    this.#seen = lead?.at
    if (this.#made?.lead !== lead && lead !== undefined) {
      if (this.#made?.lead !== undefined && isDeepStrictEqual(this.#wayOf(lead), this.#made.way))
        this.#made = { ...this.#made, lead }
      else this.#parts.onTurn()
    }
    this.#say()
  }

  #wayOf(lead: Lead): Way {
    const { nodes, self } = this.#parts
    return wayOf(lead, (name) => nodesOf(nodes.list(), self.nodeAddress).find((n) => n.name === name)?.address)
  }

  /** undefined: nobody knows yet which addresses are ours. */
  async #want(signal: AbortSignal): Promise<Wanted | undefined> {
    const { self, host, kernelHasIPsec, stateDir, allocations, endpoints, nodes, drivers } = this.#parts
    const { own: certified, trust } = await readKept(host, stateDir, signal)
    this.#certificate = certified?.pem
    const states = await this.cables(signal)
    const fleet = fleetOf(
      self.clusterID,
      allocations.list(),
      endpoints.list(),
      (certificate, dnsName) => believe(certificate, dnsName, trust, new Date()).ok,
    )
    if (fleet.own === undefined) return undefined
    const { lead } = this.candidacy
    const way = this.#wayOf(lead ?? newcomer)
    const pairKeys = this.#pairKeys()
    const kept = { own: certified, trust }
    const plan = planGateway({
      way,
      publicKey: self.publicKey,
      cables: drivers.map(({ name }) => name),
      kernelHasIPsec,
      isUp: (cable, key) => states.some((s) => s.cable === cable && s.publicKey === key && s.handshakeAt !== undefined),
      own: fleet.own,
      nodeAddresses: [...new Set([self.nodeAddress, ...nodesOf(nodes.list(), self.nodeAddress).map((n) => n.address)])],
      announced: fleet.announced,
      gateways: [...fleet.remoteGateways, ...fleet.siblings.filter((sibling) => sibling.node !== self.node)],
      heard: this.#heard(),
      copies: this.#pulse?.copies() ?? new Map(),
      narrow: this.#narrow(),
      pairKeys: pairKeys.held,
      announcedPairKeys: announcedBy(fleet.ownEndpoints, self.node),
      handshakes: (key) => {
        const at = states.find((s) => s.cable === 'wireguard' && s.publicKey === key)?.handshakeAt
        return handshakesOf(at === undefined ? undefined : Date.now() - at)
      },
    })
    const cables = await this.#parts.ways.lead(plan, kept, fleet.own.relay?.port, signal)
    this.#reflexive = reflexiveOf(self, fleet.heardAt, plan.routed)
    return { ...plan, cables, refused: [...fleet.refused, ...pairKeys.refused, ...plan.refused], lead, way }
  }

  #failed(): 'long' | 'briefly' {
    const now = performance.now()
    this.#failingSince ??= now
    if (now - this.#failingSince < patienceMs) return 'briefly'
    this.fit.set(false)
    return 'long'
  }

  #pairKeys(): ReturnType<typeof pairKeysOf> {
    return pairKeysOf(this.#parts.secrets.get({ namespace: this.#parts.self.namespace, name: pairKeysSecretName }))
  }

  #heard(): GatewayFacts['heard'] {
    return new Map(
      this.#pulse
        ?.read()
        .flatMap(({ publicKey, speaker, claim }) => (speaker === undefined ? [] : [[publicKey, { speaker, claim }] as const])),
    )
  }

  /** With how much its cable could take, of those through whose cables more than the pulse goes. */
  #asked(peer: Peer): PulsePeer {
    const { self, drivers } = this.#parts
    const driver = drivers.find(({ name }) => name === peer.use)
    return driver === undefined || peer.clusterID === self.clusterID ? peer : { ...peer, most: driver.mtu }
  }

  /** Where less passes than the device takes, so that routes of all others need no word of it. */
  #narrow(): GatewayFacts['narrow'] {
    return new Map((this.#pulse?.read() ?? []).flatMap((p) => (isNarrow(p) ? [[p.publicKey, p.size] as const] : [])))
  }

  /** The packet filter alone, before the first packet can come out of the device. */
  async #guard(wanted: Wanted, signal: AbortSignal): Promise<void> {
    if (this.#made !== undefined) return
    const { host } = this.#parts
    const have = await readNetwork(host, gatewayOwns, [], signal)
    await applyNetwork(host, planNetwork(have, { ...wanted.network, routes: have.routes, sysctls: [] }), signal)
  }

  /**
   * From what was made last to what is wanted now, without looking at the node; then it is said. Where packet filters are to change too,
   * those come first, with the whole.
   */
  async #move(which: 'all cables' | 'changed cables', signal: AbortSignal): Promise<Wanted | undefined> {
    const wanted = await this.#want(signal)
    if (wanted === undefined) return undefined
    const made = this.#made
    const isSwift = made?.lead !== undefined && isDeepStrictEqual(made.network.nft, wanted.network.nft)
    if (isSwift) await this.#moveRoutes(made, wanted, signal)
    for (const driver of this.#parts.drivers) {
      const [before, cables] = [made?.cables.get(driver.name), wanted.cables.get(driver.name) ?? []]
      const isChanged = !isDeepStrictEqual(before?.map(carried), cables.map(carried))
      if (which === 'all cables' || isChanged) await driver.set(cables, signal)
    }
    if (isSwift) this.#keep(wanted)
    else this.#say()
    return wanted
  }

  async #moveRoutes(made: Wanted, wanted: Wanted, signal: AbortSignal): Promise<void> {
    const { host } = this.#parts
    const to = made.way.to === 'wait' && wanted.way.to === 'sibling' ? wanted.way.address : undefined
    if (to !== undefined) await applyNetwork(host, [endWaiting(to)], signal)
    this.#log(await moveRoutes(host, made.network, wanted.network, signal))
    if (to !== undefined) await applyNetwork(host, [forgetWaiting(to)], signal)
  }

  /** `have` was read when `routes` were those made last. What was made since is looked at the next time. */
  async #complete(have: FoundNetwork, routes: Network['routes'] | undefined, signal: AbortSignal): Promise<void> {
    const wanted = await this.#move('changed cables', signal)
    if (wanted === undefined) return
    if (wanted.lead !== undefined) {
      const isFresh = isDeepStrictEqual(this.#made?.network.routes, routes)
      const changes = planNetwork(isFresh ? have : { ...have, routes: wanted.network.routes }, wanted.network)
      await applyNetwork(this.#parts.host, changes, signal)
      this.#log(changes)
    }
    this.#keep(wanted)
  }

  /** The lead may have gone on meanwhile, to where nothing else is wanted of the node. */
  #keep(wanted: Wanted): void {
    const { lead } = this.candidacy
    const goesOn = wanted.lead !== undefined && lead !== undefined && isDeepStrictEqual(this.#wayOf(lead), wanted.way)
    this.#made = goesOn ? { ...wanted, lead } : wanted
    this.#say()
  }

  #log(changes: readonly NetworkChange[]): void {
    if (changes.length > 0) this.#parts.log.info({ changes: changes.map(describeChange) }, 'changed the node’s network')
  }

  /** Of what is in place, and only once it is. */
  #say(): void {
    const made = this.#made
    if (made?.lead === undefined) return
    this.#pulse?.say({ ...spoken(made.lead), standing: this.candidacy.standing, takes: made.terms })
  }

  #publishable(): Claim | undefined {
    const lead = this.#made?.lead
    return lead === undefined ? undefined : publishable(lead, this.#sight().published())
  }

  /** While the lead passes on, what was published stands. */
  #publish(signal: AbortSignal): Promise<void> {
    return this.#words(async () => {
      const cables = await this.cables(signal)
      const claim = this.#publishable()
      const made = this.#made
      if (claim === undefined || made === undefined) return
      await this.#write((have) => {
        const now = performance.now()
        const status = statusOf(have, {
          claim,
          duty: this.#sight().duty,
          driver: this.#parts.drivers.map(({ about }) => about).join(', '),
          peers: made.peers.filter((peer) => peer.clusterID !== this.#parts.self.clusterID),
          cables,
          pulses: this.#pulse?.read() ?? [],
          paths: this.#parts.ways.read(),
          refused: made.refused,
          now: new Date(),
          freshRtt: now - this.#rttWrittenAt >= rttEveryMs,
        })
        if (JSON.stringify(rtts(status)) !== JSON.stringify(rtts(have?.status))) this.#rttWrittenAt = now
        return status
      }, signal)
      this.#told = claim
    })
  }

  async #write(
    statusAfter: (have: GatewayEndpoint | undefined) => NonNullable<GatewayEndpoint['status']>,
    signal: AbortSignal,
  ): Promise<void> {
    const { self, kube, endpoints, nodes } = this.#parts
    const wanted = endpointOf(self, this.#pairKeys().held, this.#certificate, topologyOf(nodes.list()), this.#reflexive)
    const have = endpoints.get(keyOf(wanted)) as GatewayEndpoint | undefined
    const steps: Step[] = [
      { do: 'apply', kind: gatewayEndpoint, object: wanted, have },
      { do: 'status', kind: gatewayEndpoint, key: keyOf(wanted), status: statusAfter(have), have },
    ]
    await applyPlan(kube, { steps, next: settled }, fieldManager, signal)
  }

  /** Without those whose device is being made anew. */
  async cables(signal: AbortSignal): Promise<readonly CableState[]> {
    return (await Promise.all(this.#parts.drivers.map((driver) => driver.read(signal).catch(() => [])))).flat()
  }

  #report(refused: readonly Refusal[]): void {
    const isNews = !isDeepStrictEqual(refused, this.#refused)
    this.#refused = refused
    if (isNews && refused.length > 0) this.#parts.log.warn({ refused }, 'some peers are not taken')
  }
}

/** What of a cable changes with the lead of another cluster, or with the handshakes that it makes. */
const carried = ({ publicKey, cidrs, presharedKey }: Cable): unknown => [publicKey, cidrs, presharedKey?.hex()]

const ownAmong = (endpoints: readonly GatewayEndpoint[], clusterID: string): readonly GatewayEndpoint[] =>
  endpoints.filter(({ spec }) => spec.clusterID === clusterID)

/** What other gateways have been told of our keys, or will be as soon as they hear. */
const announcedBy = (own: readonly GatewayEndpoint[], node: string): ReadonlyMap<string, readonly string[]> =>
  new Map(own.find((e) => e.spec.node === node)?.spec.wireguard.pairKeys?.map((k) => [k.clusterID, heldIDs(k)]))

const rtts = (status: GatewayEndpoint['status']): readonly (number | undefined)[] =>
  (status?.connections ?? []).map((c) => c.rttMicros)

/** Resolves when it is done, or after `ms`, or when `signal` aborts. */
async function settle(ms: number, done: () => boolean, signal: AbortSignal): Promise<void> {
  const end = performance.now() + ms
  while (!done() && performance.now() < end && !signal.aborted) await pause(20, signal)
}
