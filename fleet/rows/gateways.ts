// The gateways, and how many of their cables are up.
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { conditionOf } from '#lib/kube/conditions.ts'
import type { Snapshot } from '../snapshot.ts'
import { endpointsOf, hostPort } from './announced.ts'
import { by } from './order.ts'

export type GatewayRow = {
  readonly cluster: string
  readonly node: string
  readonly role: 'Active' | 'Standby' | 'Unknown'
  /** Why it does not stand for the lead, by its own word; undefined: it does. */
  readonly state: 'Drained' | 'Cordoned' | undefined
  /** Where the others send to first, `address:port`. */
  readonly address: string | undefined
  readonly driver: string | undefined
  readonly connected: number
  readonly connections: number
  readonly publicKey: string
  /** When the certificate that it holds ends; undefined: it holds none, or is of another cluster, which tells nobody but the broker. */
  readonly certificateUntil: string | undefined
}

export function gatewaysOf(snapshot: Snapshot): readonly GatewayRow[] {
  const certificates = snapshot.member?.certificates ?? snapshot.broker?.certificates ?? []
  return endpointsOf(snapshot)
    .map((endpoint) => {
      const { metadata, spec, status } = endpoint
      const [first] = spec.candidates
      const connections = status?.connections ?? []
      const certificate = certificates.find((c) => c.metadata.name === metadata.name && c.spec.clusterID === spec.clusterID)
      return {
        cluster: spec.clusterID,
        node: spec.node,
        role: status?.role ?? ('Unknown' as const),
        state: stateOf(endpoint),
        address: first === undefined ? undefined : hostPort(first.address, first.port),
        driver: status?.driver,
        connected: connections.filter((c) => c.state === 'Connected').length,
        connections: connections.length,
        publicKey: spec.wireguard.publicKey,
        certificateUntil: certificate?.spec.inUse === undefined ? undefined : certificate.status?.notAfter,
      }
    })
    .toSorted(by((row) => [row.cluster, row.node]))
}

export function stateOf({ status }: GatewayEndpoint): GatewayRow['state'] {
  const electable = conditionOf(status?.conditions, 'Electable')
  if (electable?.status !== 'False') return undefined
  return electable.reason === 'Drained' ? 'Drained' : 'Cordoned'
}
