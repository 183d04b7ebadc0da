// Where the broker's cluster itself is: no member may have these addresses. As texts, as they stand in its objects.
import type { Kube } from '#lib/kube/client.ts'
import { endpointSlices, namespaces, nodes } from '#lib/kube/kinds.ts'

export type OwnAddresses = {
  /** UID of the namespace kube-system: the identity of a cluster as far as Kubernetes has one. */
  readonly uid: string
  /** At which its apiserver listens. */
  readonly apiservers: readonly string[]
  readonly nodes: readonly string[]
}

/** It takes `list` of Nodes, and `get` of kube-system and of the EndpointSlice `kubernetes`. */
export async function readOwnAddresses(kube: Pick<Kube, 'get' | 'list'>, signal: AbortSignal): Promise<OwnAddresses> {
  const [system, slice, all] = await Promise.all([
    kube.get(namespaces, { name: 'kube-system' }, signal),
    kube.get(endpointSlices, { namespace: 'default', name: 'kubernetes' }, signal),
    kube.list(nodes, {}, signal),
  ])
  return {
    uid: system?.metadata.uid ?? '',
    apiservers: (slice?.endpoints ?? []).flatMap(({ addresses }) => addresses),
    nodes: all.items.flatMap(({ status }) =>
      (status?.addresses ?? []).flatMap(({ type, address }) => (type === 'InternalIP' || type === 'ExternalIP' ? [address] : [])),
    ),
  }
}
