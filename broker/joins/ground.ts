// The ground that requests are judged on (admit.ts): which addresses somebody has, gets or had lately, and which are kept free. Pure.
import type { Fleet } from '#crds/fleet.ts'
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { gatewayEndpoint } from '#crds/gateway-endpoint.ts'
import type { JoinGrant } from '#crds/join-grant.ts'
import type { Member } from '#crds/member.ts'
import { memberNamespace } from '#crds/places.ts'
import { contains, parseCIDR } from '#lib/net/cidr.ts'
import { parseIP } from '#lib/net/ip.ts'
import type { BrokerAddress, Ground, Taken } from './admit.ts'
import { takenBy } from './admit.ts'
import { keptFree } from './gateways.ts'
import type { OwnAddresses } from './own-addresses.ts'
import type { Reservation } from './reservations.ts'
import type { ServerNames } from './server-names.ts'

export type Registered = {
  readonly fleet: Fleet
  readonly members: readonly Member[]
  /** Those that still stand. */
  readonly reserved: readonly Reservation[]
  readonly grants: readonly JoinGrant[]
  readonly gateways: readonly GatewayEndpoint[]
  readonly now: Date
}

export function groundOf(
  { fleet, members, reserved, grants, gateways, now }: Registered,
  own: OwnAddresses,
  names: ServerNames,
): Ground {
  const draining = members.flatMap((member) =>
    (member.status?.draining ?? []).map(({ cidr, until }): Taken => ({
      cidr,
      by: member.spec,
      since: 'held',
      as: `${cidr}, which member "${member.spec.clusterID}" gives up at ${until}`,
    })),
  )
  const released = (fleet.status?.released ?? [])
    .filter(({ until }) => new Date(until) > now)
    .map(({ cidr, clusterID, clusterUID, identity, until }): Taken => ({
      cidr,
      by: { clusterID, clusterUID },
      since: 'released',
      identity,
      as: `${cidr} of "${clusterID}", which left and whose addresses are kept until ${until}`,
    }))
  const given = reserved.flatMap(({ cidrs, clusterID, clusterUID, until }) =>
    cidrs.map((cidr): Taken => ({
      cidr,
      by: { clusterID, clusterUID },
      since: 'reserved',
      as: `${cidr}, which is being given to "${clusterID}", until ${until} at most`,
    })),
  )
  const taken = [...members.flatMap(({ spec }) => takenBy(spec)), ...draining, ...released, ...given]
  const admitted = new Set(members.filter(isAdmitted).map(({ spec }) => spec.clusterID))
  // Members wrote them: one that is not what its kind says must not stand in anybody's way.
  const said = gateways
    .filter((gateway) => gatewayEndpoint.parse(gateway).ok)
    .filter(({ metadata, spec }) => metadata.namespace === memberNamespace(spec.clusterID))
    .filter(({ spec }) => admitted.has(spec.clusterID))
  return {
    taken,
    // No gateway is reached at an address of a member: whoever names one only wants it refused to its owner.
    gateways: keptFree(said, admitted, now).filter(({ address }) => !taken.some(({ cidr }) => contains(cidr, address))),
    broker: { identity: own.identity, addresses: brokerAddresses(own, grants, names) },
    pools: fleet.spec.join.addresses,
  }
}

/**
 * Where the broker is, as its cluster says, and as its administrator told members, by address or by name. Its Services are not among them:
 * no member reaches the broker there, and two clusters as kubeadm makes them have the same range.
 */
function brokerAddresses(
  { apiservers, nodes }: OwnAddresses,
  grants: readonly JoinGrant[],
  names: ServerNames,
): readonly BrokerAddress[] {
  const told = hostsOf(grants).filter((host) => !isName(host))
  return [
    ...[...new Set([...apiservers, ...told])].flatMap((address) => placeAt(address, 'its apiserver')),
    ...namesIn(grants).flatMap((name) =>
      (names.get(name) ?? []).flatMap((address) => placeAt(address, `its apiserver, ${name}`)),
    ),
    ...[...new Set(nodes)].flatMap((address) => placeAt(address, 'one of its nodes')),
  ]
}

function placeAt(address: string, what: string): readonly BrokerAddress[] {
  const cidr = parseCIDR(`${address}/${address.includes(':') ? 128 : 32}`)
  return cidr.ok ? [{ cidr: cidr.value, as: `${address} of ${what}` }] : []
}

/** The names by which members are told of the broker. */
export const namesIn = (grants: readonly JoinGrant[]): readonly string[] => hostsOf(grants).filter(isName)

const hostsOf = (grants: readonly JoinGrant[]): readonly string[] => [
  ...new Set(grants.flatMap(({ spec: { server } }) => (server !== undefined && URL.canParse(server) ? hostIn(server) : []))),
]
const hostIn = (server: string): string => new URL(server).hostname.replace(/^\[(.*)\]$/, '$1')
const isName = (host: string): boolean => !parseIP(host).ok

export const isAdmitted = ({ spec, metadata }: Member): boolean =>
  metadata.deletionTimestamp === undefined && spec.state !== 'Quarantined'
