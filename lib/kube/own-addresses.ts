// Where a cluster itself is: its apiserver, its nodes, its Services. As texts, as they stand in its objects.
import type { Kube } from './client.ts'
import { isNotFound } from './errors.ts'
import { endpointSlices, namespaces, nodes, serviceCIDRs, services } from './kinds.ts'

export type OwnAddresses = {
  /** UID of the namespace kube-system: the identity of a cluster as far as Kubernetes has one. */
  readonly uid: string
  /** At which its apiserver listens. */
  readonly apiservers: readonly string[]
  readonly nodes: readonly string[]
  /** Ranges of its Services; before Kubernetes 1.33, which does not tell them, the one address of its apiserver among them. */
  readonly services: readonly string[]
}

/** It takes `list` of Nodes and ServiceCIDRs, and `get` of kube-system, the Service `kubernetes` and its EndpointSlice. */
export async function readOwnAddresses(kube: Pick<Kube, 'get' | 'list'>, signal: AbortSignal): Promise<OwnAddresses> {
  const apiserver = { namespace: 'default', name: 'kubernetes' }
  const [system, slice, service, ranges, all] = await Promise.all([
    kube.get(namespaces, { name: 'kube-system' }, signal),
    kube.get(endpointSlices, apiserver, signal),
    kube.get(services, apiserver, signal),
    kube.list(serviceCIDRs, {}, signal).catch((error: unknown) => {
      if (isNotFound(error)) return { items: [] }
      throw error
    }),
    kube.list(nodes, {}, signal),
  ])
  const cidrs = ranges.items.flatMap(({ spec }) => spec?.cidrs ?? [])
  const clusterIPs = (service?.spec?.clusterIPs ?? []).map((ip) => `${ip}/${ip.includes(':') ? 128 : 32}`)
  return {
    uid: system?.metadata.uid ?? '',
    apiservers: (slice?.endpoints ?? []).flatMap(({ addresses }) => addresses),
    nodes: all.items.flatMap(({ status }) =>
      (status?.addresses ?? []).flatMap(({ type, address }) => (type === 'InternalIP' || type === 'ExternalIP' ? [address] : [])),
    ),
    services: cidrs.length > 0 ? cidrs : clusterIPs,
  }
}
