// The addresses of each cluster, and what carries them.
import { narrowest } from '#gateway/data-plane.ts'
import { cniOf } from '../cni.ts'
import type { Snapshot } from '../snapshot.ts'
import { by } from './order.ts'

export type NetworkRow = {
  readonly cluster: string
  readonly view: 'Local' | 'Peer' | 'Member'
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

export function networksOf({ member, broker, platform, probed }: Snapshot): readonly NetworkRow[] {
  const row = (cluster: string, view: NetworkRow['view'], spec: Pick<NetworkRow, 'podCIDRs' | 'serviceCIDRs'>): NetworkRow => ({
    cluster,
    view,
    podCIDRs: spec.podCIDRs,
    serviceCIDRs: spec.serviceCIDRs,
    families: [...new Set(spec.podCIDRs.map((c) => (c.includes(':') ? 'IPv6' : 'IPv4')))],
    cni: view === 'Local' ? cniOf(platform)?.name : undefined,
    kubeProxy: view === 'Local' ? (probed.networks[0]?.proxyMode ?? platform.kubeProxy?.mode) : undefined,
    nodes: view === 'Local' ? platform.nodes.length : undefined,
    mtu: narrowest(member?.membership.spec.cables ?? ['wireguard'], 1500),
  })
  const rows =
    member !== undefined
      ? [
          row(member.membership.spec.clusterID, 'Local', member.membership.spec),
          ...member.allocations
            .filter((a) => a.spec.clusterID !== member.membership.spec.clusterID)
            .map((a) => row(a.spec.clusterID, 'Peer', a.spec)),
        ]
      : (broker?.members ?? []).map((m) => row(m.spec.clusterID, 'Member', m.spec))
  return rows.toSorted(by((r) => [r.cluster]))
}
