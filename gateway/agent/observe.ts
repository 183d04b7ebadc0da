// From Node objects to the plain facts of the agent's planner.
import { gatewayNodeLabel } from '#crds/places.ts'
import type { Node } from '#lib/kube/kinds.ts'
import { parseCIDR } from '#lib/net/cidr.ts'
import type { NodeFacts } from './plan.ts'

/** `labelled`: it is meant to run a gateway; one that is not may run one that has not ended yet, or have things of one that has. */
export type SeenNode = NodeFacts & { readonly labelled: boolean }

/** A node that has no internal address yet, or another family's than ours, cannot be talked to over the overlay. */
export function nodesOf(nodes: readonly Node[], ownAddress: string): readonly SeenNode[] {
  const v6 = ownAddress.includes(':')
  return nodes.flatMap(({ metadata, spec, status }) => {
    const address = status?.addresses?.find((a) => a.type === 'InternalIP' && a.address.includes(':') === v6)?.address
    const podCIDRs = (spec?.podCIDRs ?? []).map(parseCIDR).flatMap((c) => (c.ok ? [c.value] : []))
    return address === undefined
      ? []
      : [{ name: metadata.name, address, podCIDRs, labelled: metadata.labels?.[gatewayNodeLabel] === 'true' }]
  })
}
