// What a choice is made from: the endpoints that each cluster would bring, those that are in the import now, and the paths between.
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { mcsSourceClusterLabel } from '#crds/places.ts'
import type { EndpointSlice } from '#lib/kube/kinds.ts'
import type { ClusterID } from '#lib/net/cluster-id.ts'
import type { Candidate, Choice, Path, TrafficPolicy } from './choice.ts'
import { choose } from './choice.ts'

export type Traffic = { readonly policy: TrafficPolicy; readonly pathTo: (cluster: string) => Path }

export const sourceOf = ({ metadata }: Pick<EndpointSlice, 'metadata'>): string => metadata.labels?.[mcsSourceClusterLabel] ?? ''

/** `offered`: by cluster, the slices that there are if it answers; `have`: those there are now. */
export function choicesOf(
  { policy, pathTo }: Traffic,
  offered: ReadonlyMap<string, readonly EndpointSlice[]>,
  have: readonly EndpointSlice[],
): readonly Choice[] {
  const candidates = [...offered].map(([cluster, slices]): Candidate => ({ cluster, ...counted(slices), path: pathTo(cluster) }))
  return choose(policy, candidates, new Set(have.map(sourceOf)))
}

/** A dual-stack endpoint is in a slice of each family: the family that has more counts. */
function counted(slices: readonly EndpointSlice[]): Pick<Candidate, 'endpoints' | 'ready'> {
  const families = [...Map.groupBy(slices, ({ addressType }) => addressType).values()].map((family) =>
    family.flatMap(({ endpoints }) => endpoints ?? []),
  )
  return {
    endpoints: Math.max(0, ...families.map((all) => all.length)),
    ready: Math.max(0, ...families.map((all) => all.filter(({ conditions }) => conditions?.ready !== false).length)),
  }
}

/**
 * As the gateway that leads here tells. A cluster is behind a dead path only where every cable to it is in error: of one that is
 * connecting, or of which nothing is said, nobody knows that it is dead.
 */
export function pathsFrom(self: ClusterID, gateways: readonly GatewayEndpoint[]): Traffic['pathTo'] {
  const [leader] = gateways
    .filter(({ spec, status }) => spec.clusterID === self && status?.role === 'Active')
    .toSorted((a, b) => (b.status?.term ?? 0) - (a.status?.term ?? 0))
  const connections = Map.groupBy(leader?.status?.connections ?? [], ({ clusterID }): string => clusterID)
  return (cluster) => {
    if (cluster === self) return { kind: 'here' }
    const cables = connections.get(cluster) ?? []
    if (cables.length > 0 && cables.every(({ state }) => state === 'Error')) return { kind: 'dead' }
    const rtts = cables.flatMap(({ rttMicros }) => rttMicros ?? [])
    return { kind: 'open', rttMicros: rtts.length === 0 ? undefined : Math.min(...rtts) }
  }
}
