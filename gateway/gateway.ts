// The gateway at work: facts from the stores, the pulse and the election into the planner, its plan onto the node, and word of it to
// the apiserver. Everything that may be away for a while (apiserver, peers, wireguard-go) is met by doing the whole again.
import { isDeepStrictEqual } from 'node:util'
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { gatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { pairKeysSecretName } from '#crds/places.ts'
import type { Host } from '#lib/host/host.ts'
import { applyNetwork, describeChange, moveRoutes, planNetwork, readNetwork } from '#lib/host/network.ts'
import type { Next } from '#lib/kube/controller.ts'
import { blocked, settled } from '#lib/kube/controller.ts'
import type { Leadership } from '#lib/kube/lease.ts'
import type { Node, Secret } from '#lib/kube/kinds.ts'
import { keyOf } from '#lib/kube/object.ts'
import type { Applier, Step } from '#lib/kube/plan.ts'
import { applyPlan } from '#lib/kube/plan.ts'
import type { Store } from '#lib/kube/store.ts'
import { believe } from '#lib/pki/trust.ts'
import { cell } from '#lib/std/cell.ts'
import type { Logger } from '#lib/std/log.ts'
import { pause } from '#lib/std/pause.ts'
import { readKept } from './certificate/kept.ts'
import type { CableDriver, CableState } from './cable/driver.ts'
import { nodesOf } from './agent/observe.ts'
import { claimAfter, identityOf } from './election/role.ts'
import type { Gone } from './election/succession.ts'
import { goneHolder, isOfThePath, patience } from './election/succession.ts'
import type { Claim, GatewayFacts, GatewayPlan } from './engine.ts'
import { planGateway } from './engine.ts'
import type { GatewayReading } from './metrics.ts'
import { fleetOf } from './observe.ts'
import { gatewayOwns } from './ownership.ts'
import { pairKeysOf } from './pair-keys.ts'
import type { Identity } from './publish.ts'
import { endpointOf, faultStatus, statusOf } from './publish.ts'
import type { PeerReading, Pulse } from './pulse/pulse.ts'

export const fieldManager = 'tombolo-gateway'
/** So long may the node refuse to be set up before another gateway should lead: a device is made anew in much less. */
const patienceMs = 2_000
/** Round trips are published at most this often: soon again after the first, which is long as a rule, and seldom looked at later. */
const rttEveryMs = 10_000

/** So long does a gateway that ends wait for the next one, and then for the nodes. With giving the Lease back, less than the pod's grace period. */
const handOverMs = 3_000
const settleMs = 500
/** So long at most do peers wait for the apiserver to know who leads. */
const headStartMs = 100

export type GatewayParts = {
  readonly self: Identity
  readonly kube: Applier
  readonly host: Host
  /** The best first. All are of one node, and so of one key. */
  readonly drivers: readonly CableDriver[]
  /** Where the certificate is kept. */
  readonly stateDir: string
  readonly allocations: Store
  readonly endpoints: Store
  readonly nodes: Store<Node>
  /** Where the operator puts the keys of pairs: one Secret, or none. */
  readonly secrets: Store<Secret>
  /** Starts the pulse; called once the device with the tunnel address is there. */
  readonly startPulse: () => Promise<Pulse>
  readonly log: Logger
}

export class Gateway implements AsyncDisposable {
  /** Whether this node can carry traffic, as the last passes have shown: a reason to stand for election. */
  readonly fit = cell(false)
  /** The holder of the Lease, when it need not be waited for. */
  readonly gone = cell<string | undefined>(undefined)
  readonly #parts: GatewayParts
  #pulse: Pulse | undefined
  /** What we prove ourselves with, PEM. */
  #certificate: string | undefined
  /** undefined before the election was heard of: until then routes stay as an earlier process left them. */
  #claim: Claim | undefined
  #lease: Leadership | undefined
  /** Since when the Lease has its present holder, as far as we know; ms on the monotonic clock. */
  #holderSince = -Infinity
  #gone: Gone | undefined
  /** When the lead was taken from one that was gone, ms on the monotonic clock. */
  #takenAt: readonly number[] = []
  #failingSince: number | undefined
  #plan: GatewayPlan | undefined
  /** The claim that was published last. */
  #told: Claim | undefined
  #refusedCount = 0
  #said = ''
  #rttWrittenAt = -Infinity

  constructor(parts: GatewayParts) {
    this.#parts = parts
  }

  /** Why the gateway is not ready, for people; empty when it is. */
  unready(): readonly string[] {
    if (this.#plan === undefined) return ['the cables were not set up yet']
    return this.#pulse === undefined ? ['the pulse does not beat yet'] : []
  }

  lead(now: Leadership): void {
    if (now.role === 'leader' && this.#gone !== undefined && isOfThePath(this.#gone) && this.#lease?.holder === this.#gone.holder)
      this.#takenAt = [...this.#takenAt, performance.now()].slice(-8)
    if (now.holder !== this.#lease?.holder) this.#holderSince = performance.now()
    this.#lease = now
    this.lookForSuccession()
    this.#claim = claimAfter(this.#claim ?? newcomer, this.#parts.self.node, now)
  }

  /** With every pulse, so it only compares what is known. */
  lookForSuccession(): void {
    const { clusterID, node, bootID } = this.#parts.self
    const now = performance.now()
    const heard = (this.#pulse?.read() ?? []).flatMap((peer) =>
      peer.heard === undefined ? [] : [{ ...peer, heard: peer.heard }],
    )
    const holder = this.#lease?.holder
    const others = heard.filter((peer) => peer.clusterID !== clusterID || holder?.startsWith(`${peer.node}/`) !== true)
    this.#gone = goneHolder({
      holder,
      identity: identityOf(node, bootID),
      siblings: heard
        .filter((peer) => peer.clusterID === clusterID && peer.heard.at >= this.#holderSince)
        .map(({ node, heard: { bootID, leaving, cutOffSince, at } }) => ({
          ...{ node, bootID, leaving, silentMs: now - at },
          cutOffMs: cutOffSince === undefined ? undefined : now - cutOffSince,
        })),
      othersSilentMs: others.length === 0 ? undefined : now - Math.max(...others.map((peer) => peer.heard.at)),
      reachesOthers: heard.some((peer) => peer.clusterID !== clusterID && peer.link.state === 'Connected'),
      patienceMs: patience(this.#takenAt, now),
    })
    this.gone.set(this.#gone?.holder)
  }

  /**
   * Before the end: what comes is carried on until another gateway of this cluster has said that it leads, and for the moment that nodes
   * need to hear of it. Resolves at once if there is none to wait for. The lead must have been given back before.
   */
  async handOver(signal: AbortSignal): Promise<void> {
    const before = this.#claim
    const pulse = this.#pulse
    const successors = () =>
      (pulse?.read() ?? []).filter((p) => p.clusterID === this.#parts.self.clusterID && p.link.state === 'Connected')
    if (pulse === undefined || before?.role !== 'Active' || successors().length === 0) return
    pulse.leave()
    const deadline = performance.now() + handOverMs
    const taken = () => successors().some(({ claim }) => claim?.role === 'Active' && claim.term > before.term)
    while (!taken() && performance.now() < deadline && !signal.aborted) await pause(50, signal)
    await pause(settleMs, signal)
  }

  read(): GatewayReading {
    const pulses = this.#pulse?.read() ?? []
    const isSibling = (p: PeerReading) => p.clusterID === this.#parts.self.clusterID
    return {
      claim: this.#claim ?? newcomer,
      pulses: pulses.filter((p) => !isSibling(p)),
      siblings: pulses.filter(isSibling),
      refused: this.#refusedCount,
    }
  }

  async reconcile(signal: AbortSignal): Promise<Next> {
    const { self, host, stateDir, allocations, endpoints, nodes, drivers } = this.#parts
    const { own: certified, trust } = await readKept(host, stateDir, signal)
    this.#certificate = certified?.pem
    const fleet = fleetOf(
      self.clusterID,
      allocations.list(),
      endpoints.list(),
      (certificate, dnsName) => believe(certificate, dnsName, trust, new Date()).ok,
    )
    if (fleet.own === undefined)
      return blocked('NoAllocation', `the operator has not brought the Allocation of ${self.clusterID} from the broker yet`)
    const pairKeys = this.#pairKeys()
    const decided = this.#claim
    const claim = decided ?? newcomer
    const states = await this.cables(signal)
    const plan = planGateway({
      role: claim.role,
      publicKey: self.publicKey,
      cables: drivers.map(({ name }) => name),
      isUp: (cable, key) => states.some((s) => s.cable === cable && s.publicKey === key && s.handshakeAt !== undefined),
      own: fleet.own,
      nodeAddresses: [...new Set([self.nodeAddress, ...nodesOf(nodes.list(), self.nodeAddress).map((n) => n.address)])],
      announced: fleet.announced,
      gateways: [...fleet.remoteGateways, ...fleet.siblings.filter((sibling) => sibling.node !== self.node)],
      heard: this.#heard(),
      pairKeys: pairKeys.held,
      announcedPairKeys: announcedBy(fleet.ownEndpoints, self.node),
    })
    const refused = [...fleet.refused, ...pairKeys.refused, ...plan.refused]
    this.#report(refused)
    try {
      await this.#guard(plan, signal)
      if (decided !== undefined) await this.#move(plan, decided, refused, signal)
      for (const driver of drivers) await driver.set(plan.cables.get(driver.name) ?? [], signal)
      if (decided !== undefined) await this.#apply(plan, signal)
      this.#pulse ??= await this.#parts.startPulse()
    } catch (error) {
      const lasted = this.#failed()
      // A person looks at the cluster before they look at the log of a pod.
      if (!signal.aborted) await this.#write((have) => faultStatus(have, decided, error, new Date(), lasted), signal)
      throw error
    }
    this.#failingSince = undefined
    this.fit.set(true)
    this.#pulse.set(plan.peers)
    if (decided === undefined) return settled
    this.#pulse.claim(claim)
    this.#plan = plan
    await this.#publish(plan, claim, refused, signal)
    return settled
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pulse?.[Symbol.asyncDispose]()
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

  /** The packet filter alone, before the first packet can come out of the device. */
  async #guard(plan: GatewayPlan, signal: AbortSignal): Promise<void> {
    if (this.#plan !== undefined) return
    const { host } = this.#parts
    const have = await readNetwork(host, gatewayOwns, [], signal)
    await applyNetwork(host, planNetwork(have, { ...plan.network, routes: have.routes, sysctls: [] }), signal)
  }

  /** What others wait for when the lead changes hands, before anything is looked at: the routes, and word of it. */
  async #move(plan: GatewayPlan, claim: Claim, refused: GatewayPlan['refused'], signal: AbortSignal): Promise<void> {
    const { host, log } = this.#parts
    if (this.#plan === undefined || isDeepStrictEqual(claim, this.#told)) return
    const changes = await moveRoutes(host, this.#plan.network, plan.network, signal)
    if (changes.length > 0) log.info({ changes: changes.map(describeChange) }, 'changed the node’s network')
    // Far gateways hear it at once, nodes of this cluster by way of the apiserver: told together, they would not move together.
    const published = this.#publish(plan, claim, refused, signal)
    await Promise.race([published.catch(() => undefined), pause(headStartMs, signal)])
    this.#pulse?.claim(claim)
    await published
  }

  async #apply({ network }: GatewayPlan, signal: AbortSignal): Promise<void> {
    const { host, log } = this.#parts
    const keys = network.sysctls.map((s) => s.key)
    const changes = planNetwork(await readNetwork(host, gatewayOwns, keys, signal), network)
    await applyNetwork(host, changes, signal)
    if (changes.length > 0) log.info({ changes: changes.map(describeChange) }, 'changed the node’s network')
  }

  async #publish(plan: GatewayPlan, claim: Claim, refused: GatewayPlan['refused'], signal: AbortSignal): Promise<void> {
    const cables = await this.cables(signal)
    await this.#write((have) => {
      const now = performance.now()
      const status = statusOf(have, {
        claim,
        driver: this.#parts.drivers.map(({ about }) => about).join(', '),
        peers: plan.peers.filter((peer) => peer.clusterID !== this.#parts.self.clusterID),
        cables,
        pulses: this.#pulse?.read() ?? [],
        refused,
        now: new Date(),
        freshRtt: now - this.#rttWrittenAt >= rttEveryMs,
      })
      this.#told = claim
      if (JSON.stringify(rtts(status)) !== JSON.stringify(rtts(have?.status))) this.#rttWrittenAt = now
      return status
    }, signal)
  }

  async #write(
    statusAfter: (have: GatewayEndpoint | undefined) => NonNullable<GatewayEndpoint['status']>,
    signal: AbortSignal,
  ): Promise<void> {
    const { self, kube, endpoints } = this.#parts
    const wanted = endpointOf(self, this.#pairKeys().held, this.#certificate)
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

  #report(refused: GatewayPlan['refused']): void {
    this.#refusedCount = refused.length
    const said = JSON.stringify(refused)
    if (said === this.#said) return
    this.#said = said
    if (refused.length > 0) this.#parts.log.warn({ refused }, 'some peers are not taken')
  }
}

/** What a gateway claims that has heard nothing of the election. */
const newcomer: Claim = { role: 'Standby', term: 0 }

/** What other gateways have been told of our keys, or will be as soon as they hear. */
const announcedBy = (own: readonly GatewayEndpoint[], node: string): ReadonlyMap<string, string> =>
  new Map(own.find((e) => e.spec.node === node)?.spec.wireguard.pairKeys?.map((k) => [k.clusterID, k.id]))

const rtts = (status: GatewayEndpoint['status']): readonly (number | undefined)[] =>
  (status?.connections ?? []).map((c) => c.rttMicros)
