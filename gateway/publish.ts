// What a gateway says of itself in its GatewayEndpoint. Pure; an idle gateway must come to the same words, so that nothing is written.
import { isDeepStrictEqual } from 'node:util'
import type { CableName } from '#crds/fields.ts'
import type { Connection, GatewayEndpoint, Topology } from '#crds/gateway-endpoint.ts'
import { gatewayEndpoint, maxConnections } from '#crds/gateway-endpoint.ts'
import type { Condition } from '#crds/fields.ts'
import { clusterIDLabel, gatewayEndpointName, managedBy } from '#crds/places.ts'
import { setCondition, setConditions } from '#lib/kube/conditions.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import { time } from '#lib/kube/time.ts'
import type { PublicKey } from '#lib/net/keys.ts'
import type { Refusal } from './admission.ts'
import type { CableState, Candidate } from './cable/driver.ts'
import type { Claim, Peer } from './engine.ts'
import type { Duty } from './hand-over/standing.ts'
import type { PairKeys } from './pair-keys.ts'
import { announcementOf } from './pair-keys.ts'
import { reasons } from './path/choose.ts'
import type { PathReading } from './path/paths.ts'
import type { PeerReading } from './pulse/pulse.ts'
import { isNarrow } from './pulse/pulse.ts'

export type Identity = {
  readonly clusterID: string
  readonly node: string
  /** New with every start, 16 hex digits. */
  readonly bootID: string
  readonly nodeAddress: string
  readonly namespace: string
  readonly publicKey: PublicKey
  readonly port: number
  /** What it has, the best first. */
  readonly cables: readonly CableName[]
  readonly ipsecPort: number
}

/** `pairKeys`: those that this gateway holds. `certificate`: PEM; undefined while there is none that others would believe. */
export function endpointOf(
  self: Identity,
  pairKeys: PairKeys,
  certificate: string | undefined,
  topology: Topology,
  reflexive?: Candidate,
): KubeObject {
  const { clusterID, node, nodeAddress, namespace, publicKey, port, cables, ipsecPort } = self
  return {
    apiVersion: gatewayEndpoint.apiVersion,
    kind: gatewayEndpoint.kind,
    metadata: {
      namespace,
      name: gatewayEndpointName(clusterID, node),
      labels: { ...managedBy, [clusterIDLabel]: clusterID },
    },
    spec: {
      clusterID,
      node,
      candidates: [
        { type: 'NodeInternal', address: nodeAddress, port },
        ...(reflexive === undefined ? [] : [{ type: 'Reflexive', address: reflexive.address, port: reflexive.port }]),
      ],
      wireguard: {
        publicKey,
        ...(pairKeys.size === 0 ? {} : { pairKeys: announcementOf(pairKeys) }),
      },
      // Gateways of former versions say nothing of it, and have WireGuard.
      ...(isDeepStrictEqual(cables, ['wireguard']) ? {} : { cables: [...cables] }),
      ...(cables.includes('ipsec') && certificate !== undefined ? { ipsec: { port: ipsecPort, certificate } } : {}),
      ...(topology.zones.length + topology.regions.length === 0 ? {} : { topology }),
    },
  }
}

export type StatusFacts = {
  readonly claim: Claim
  readonly duty: Duty
  readonly driver: string
  readonly peers: readonly Peer[]
  readonly cables: readonly CableState[]
  readonly pulses: readonly PeerReading[]
  readonly paths: ReadonlyMap<PublicKey, PathReading>
  readonly refused: readonly Refusal[]
  readonly now: Date
  /** Whether round trips may be published anew; if not, those of `before` stand unless a state changed. */
  readonly freshRtt: boolean
}

type Status = NonNullable<GatewayEndpoint['status']>

/**
 * A published round trip stands until it is wrong by more than this share, and by more than busy machines make of themselves: each new one
 * is a write to every cluster. The metrics have what was measured.
 */
const rttTolerance = 0.2
const rttNoiseMicros = 5000

export function statusOf(before: GatewayEndpoint | undefined, facts: StatusFacts): Status {
  const { claim, duty, driver, peers, refused, now } = facts
  const generation = before?.metadata.generation
  const published = new Map((before?.status?.connections ?? []).map((c) => [c.endpoint, c]))
  return {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    role: claim.role,
    term: claim.term,
    driver,
    connections: shown(peers).map((peer) => connectionOf(peer, published.get(peer.name), facts)),
    conditions: [
      ...setConditions(before?.status?.conditions, [working, acceptance(refused), electable[duty]], now),
    ] as Condition[],
  }
}

/**
 * What a gateway says that could not set its node up, and why. Routes and cables outlive a pass that failed, so it says that it carries
 * nothing only once that has `lasted`: every agent would take its routes away.
 */
export function faultStatus(
  before: GatewayEndpoint | undefined,
  claim: Claim | undefined,
  error: unknown,
  now: Date,
  lasted: 'long' | 'briefly',
): Status {
  const fault = { type: 'Ready', status: 'False', reason: 'NodeNotSetUp', message: String(error).slice(0, 1024) } as const
  return {
    ...(lasted === 'long'
      ? { role: 'Standby', term: claim?.term ?? before?.status?.term ?? 0, connections: [] }
      : {
          role: claim?.role ?? before?.status?.role ?? 'Standby',
          term: claim?.term ?? before?.status?.term ?? 0,
          connections: before?.status?.connections ?? [],
        }),
    conditions: [...setCondition(before?.status?.conditions, fault, now)] as Condition[],
  }
}

/** As many as there is room for: those that carry traffic before those that stand by. */
function shown(peers: readonly Peer[]): readonly Peer[] {
  if (peers.length <= maxConnections) return peers
  const first = new Set(peers.toSorted((a, b) => Number(b.carries) - Number(a.carries)).slice(0, maxConnections))
  return peers.filter((peer) => first.has(peer))
}

const working = { type: 'Ready', status: 'True', reason: 'Working', message: 'the cables are set up' } as const

const electable = {
  Full: { type: 'Electable', status: 'True', reason: 'InService', message: 'it may lead' },
  Cordoned: {
    type: 'Electable',
    status: 'False',
    reason: 'Cordoned',
    message: 'its node is cordoned: it leads only while no other gateway can; kubectl uncordon undoes it',
  },
  Drained: {
    type: 'Electable',
    status: 'False',
    reason: 'Drained',
    message: 'it was drained: it takes the lead no more; tombolo gateway uncordon undoes it',
  },
} as const satisfies Record<Duty, object>

function connectionOf(peer: Peer, before: Connection | undefined, facts: StatusFacts): Connection {
  const pulse = facts.pulses.find((p) => p.publicKey === peer.publicKey)
  const link = pulse?.link ?? { state: 'Connecting' as const }
  const address = facts.cables.find((c) => c.publicKey === peer.publicKey && c.cable === peer.use)?.address
  const same = before?.state === link.state
  const path = peer.use === 'wireguard' ? facts.paths.get(peer.publicKey) : undefined
  return {
    endpoint: peer.name,
    clusterID: peer.clusterID as Connection['clusterID'],
    node: peer.node,
    state: link.state,
    cable: peer.use,
    ...(peer.use === 'wireguard' ? { pairKey: peer.presharedKey === undefined ? 'None' : 'InUse' } : {}),
    ...(link.state === 'Error' ? { reason: link.reason, message: link.message } : {}),
    ...(address === undefined || path?.path === 'Relay' ? {} : { address }),
    ...(path === undefined ? {} : { ...pathOf(path), pathReason: path.reason, pathMessage: reasons[path.reason] }),
    ...(link.state === 'Connected' ? { rttMicros: rttOf(link.rttMs, same ? before.rttMicros : undefined, facts.freshRtt) } : {}),
    ...(pulse !== undefined && isNarrow(pulse) ? { mtu: pulse.size } : {}),
    since: same && before.since !== undefined ? before.since : time(facts.now),
  }
}

const pathOf = (reading: PathReading): Pick<Connection, 'path' | 'relay'> =>
  reading.path === 'Relay' ? { path: 'Relay', relay: reading.relay } : { path: reading.path }

function rttOf(measuredMs: number, published: number | undefined, fresh: boolean): number {
  const micros = Math.round(measuredMs * 1000)
  if (published === undefined) return micros
  return fresh && Math.abs(micros - published) > Math.max(rttTolerance * published, rttNoiseMicros) ? micros : published
}

function acceptance(refused: readonly Refusal[]) {
  const [first] = refused
  return first === undefined
    ? ({ type: 'PeersAccepted', status: 'True', reason: 'AllAccepted', message: 'every peer is as it should be' } as const)
    : ({
        type: 'PeersAccepted',
        status: 'False',
        reason: 'PeerRefused',
        message: refused
          .map(({ about, says }) => `${about}: ${says}`)
          .join('; ')
          .slice(0, 4096),
      } as const)
}
