// From objects of the apiserver to the plain facts that the planners take. Objects came from other clusters: whatever does not parse
// is left out and named, never a reason to stop.
import type { Allocation } from '#crds/allocation.ts'
import { allocation } from '#crds/allocation.ts'
import type { Definition } from '#crds/define.ts'
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { gatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { gatewayDNSName, publishedAtAnnotation } from '#crds/places.ts'
import { judgeImported } from '#crds/rules/imported.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import type { ClusterID } from '#lib/net/cluster-id.ts'
import { formatIP, parseIP } from '#lib/net/ip.ts'
import { parsePublicKey } from '#lib/net/keys.ts'
import { explain } from '#lib/std/result.ts'
import type { Announced, Refusal } from './admission.ts'
import type { Candidate } from './cable/driver.ts'
import type { Certified, OtherGateway } from './engine.ts'
import { heldIDs } from './pair-keys.ts'
import type { HeardAt } from './path/reflexive.ts'

export type Believes = (certificate: string, dnsName: string) => boolean

/** `own` is undefined until the operator has brought our Allocation: before that nobody knows what must not be routed away. */
export type Fleet = {
  readonly own:
    | {
        readonly podCIDRs: readonly CIDR[]
        readonly serviceCIDRs: readonly CIDR[]
        readonly relay?: { readonly port: number } | undefined
      }
    | undefined
  readonly announced: readonly Announced[]
  readonly ownEndpoints: readonly GatewayEndpoint[]
  /** All gateways of this cluster, ours included. */
  readonly siblings: readonly OtherGateway[]
  readonly remoteGateways: readonly OtherGateway[]
  /** What gateways of other clusters say of where they hear this cluster's. */
  readonly heardAt: readonly HeardAt[]
  readonly refused: readonly Refusal[]
}

/** `believes`: whether a gateway may be known by this certificate. */
export function fleetOf(
  clusterID: string,
  allocated: readonly KubeObject[],
  endpoints: readonly KubeObject[],
  believes: Believes,
): Fleet {
  const blocks = parseAll(allocation, allocated)
  const gateways = parseAll(gatewayEndpoint, endpoints)
  const own = blocks.good.find((a) => a.spec.clusterID === clusterID)
  const admitted = new Set(blocks.good.filter((a) => a.spec.state === 'Admitted').map((a) => a.spec.clusterID))
  // No cable to one in quarantine, nor from here when it is we. Its addresses stay announced: they are still routed to the gateway and
  // guarded there, and end at a device that has no peer for them, where without that they would leave in clear. And none to one that
  // nobody admitted: of a cluster that is revoked the gateways may be heard of for seconds after its addresses.
  const isPeer = (id: ClusterID) => id !== clusterID && admitted.has(id) && admitted.has(clusterID as ClusterID)
  const allocations = new Map(blocks.good.map((a) => [a.spec.clusterID, a]))
  const remote = gateways.good
    .filter((g) => isPeer(g.spec.clusterID))
    .map((g) => remoteGatewayOf(clusterID, g, allocations.get(g.spec.clusterID), believes))
  const ownEndpoints = gateways.good.filter((g) => g.spec.clusterID === clusterID)
  return {
    own: own?.spec,
    announced: uniqueAnnouncements(blocks.good.filter((a) => a.spec.clusterID !== clusterID)),
    ownEndpoints,
    siblings: ownEndpoints.flatMap((g) => {
      const sibling = remoteGatewayOf(clusterID, g, own, believes)
      // Nobody far away writes these objects: of two that name one key, ours is right.
      return sibling.ok ? [{ ...sibling.value, since: '' }] : []
    }),
    remoteGateways: remote.flatMap((r) => (r.ok ? [r.value] : [])),
    heardAt: gateways.good
      .filter((g) => isPeer(g.spec.clusterID))
      .flatMap(({ spec, status }) =>
        (status?.connections ?? []).flatMap(({ clusterID: of, node, state, cable, address, path }) =>
          // IPsec is heard from another port, where no WireGuard listens.
          of === clusterID && state === 'Connected' && cable === 'wireguard' && address !== undefined && path !== 'Relay'
            ? [{ by: spec.clusterID, node, address }]
            : [],
        ),
      ),
    refused: [...blocks.bad, ...gateways.bad, ...remote.flatMap((r) => (r.ok ? [] : [r.error]))],
  }
}

/** The operator names a copy by its cluster; should there ever be two, the blocks of both are the cluster's. */
function uniqueAnnouncements(allocations: readonly Allocation[]): readonly Announced[] {
  const byCluster = Map.groupBy(allocations, (a) => a.spec.clusterID)
  return [...byCluster].map(([clusterID, of]) => ({ clusterID, podCIDRs: [...new Set(of.flatMap((a) => a.spec.podCIDRs))] }))
}

type Parsed = { readonly ok: true; readonly value: OtherGateway } | { readonly ok: false; readonly error: Refusal }

function remoteGatewayOf(
  self: string,
  endpoint: GatewayEndpoint,
  allocation: Allocation | undefined,
  believes: Believes,
): Parsed {
  const { metadata, spec, status } = endpoint
  const verdict = judgeImported(gatewayEndpoint, endpoint, allocation)
  if (!verdict.allowed) return { ok: false, error: { about: metadata.name, says: verdict.says } }
  const key = parsePublicKey(spec.wireguard.publicKey)
  const [first, ...rest] = spec.candidates.map(({ address, port, type }): Candidate => ({
    address: canonical(address),
    port,
    ...(type === 'Reflexive' ? { reflexive: true } : {}),
  }))
  if (!key.ok) return { ok: false, error: { about: metadata.name, says: explain(key.error) } }
  if (first === undefined) return { ok: false, error: { about: metadata.name, says: 'it names no address' } }
  const { clusterID, node } = spec
  const certified = certifiedOf(endpoint, believes)
  return {
    ok: true,
    value: {
      name: metadata.name,
      clusterID,
      node,
      publicKey: key.value,
      candidates: [first, ...rest],
      cables: (spec.cables ?? ['wireguard']).filter((cable) => cable !== 'ipsec' || certified !== undefined),
      certified,
      pairKeyIDs: announcedFor(self, endpoint),
      relayPort: allocation?.spec.relay?.port,
      claim: { role: status?.role ?? 'Standby', term: status?.term ?? 0 },
      since: metadata.annotations?.[publishedAtAnnotation] ?? metadata.creationTimestamp ?? '',
    },
  }
}

/** As drivers write it, so that two spellings are one address. What is none is judged elsewhere. */
function canonical(address: string): string {
  const ip = parseIP(address)
  return ip.ok ? formatIP(ip.value) : address
}

/** The ids of the keys that it says it holds of the pair with this cluster. */
export function announcedFor(clusterID: string, { spec }: GatewayEndpoint): readonly string[] {
  const said = spec.wireguard.pairKeys?.find((k) => k.clusterID === clusterID)
  return said === undefined ? [] : heldIDs(said)
}

/** undefined: it may not be known by its certificate, or has none; then there are no cables over IPsec to it. */
function certifiedOf({ spec: { clusterID, node, ipsec } }: GatewayEndpoint, believes: Believes): Certified | undefined {
  if (ipsec === undefined) return undefined
  const dnsName = gatewayDNSName(clusterID, node)
  return believes(ipsec.certificate, dnsName) ? { dnsName, ...ipsec } : undefined
}

/** What a decision looks at in a GatewayEndpoint. The rest, such as round trips, changes often and changes nothing. */
export const decisiveOf =
  (own: string) =>
  ({ spec, status }: GatewayEndpoint): unknown => [
    spec,
    status?.role,
    status?.term,
    // Where others hear us.
    status?.connections
      ?.filter(({ clusterID }) => clusterID === own)
      .map(({ node, cable, state, address, path }) => [node, cable, state === 'Connected', address, path]),
  ]

/** The gateway of the own cluster that carries traffic; undefined if none ever said that it does. */
export function activeOf(endpoints: readonly GatewayEndpoint[]): GatewayEndpoint | undefined {
  return endpoints
    .filter((e) => e.status?.role === 'Active')
    .toSorted((a, b) => (b.status?.term ?? 0) - (a.status?.term ?? 0) || (a.metadata.name < b.metadata.name ? -1 : 1))[0]
}

function parseAll<T extends KubeObject>(
  kind: Definition<T>,
  objects: readonly KubeObject[],
): { readonly good: readonly T[]; readonly bad: readonly Refusal[] } {
  const parsed = objects.map((object) => ({ name: object.metadata.name, result: kind.parse(object) }))
  return {
    good: parsed.flatMap(({ result }) => (result.ok ? [result.value] : [])),
    bad: parsed.flatMap(({ name, result }) =>
      result.ok ? [] : [{ about: `${kind.kind} ${name}`, says: explain(result.error) }],
    ),
  }
}
