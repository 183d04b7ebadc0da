// Where each gateway can be sent to.
import { cableDrivers } from '#crds/fields.ts'
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import type { Snapshot } from '../snapshot.ts'
import { endpointsOf, hostPort, placesOf } from './announced.ts'
import { by } from './order.ts'

/** Where a gateway can be sent to. */
export type EndpointRow = {
  readonly cluster: string
  readonly node: string
  readonly name: string
  /** `type address:port`, best first. */
  readonly candidates: readonly string[]
  readonly driver: string | undefined
  /** Whether other clusters hear it under another address than it names; undefined while nobody says. */
  readonly behindNAT: boolean | undefined
  readonly publicKey: string
}

export function addressesOf(snapshot: Snapshot): readonly EndpointRow[] {
  const all = endpointsOf(snapshot)
  return all
    .map(({ metadata, spec, status }) => ({
      cluster: spec.clusterID,
      node: spec.node,
      name: metadata.name,
      candidates: spec.candidates.map((c) => `${c.type} ${hostPort(c.address, c.port)}`),
      driver: status?.driver,
      behindNAT: behindNAT(metadata.name, spec, all),
      publicKey: spec.wireguard.publicKey,
    }))
    .toSorted(by((row) => [row.cluster, row.node]))
}

/** Others say from where its packets come: an address that it does not name itself is that of something in between. */
function behindNAT(name: string, spec: GatewayEndpoint['spec'], all: readonly GatewayEndpoint[]): boolean | undefined {
  const heardFrom = all.flatMap((g) =>
    (g.status?.connections ?? []).flatMap((c) => (c.endpoint === name && c.state === 'Connected' ? (c.address ?? []) : [])),
  )
  return heardFrom.length === 0
    ? undefined
    : heardFrom.some(
        (from) => !cableDrivers.some((cable) => placesOf(spec, cable).some((c) => from === hostPort(c.address, c.port))),
      )
}
