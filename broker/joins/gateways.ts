// Which addresses of gateways nobody else may have. Members write them, so what they can keep others from is bounded: an address counts
// as long as it is new, then only while another member says that it reaches that gateway there, and so many a member and no more.
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import type { ClusterID } from '#lib/net/cluster-id.ts'
import type { GatewayAddress } from './admit.ts'

/** Of one member. */
export const mostKeptFree = 32
/** How long a gateway's word alone is enough: by then others have reached it. */
export const onWordMs = 15 * 60_000

/** `gateways`: each of an admitted member, in its own namespace. */
export function keptFree(
  gateways: readonly GatewayEndpoint[],
  admitted: ReadonlySet<ClusterID>,
  now: Date,
): readonly GatewayAddress[] {
  const reached = new Set(gateways.flatMap(reachedBy))
  const candidates = gateways.flatMap((gateway) => {
    const { clusterID } = gateway.spec
    const isNew = now.getTime() - new Date(gateway.metadata.creationTimestamp ?? 0).getTime() < onWordMs
    // Of a fleet of one nobody else can tell.
    const alone = ![...admitted].some((id) => id !== clusterID)
    return gateway.spec.candidates.map(({ address }) => {
      const isReached = reached.has(keyOf(clusterID, gateway.metadata.name, address))
      return { clusterID, address, isReached, counts: isReached || isNew || alone }
    })
  })
  return [...Map.groupBy(candidates, (one) => one.clusterID).values()].flatMap((own) => {
    const addresses = own.filter(({ counts }) => counts).toSorted((a, b) => Number(b.isReached) - Number(a.isReached))
    return [...new Map(addresses.map(({ clusterID, address }) => [address, { clusterID, address }])).values()].slice(
      0,
      mostKeptFree,
    )
  })
}

/** What a gateway says of those of other members. Of its own it may say what it likes. */
const reachedBy = ({ spec, status }: GatewayEndpoint): readonly string[] =>
  (status?.connections ?? []).flatMap(({ clusterID, endpoint, state, address }) =>
    state === 'Connected' && address !== undefined && clusterID !== spec.clusterID
      ? [keyOf(clusterID, endpoint, hostOf(address))]
      : [],
  )

/** Of `address:port` or `[address]:port`. The port is the way's, not the gateway's: NAT changes it. */
const hostOf = (address: string): string => address.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')

const keyOf = (clusterID: string, endpoint: string, address: string): string => `${clusterID} ${endpoint} ${address}`
