// The ground that requests are judged on (admit.ts): which addresses somebody has, or had lately, and which are kept free. Pure.
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

export type Registered = {
  readonly fleet: Fleet
  readonly members: readonly Member[]
  readonly grants: readonly JoinGrant[]
  readonly gateways: readonly GatewayEndpoint[]
  readonly now: Date
}

export function groundOf({ fleet, members, grants, gateways, now }: Registered, own: OwnAddresses): Ground {
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
  const taken = [...members.flatMap(({ spec }) => takenBy(spec)), ...draining, ...released]
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
    broker: { identity: own.identity, addresses: brokerAddresses(own, grants) },
    pools: fleet.spec.join.addresses,
  }
}

/**
 * Where the broker is, as its cluster says, and as its administrator told members. A name is nobody's address. Its Services are not among
 * them: no member reaches the broker there, and two clusters as kubeadm makes them have the same range.
 */
function brokerAddresses({ apiservers, nodes }: OwnAddresses, grants: readonly JoinGrant[]): readonly BrokerAddress[] {
  const hosts = grants.flatMap(({ spec }) => serverHost(spec.server) ?? [])
  const named = (texts: readonly string[], as: (text: string) => string): readonly BrokerAddress[] =>
    [...new Set(texts)].flatMap((text) => {
      const cidr = parseCIDR(`${text}/${text.includes(':') ? 128 : 32}`)
      return cidr.ok ? [{ cidr: cidr.value, as: as(text) }] : []
    })
  return [
    ...named([...apiservers, ...hosts], (address) => `${address} of its apiserver`),
    ...named(nodes, (address) => `${address} of one of its nodes`),
  ]
}

/** Undefined for a name, and for what is no URL. */
function serverHost(server: string | undefined): string | undefined {
  const host = server !== undefined && URL.canParse(server) ? new URL(server).hostname.replace(/^\[(.*)\]$/, '$1') : undefined
  return host !== undefined && parseIP(host).ok ? host : undefined
}

export const isAdmitted = ({ spec, metadata }: Member): boolean =>
  metadata.deletionTimestamp === undefined && spec.state !== 'Quarantined'
