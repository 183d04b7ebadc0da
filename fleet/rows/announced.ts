// What gateways say of themselves, as far as it holds now.
import type { CableName } from '#crds/fields.ts'
import type { Connection, GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import type { MemberView, Snapshot } from '../snapshot.ts'

export const endpointsOf = ({ member, broker }: Snapshot): readonly GatewayEndpoint[] =>
  member !== undefined ? believed(member) : (broker?.gateways ?? [])

/** What gateways of this cluster say that do not run is from before; those of others are judged by the cables that end here. */
export function believed({ membership, gateways, running }: MemberView): readonly GatewayEndpoint[] {
  return gateways.map((endpoint) => {
    const { spec, status } = endpoint
    if (spec.clusterID !== membership.spec.clusterID || running.includes(spec.node) || status === undefined) return endpoint
    const { role: _, ...rest } = status
    const message = `no gateway runs on ${spec.node} now`
    return {
      ...endpoint,
      status: { ...rest, connections: (rest.connections ?? []).map((c) => ({ ...c, state: 'Error' as const, message })) },
    }
  })
}

/** Of two that say Active, the one with the higher term is right. */
export const activeOf = (gateways: readonly GatewayEndpoint[], clusterID: string): GatewayEndpoint | undefined =>
  gateways
    .filter((g) => g.spec.clusterID === clusterID && g.status?.role === 'Active')
    .toSorted((a, b) => (b.status?.term ?? 0) - (a.status?.term ?? 0))[0]

/** A figure from before the cable broke says nothing now. */
export const millis = (connection: Connection | undefined): number | undefined =>
  connection?.state !== 'Connected' || connection.rttMicros === undefined ? undefined : connection.rttMicros / 1000

/** Where packets of this kind of cable are sent, best first. */
export const placesOf = ({ candidates, ipsec }: GatewayEndpoint['spec'], cable: CableName | undefined) =>
  candidates.map(({ address, port }) => ({ address, port: cable === 'ipsec' && ipsec !== undefined ? ipsec.port : port }))

export const hostPort = (address: string, port: number): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
