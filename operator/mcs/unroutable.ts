// Clusters whose addresses are not routed here, as they are addresses of this cluster or of another (gateway/admission.ts). Nothing of
// them is imported: a packet for one of their endpoints would go to whoever has the address here, past the cable and its guard.
import type { Allocation } from '#crds/allocation.ts'
import { systemNamespace } from '#crds/places.ts'
import { admit } from '#gateway/admission.ts'
import type { Source } from '#lib/kube/controller.ts'
import type { Node } from '#lib/kube/kinds.ts'
import type { Key } from '#lib/kube/object.ts'
import type { Store } from '#lib/kube/store.ts'
import { hostBlock } from '#lib/net/cidr.ts'
import { parseIP } from '#lib/net/ip.ts'
import type { ClusterID } from '#lib/net/cluster-id.ts'
import { same } from '#lib/kube/differs.ts'

export interface Unroutable {
  /** Why, for people; undefined for a cluster that is routed. */
  why(clusterID: string): string | undefined
  /** Tells the keys of clusters of which it is otherwise than before, each cluster a flow of its own. */
  readonly source: Source
}

/** `keys`: what is to be looked at again when it is otherwise for a cluster. */
export function unroutable(
  self: ClusterID,
  allocations: Store<Allocation>,
  nodes: Store<Node>,
  keys: (clusterID: string) => readonly Key[],
): Unroutable {
  let known: ReadonlyMap<string, string> = new Map()
  let stale = true
  const listeners = new Set<(clusterID: string) => void>()

  /** At the first question after a change, or soon: a list of a thousand nodes is one change. */
  function look(): ReadonlyMap<string, string> {
    if (!stale) return known
    stale = false
    const before = known
    known = judgedBy(allocations.get({ namespace: systemNamespace, name: self }), allocations.list(), nodes.list())
    const otherwise = [...new Set([...before.keys(), ...known.keys()])].filter((id) => before.get(id) !== known.get(id))
    for (const id of otherwise) for (const listener of listeners) listener(id)
    return known
  }

  function changed(): void {
    if (!stale) setImmediate(look)
    stale = true
  }
  allocations.onChange((now, old) => {
    if (!same(now?.spec, old?.spec)) changed()
  })
  nodes.onChange((now, old) => {
    if (!same(now?.status?.addresses, old?.status?.addresses)) changed()
  })
  return {
    why: (clusterID) => look().get(clusterID),
    source: {
      // Nothing is believed before one's own Allocation is there, and no node means less is ours, not more.
      whenSynced: (signal) => nodes.whenSynced(signal),
      follow: (add) => {
        const listener = (id: string) => {
          for (const key of keys(id)) add(key, id)
        }
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
    },
  }
}

/** As the nodes of this cluster judge it (gateway/engine.ts), and by the addresses that a node has of the other family too. */
function judgedBy(own: Allocation | undefined, all: readonly Allocation[], nodes: readonly Node[]): ReadonlyMap<string, string> {
  const ofNodes = nodes.flatMap((node) =>
    (node.status?.addresses ?? []).flatMap(({ type, address }) =>
      type === 'InternalIP' && parseIP(address).ok ? [hostBlock(address)] : [],
    ),
  )
  const ours = [...(own?.spec.podCIDRs ?? []), ...(own?.spec.serviceCIDRs ?? []), ...ofNodes]
  const announced = all.flatMap(({ spec }) => (spec.clusterID === own?.spec.clusterID ? [] : [spec]))
  return new Map(admit(ours, announced).refused.map(({ about, says }) => [about, says]))
}
