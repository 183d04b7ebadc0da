// The addresses of each cluster, and what carries them, as a member sees it. What the broker knows of addresses is in registry.ts.
import { narrowest } from '#gateway/data-plane.ts'
import { cniOf } from '../cni.ts'
import type { Snapshot } from '../snapshot.ts'
import { by } from './order.ts'

export type NetworkRow = {
  readonly cluster: string
  readonly view: 'Local' | 'Peer'
  readonly podCIDRs: readonly string[]
  readonly serviceCIDRs: readonly string[]
  readonly families: readonly string[]
  /** Of the cluster asked: what was found of its CNI and its kube-proxy, and how many nodes it has. */
  readonly cni: string | undefined
  readonly kubeProxy: string | undefined
  readonly nodes: number | undefined
  /** The largest packet that passes between pods of two clusters, where the nodes’ network has 1500 bytes. */
  readonly mtu: number
}

/** Empty where there is no member. */
export function networksOf({ member, platform, probed }: Snapshot): readonly NetworkRow[] {
  if (member === undefined) return []
  const { membership, allocations } = member
  const row = (cluster: string, view: NetworkRow['view'], spec: Pick<NetworkRow, 'podCIDRs' | 'serviceCIDRs'>): NetworkRow => ({
    cluster,
    view,
    podCIDRs: spec.podCIDRs,
    serviceCIDRs: spec.serviceCIDRs,
    families: [...new Set(spec.podCIDRs.map((c) => (c.includes(':') ? 'IPv6' : 'IPv4')))],
    cni: view === 'Local' ? cniOf(platform)?.name : undefined,
    kubeProxy: view === 'Local' ? (probed.networks[0]?.proxyMode ?? platform.kubeProxy?.mode) : undefined,
    nodes: view === 'Local' ? platform.nodes.length : undefined,
    mtu: narrowest(membership.spec.cables, 1500),
  })
  const own = membership.spec.clusterID
  const peers = allocations.filter(({ spec }) => spec.clusterID !== own)
  return [row(own, 'Local', membership.spec), ...peers.map(({ spec }) => row(spec.clusterID, 'Peer', spec))].toSorted(
    by((r) => [r.cluster]),
  )
}
