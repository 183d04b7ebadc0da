// In which zones and regions a cluster is, by the labels of its nodes. Other clusters read it from the GatewayEndpoints to know who is near.
import type { Topology } from '#crds/gateway-endpoint.ts'
import { maxPlaces, placeField } from '#crds/gateway-endpoint.ts'
import type { Node } from '#lib/kube/kinds.ts'

/** The first by name of those that there is room for, so that all gateways of a cluster say the same. */
export const topologyOf = (nodes: readonly Pick<Node, 'metadata'>[]): Topology => ({
  zones: placesIn(nodes, 'topology.kubernetes.io/zone'),
  regions: placesIn(nodes, 'topology.kubernetes.io/region'),
})

function placesIn(nodes: readonly Pick<Node, 'metadata'>[], label: string): string[] {
  const named = nodes.flatMap(({ metadata }) => metadata.labels?.[label] ?? [])
  return [...new Set(named)]
    .filter((name) => placeField.safeParse(name).success)
    .toSorted()
    .slice(0, maxPlaces)
}
