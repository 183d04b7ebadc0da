// Who carries packets in a cluster: its active gateway, and the agent of a node.
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { systemNamespace } from '#crds/places.ts'
import type { PodFact } from '../facts/workloads.ts'
import type { Snapshot } from '../snapshot.ts'

/** The cluster's own, if its gateway runs: what a gateway said of itself stays when it dies. */
export function activeGateway({ member }: Snapshot): GatewayEndpoint | undefined {
  const self = member?.membership.spec.clusterID
  const found = self === undefined ? undefined : activeOf(member?.gateways ?? [], self)
  return found !== undefined && (member?.running.includes(found.spec.node) ?? false) ? found : undefined
}

/** Of two that say Active, the one with the higher term is right. */
export const activeOf = (gateways: readonly GatewayEndpoint[], clusterID: string): GatewayEndpoint | undefined =>
  gateways
    .filter((g) => g.spec.clusterID === clusterID && g.status?.role === 'Active')
    .toSorted((a, b) => (b.status?.term ?? 0) - (a.status?.term ?? 0))[0]

export const agentOn = ({ member }: Snapshot, node: string): PodFact | undefined =>
  member?.pods.find((p) => p.component === 'agent' && p.node === node && p.ready && !p.going)

/** What to type so that the agent of a node sets it up anew. */
export const restartAgent = (context: string, seen: Snapshot, node: string): string =>
  `kubectl --context ${context} -n ${systemNamespace} delete pod ${agentOn(seen, node)?.name ?? `of the agent on ${node}`}, which starts it anew`
