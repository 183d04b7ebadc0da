// What a rig is asked to be.
import type { IPFamily } from '#lib/net/ip.ts'
import { parseClusterID } from '#lib/net/cluster-id.ts'
import type { Result } from '#lib/std/result.ts'
import { invalid, ok } from '#lib/std/result.ts'

export interface RigSpec {
  readonly clusters: readonly ClusterSpec[]
  /** What is in the nodes' image store: Tombolo's own image of the sources as they are, or only the base images. Default `tombolo`. */
  readonly images?: 'tombolo' | 'base'
  /** Whose it is, for those who look for it. */
  readonly purpose?: string
}

export interface ClusterSpec {
  /** Also the name of its kubeconfig context and the first part of its nodes' names. */
  readonly id: string
  /** Default 2. */
  readonly nodes?: number
  /** The first is the primary one. Default IPv4 alone. */
  readonly families?: readonly IPFamily[]
  /** One per family, in the order of `families`. Default 10.24C.0.0/16 and fd00:24C::/48, where C counts the clusters from 1. */
  readonly podCIDRs?: readonly string[]
  /** One per family. Default 10.9C.0.0/16 and fd00:9C::/112. */
  readonly serviceCIDRs?: readonly string[]
  /** Whether the CNI masquerades what leaves its own range, as flannel does. Default true, which is the harder case. */
  readonly masquerade?: boolean
  /** Something that nodes lack. */
  readonly lacks?: readonly { readonly node: number; readonly what: 'tun' }[]
}

/** Limits of the address plan (layout.ts). */
export const most = { clusters: 14, nodes: 99 } as const

/** Two clusters, `east` and `west`, which is what most tests need. */
export const twoClusters = (of: Omit<ClusterSpec, 'id'> = {}): RigSpec => ({
  clusters: [
    { id: 'east', ...of },
    { id: 'west', ...of },
  ],
})

const names = ['east', 'west', 'north', 'south'] as const

/** `count` clusters: the four points of the compass, then c5, c6 and so on. */
export const clustersOf = (count: number, of: Omit<ClusterSpec, 'id'> = {}): RigSpec => ({
  clusters: Array.from({ length: count }, (_, i) => ({ id: names[i] ?? `c${i + 1}`, ...of })),
})

/** The spec as it is, or what is wrong with it. */
export function checkSpec(spec: RigSpec): Result<RigSpec> {
  const { clusters } = spec
  if (clusters.length < 1 || clusters.length > most.clusters)
    return invalid('clusters', String(clusters.length), `1 to ${most.clusters} clusters`)
  const seen = new Set<string>()
  for (const { id, nodes = 2, families = ['IPv4'], podCIDRs, serviceCIDRs } of clusters) {
    const name = parseClusterID(id)
    if (!name.ok) return name
    if (id.length > 40) return invalid('id', id, 'at most 40 characters, as node names are made of it')
    if (seen.has(id)) return invalid('id', id, 'each cluster id once')
    seen.add(id)
    if (!Number.isInteger(nodes) || nodes < 1 || nodes > most.nodes)
      return invalid('nodes', String(nodes), `1 to ${most.nodes} nodes`)
    if (families.length < 1 || new Set(families).size !== families.length)
      return invalid('families', families.join(','), 'IPv4, IPv6, or both in either order')
    for (const [field, cidrs] of Object.entries({ podCIDRs, serviceCIDRs }))
      if (cidrs !== undefined && cidrs.length !== families.length)
        return invalid(field, cidrs.join(','), `one network for each of ${families.join(', ')}`)
  }
  return ok(spec)
}
