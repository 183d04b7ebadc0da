// What a gateway makes of all that it knows: which cables to keep, what each may carry, what to route and what to refuse. Pure.
import type { CableName } from '#crds/fields.ts'
import { isCandidate } from '#crds/rules/gateway-candidates.ts'
import type { Route } from '#lib/host/ip.ts'
import type { Network } from '#lib/host/network.ts'
import { nothing } from '#lib/host/network.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import { hostBlock } from '#lib/net/cidr.ts'
import type { PresharedKey, PublicKey } from '#lib/net/keys.ts'
import { tunnelAddress } from '#lib/net/keys.ts'
import type { Announced, Refusal } from './admission.ts'
import { admit } from './admission.ts'
import type { Cable, Candidate } from './cable/driver.ts'
import { cableToUse, commonCables } from './cable/negotiate.ts'
import { cableDevices, gatewayTable, mainTable, metric } from './data-plane.ts'
import { clampToRoute } from './mtu/clamp.ts'
import { notToNode, onlyThroughCables, onlyTo, tunnelsOnlyThroughCables } from './guard.ts'
import type { Way } from './hand-over/routes.ts'
import { routesTo } from './hand-over/routes.ts'
import type { Handshakes, PairKeys } from './pair-keys.ts'
import { keyFor } from './pair-keys.ts'
import type { Copy } from './pulse/pulse.ts'

export type Role = 'Active' | 'Standby'
/** What a gateway says of itself; of two that say Active the higher term is right. */
export type Claim = { readonly role: Role; readonly term: number }

/** Who the holder of a key says it is. Only the holder can speak through the key's cable, so of several who name one key it is this one's. */
export type Speaker = { readonly clusterID: string; readonly node: string }
/** What the pulse brought under a key; no claim if the speaker is not whom we took the key for. */
export type Heard = { readonly speaker: Speaker; readonly claim: Claim | undefined }

/** By what a gateway is known to IKE: judged, as everything else of it is not. */
export type Certified = { readonly dnsName: string; readonly certificate: string; readonly port: number }

/** Another gateway, of another cluster or of this one, as its GatewayEndpoint describes it. It says nothing about pods: those come from `Announced`. */
export type OtherGateway = {
  readonly name: string
  readonly clusterID: string
  readonly node: string
  readonly publicKey: PublicKey
  readonly candidates: readonly [Candidate, ...Candidate[]]
  /** What it has, the best first; IPsec only where `certified` is. */
  readonly cables: readonly CableName[]
  readonly certified: Certified | undefined
  /** Which keys of the pair with us it says it holds. */
  readonly pairKeyIDs: readonly string[]
  /** TCP; undefined: it may not relay, by the broker's word. */
  readonly relayPort: number | undefined
  readonly claim: Claim
  /** Since when it is published under this key, as RFC 3339: by the broker's clock, which no member chooses. */
  readonly since: string
}

export type GatewayFacts = {
  /** Where packets for other clusters go from here. */
  readonly way: Way
  readonly publicKey: PublicKey
  /** What this gateway has, the best first. */
  readonly cables: readonly CableName[]
  readonly kernelHasIPsec: boolean
  /** Whether packets pass, of kinds that know without trying. */
  readonly isUp: (cable: CableName, publicKey: PublicKey) => boolean
  readonly own: { readonly podCIDRs: readonly CIDR[]; readonly serviceCIDRs: readonly CIDR[] }
  /** Of all nodes of this cluster, as the agents take them: none may be routed away, whatever another cluster was admitted with. */
  readonly nodeAddresses: readonly string[]
  readonly announced: readonly Announced[]
  readonly gateways: readonly OtherGateway[]
  /** What peers said of themselves in the pulse; a claim is newer than that of their GatewayEndpoint if its term is higher. */
  readonly heard: ReadonlyMap<PublicKey, Heard>
  /** What passes through the cable to a gateway whole, where that is known to be less than the cable’s device takes. */
  readonly narrow: ReadonlyMap<PublicKey, number>
  /** Where two gateways speak with one key, by the peer through whose pulse it is known. */
  readonly copies: ReadonlyMap<PublicKey, Copy>
  /** The keys we hold, and the ids that others have been told of, by cluster. */
  readonly pairKeys: PairKeys
  readonly announcedPairKeys: ReadonlyMap<string, readonly string[]>
  /** Of the cable over WireGuard to the holder of this key. */
  readonly handshakes: (publicKey: PublicKey) => Handshakes
}

/** A peer is a gateway to which there are cables. `carries`: its cluster's traffic goes to it, over the one that is in `use`. */
export type Peer = OtherGateway & {
  readonly carries: boolean
  readonly kept: readonly CableName[]
  readonly use: CableName
  readonly presharedKey: PresharedKey | undefined
}

export type GatewayPlan = {
  readonly cables: ReadonlyMap<CableName, readonly Cable[]>
  readonly peers: readonly Peer[]
  /** By other cluster whose pods are routed: the term of the gateway that carries its traffic. */
  readonly terms: ReadonlyMap<string, number>
  /** Addresses of pods and services of all clusters: no gateway is at one of them. */
  readonly routed: readonly CIDR[]
  readonly network: Network
  readonly refused: readonly Refusal[]
}

export function planGateway(facts: GatewayFacts): GatewayPlan {
  const { own, nodeAddresses } = facts
  const { remotes, refused } = admit([...own.podCIDRs, ...own.serviceCIDRs, ...nodeAddresses.map(hostBlock)], facts.announced)
  const blocks = new Map(remotes.map((r) => [r.clusterID, r.podCIDRs]))
  const remote = remotes.flatMap((r) => r.podCIDRs)

  const routed = [...own.podCIDRs, ...own.serviceCIDRs, ...remote]
  const { usable, refused: unusable } = usableGateways(facts, routed)
  const { joined, refused: apart } = joinedGateways(facts, usable)
  const terms = leadersOf(usable, facts.heard)
  const leaders = new Set([...terms.values()].map(({ gateway }) => gateway))
  const peers = joined.map(({ gateway, kept, use }) => ({
    ...gateway,
    carries: leaders.has(gateway),
    kept,
    use,
    presharedKey: keyFor(
      facts.pairKeys.get(gateway.clusterID),
      facts.announcedPairKeys.get(gateway.clusterID) ?? [],
      gateway.pairKeyIDs,
      facts.handshakes(gateway.publicKey),
    ),
  }))
  const cableOf = new Map(peers.filter((peer) => peer.carries).map((peer) => [peer.clusterID, through(peer, facts.narrow)]))
  // What nobody carries is guarded, and ends, at a device that has no peer for it.
  const anyCable = { dev: cableDevices[facts.cables[0] ?? 'wireguard'] }
  return {
    cables: new Map(
      facts.cables.map((cable) => [
        cable,
        peers.flatMap((peer) =>
          peer.kept.includes(cable)
            ? [cableTo(peer, cable, peer.carries ? (blocks.get(peer.clusterID) ?? []) : [], own.podCIDRs)]
            : [],
        ),
      ]),
    ),
    peers,
    routed,
    terms: new Map([...terms].flatMap(([clusterID, { term }]) => (blocks.has(clusterID) ? [[clusterID, term] as const] : []))),
    network: {
      ...nothing,
      routes: [
        ...peers.filter(({ use }) => use !== 'wireguard').map(tunnelRoute),
        ...remotes.flatMap((r) => routesTo(r.podCIDRs, cableOf.get(r.clusterID) ?? anyCable, facts.way)),
      ],
      // Loose: what comes out of a cable of a standby leaves, as answer, over the active one.
      sysctls: facts.cables.map((cable) => ({ key: `net/ipv4/conf/${cableDevices[cable]}/rp_filter`, value: '2' })),
      nft: [
        {
          name: gatewayTable,
          chains: [
            onlyThroughCables(remote, facts),
            ...tunnelsOnlyThroughCables(facts),
            onlyTo(
              facts.cables.map((cable) => cableDevices[cable]),
              own.podCIDRs,
            ),
            notToNode(facts.cables.map((cable) => cableDevices[cable])),
            clampToRoute(facts.cables.map((cable) => cableDevices[cable])),
          ],
        },
      ],
    },
    refused: [...refused, ...unusable, ...apart, ...usable.flatMap((gateway) => copied(gateway, facts.copies))],
  }
}

type Leading = { readonly gateway: OtherGateway; readonly term: number }

/** For each cluster the gateway that carries its traffic: the Active one of the highest term, and before there is one, none. */
function leadersOf(gateways: readonly OtherGateway[], heard: GatewayFacts['heard']): ReadonlyMap<string, Leading> {
  const leaders = new Map<string, Leading>()
  for (const gateway of gateways) {
    const claim = newest(gateway.claim, heard.get(gateway.publicKey)?.claim)
    const best = leaders.get(gateway.clusterID)
    if (claim.role === 'Active' && (best === undefined || claim.term > best.term))
      leaders.set(gateway.clusterID, { gateway, term: claim.term })
  }
  return leaders
}

const newest = (published: Claim, pulse: Claim | undefined): Claim =>
  pulse !== undefined && pulse.term >= published.term ? pulse : published

/**
 * A gateway is left out if its key is taken, by us or by another one, and a candidate if packets to it would themselves be routed into
 * a cable or would not leave this node and its link. Sorted by name, so that every gateway of this cluster decides alike.
 */
function usableGateways(
  { gateways, publicKey, heard, copies }: GatewayFacts,
  routed: readonly CIDR[],
): { readonly usable: readonly OtherGateway[]; readonly refused: readonly Refusal[] } {
  const usable: OtherGateway[] = []
  const refused: Refusal[] = []
  const sorted = gateways.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const holders = holdersOf(sorted, heard)
  for (const gateway of sorted) {
    const [first, ...rest] = gateway.candidates.filter(({ address }) => isCandidate(address, routed))
    if (gateway.publicKey === publicKey || holders.get(gateway.publicKey) !== gateway)
      refused.push({ about: gateway.name, says: 'its WireGuard key is already another gateway’s' })
    else if (first === undefined)
      refused.push({
        about: gateway.name,
        says: 'every address it names lies among pods or services, or is no address of a gateway at all',
      })
    else if (copies.get(gateway.publicKey) === 'OursNewer')
      refused.push({
        about: gateway.name,
        says: 'it takes another gateway for this one, which has the same key and started later: one of the two nodes is a copy of the other. Until this one is started again it has no cable to it',
      })
    else usable.push({ ...gateway, candidates: [first, ...rest] })
  }
  return { usable, refused }
}

/** Nobody is left out for it: of two the one that started later is right. */
function copied({ name, publicKey }: OtherGateway, copies: GatewayFacts['copies']): readonly Refusal[] {
  const copy = copies.get(publicKey)
  const says = copy === undefined || copy === 'OursNewer' ? undefined : copySays[copy]
  return says === undefined ? [] : [{ about: name, says }]
}
const copySays = {
  Peer: 'two gateways speak with its key, so one node is a copy of the other: the one that started later is taken',
  OursOlder:
    'it hears another gateway with the key of this one, which started earlier and is not taken: one node is a copy of the other',
} as const

/**
 * Whose each key is: the one's who spoke with it, else the one's who published it first, and of those who did at once the first by
 * name. Anyone can name another's key as its own; without the proof one cluster could take another's cable away by that.
 */
function holdersOf(gateways: readonly OtherGateway[], heard: GatewayFacts['heard']): ReadonlyMap<PublicKey, OtherGateway> {
  const holders = new Map<PublicKey, OtherGateway>()
  for (const gateway of gateways.toSorted((a, b) => (a.since < b.since ? -1 : a.since > b.since ? 1 : 0))) {
    const speaker = heard.get(gateway.publicKey)?.speaker
    const proven = speaker?.clusterID === gateway.clusterID && speaker.node === gateway.node
    if (proven || !holders.has(gateway.publicKey)) holders.set(gateway.publicKey, gateway)
  }
  return holders
}

type Joined = { readonly gateway: OtherGateway; readonly kept: readonly CableName[]; readonly use: CableName }

function joinedGateways(
  { cables, isUp }: GatewayFacts,
  usable: readonly OtherGateway[],
): { readonly joined: readonly Joined[]; readonly refused: readonly Refusal[] } {
  const joined: Joined[] = []
  const refused: Refusal[] = []
  for (const gateway of usable) {
    const kept = commonCables(cables, gateway.cables)
    const use = cableToUse(kept, (cable) => isUp(cable, gateway.publicKey))
    if (use !== undefined) joined.push({ gateway, kept, use })
    else
      refused.push({
        about: gateway.name,
        says: `it has no kind of cable that this gateway has (it: ${gateway.cables.join(', ') || 'none, as it has no certificate that is believed'}; here: ${cables.join(', ')})`,
      })
  }
  return { joined, refused }
}

function cableTo(peer: Peer, cable: CableName, cidrs: readonly CIDR[], own: readonly CIDR[]): Cable {
  const { certified, presharedKey, publicKey } = peer
  const [first, ...rest] = peer.candidates
  const at = (candidate: Candidate): Candidate =>
    cable === 'ipsec' && certified !== undefined ? { ...candidate, port: certified.port } : candidate
  return {
    publicKey,
    candidates: [at(first), ...rest.map(at)],
    cidrs,
    ...(presharedKey === undefined ? {} : { presharedKey }),
    ...(certified === undefined ? {} : { ipsec: { dnsName: certified.dnsName, certificate: certified.certificate, own } }),
  }
}

const through = ({ use, publicKey }: Peer, narrow: GatewayFacts['narrow']) => {
  const mtu = narrow.get(publicKey)
  return { dev: cableDevices[use], ...(mtu === undefined ? {} : { mtu }) }
}

/** The network of tunnel addresses lies on WireGuard's device; of a peer that is reached otherwise, its address lies elsewhere. */
const tunnelRoute = ({ publicKey, use }: Peer): Route => ({
  to: `${tunnelAddress(publicKey)}/128`,
  table: mainTable,
  metric: metric.cable,
  target: { kind: 'device', dev: cableDevices[use] },
})
