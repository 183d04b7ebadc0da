// Where the broker's cluster itself is: no other member may have these addresses. As texts, as they stand in its objects.
import { identityAnnotation, systemNamespace } from '#crds/places.ts'
import type { Kube } from '#lib/kube/client.ts'
import { endpointSlices, namespaces, nodes } from '#lib/kube/kinds.ts'
import type { Result } from '#lib/std/result.ts'
import { ok } from '#lib/std/result.ts'

export type OwnAddresses = {
  /** Fingerprint of the identity that this cluster has as a member. `tombolo join` leaves it here, where no other cluster writes. */
  readonly identity: string | undefined
  /** At which its apiserver listens. */
  readonly apiservers: readonly string[]
  readonly nodes: readonly string[]
}

/** Why not, where they cannot be read: who asks for nothing new is answered without them. */
export type ReadOwnAddresses = Result<OwnAddresses, string>

/** It takes `list` of Nodes, and `get` of `tombolo-system` and of the EndpointSlice `kubernetes`. */
export async function readOwnAddresses(kube: Pick<Kube, 'get' | 'list'>, signal: AbortSignal): Promise<ReadOwnAddresses> {
  try {
    const [system, slice, all] = await Promise.all([
      kube.get(namespaces, { name: systemNamespace }, signal),
      kube.get(endpointSlices, { namespace: 'default', name: 'kubernetes' }, signal),
      kube.list(nodes, {}, signal),
    ])
    return ok({
      identity: system?.metadata.annotations?.[identityAnnotation],
      apiservers: (slice?.endpoints ?? []).flatMap(({ addresses }) => addresses),
      nodes: all.items.flatMap(({ status }) =>
        (status?.addresses ?? []).flatMap(({ type, address }) => (isPlace(type) ? [address] : [])),
      ),
    })
  } catch (error) {
    signal.throwIfAborted()
    return { ok: false, error: String(error) }
  }
}

const isPlace = (type: string): boolean => type === 'InternalIP' || type === 'ExternalIP'
