// Takes away the GatewayEndpoints of nodes that are gateways no more. A gateway cannot do it itself: when it is told to end, it does
// not know whether it comes back. Other clusters would keep cables to it forever.
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { gatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { gatewayNodeLabel } from '#crds/places.ts'
import type { Kube } from '#lib/kube/client.ts'
import { controller, settled, source } from '#lib/kube/controller.ts'
import type { Node } from '#lib/kube/kinds.ts'
import { nodes } from '#lib/kube/kinds.ts'
import { applyPlan, deleteStep } from '#lib/kube/plan.ts'
import { reflect } from '#lib/kube/reflector.ts'
import type { Store } from '#lib/kube/store.ts'
import type { Logger } from '#lib/std/log.ts'
import { pause } from '#lib/std/pause.ts'
import { fieldManager } from './install.ts'

/**
 * A gateway that lost its label is told to end within a second or two, and then hands over for up to ten. By its GatewayEndpoint the nodes
 * and other clusters go on sending to it, and before its end it would only bring that back.
 */
const graceMs = 14_000

/** Runs until `signal` aborts. */
export function sweepGateways(
  kube: Kube,
  clusterID: string,
  endpoints: Store<GatewayEndpoint>,
  log: Logger,
  signal: AbortSignal,
  afterMs = graceMs,
): Promise<void> {
  const labelled = reflect(kube, nodes, { labels: `${gatewayNodeLabel}=true` }, signal).store
  const all = { name: 'everything' }
  return controller({
    name: 'gateways',
    log,
    sources: [
      source(endpoints, () => [all], { sees: ({ spec }) => spec.node }),
      source(labelled, () => [all], { sees: ({ metadata }) => metadata.name }),
    ],
    reconcile: async (_, stop) => {
      const stale = () => staleEndpoints(clusterID, endpoints.list(), labelled.list())
      if (stale().length === 0) return settled
      await pause(afterMs, stop)
      const steps = stop.aborted ? [] : stale().map((endpoint) => deleteStep(gatewayEndpoint, endpoint))
      return applyPlan(kube, { steps, next: settled }, fieldManager, stop)
    },
  }).run(signal)
}

/** Those of our own cluster whose node is not among `gateways`. */
export function staleEndpoints(
  clusterID: string,
  endpoints: readonly GatewayEndpoint[],
  gateways: readonly Node[],
): readonly GatewayEndpoint[] {
  const names = new Set(gateways.map((n) => n.metadata.name))
  return endpoints.filter(({ spec }) => spec.clusterID === clusterID && !names.has(spec.node))
}
