// Where the broker's cluster itself is: no other member may have these addresses. As texts, as they stand in its objects.
import { identityAnnotation, systemNamespace } from '#crds/places.ts'
import type { Kube } from '#lib/kube/client.ts'
import { endpointSlices, namespaces, nodes } from '#lib/kube/kinds.ts'

export type OwnAddresses = {
  /** Fingerprint of the identity that this cluster has as a member. `tombolo join` leaves it here, where no other cluster writes. */
  readonly identity: string | undefined
  /** At which its apiserver listens: never none. */
  readonly apiservers: readonly string[]
  readonly nodes: readonly string[]
}

/** Of the apiserver that the broker is; by itself it keeps it. */
export const apiserverSlice = { namespace: 'default', name: 'kubernetes' }

/** It takes `list` of Nodes, and `get` of `tombolo-system` and of the EndpointSlice `kubernetes`. Throws where an address may be missing. */
export async function readOwnAddresses(kube: Pick<Kube, 'get' | 'list'>, signal: AbortSignal): Promise<OwnAddresses> {
  const [system, slice, all] = await Promise.all([
    kube.get(namespaces, { name: systemNamespace }, signal),
    kube.get(endpointSlices, apiserverSlice, signal),
    kube.list(nodes, {}, signal),
  ])
  const apiservers = (slice?.endpoints ?? []).flatMap(({ addresses }) => addresses)
  if (apiservers.length === 0)
    throw new Error(
      `EndpointSlice ${apiserverSlice.namespace}/${apiserverSlice.name} names no address of its apiserver, which writes it unless --endpoint-reconciler-type is none`,
    )
  return {
    identity: system?.metadata.annotations?.[identityAnnotation],
    apiservers,
    nodes: all.items.flatMap(({ status }) =>
      (status?.addresses ?? []).flatMap(({ type, address }) => (isPlace(type) ? [address] : [])),
    ),
  }
}

const isPlace = (type: string): boolean => type === 'InternalIP' || type === 'ExternalIP'
