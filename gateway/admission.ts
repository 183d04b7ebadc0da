// Which addresses of other clusters this cluster lets into its routes. The broker has checked them once; here they are checked
// again against what this cluster knows to be its own, because a route that is too wide takes traffic away from somebody.
import type { CIDR } from '#lib/net/cidr.ts'
import { overlaps } from '#lib/net/cidr.ts'
import { reservedIn } from '#lib/net/reserved.ts'

/** What a cluster was admitted with. */
export type Announced = { readonly clusterID: string; readonly podCIDRs: readonly CIDR[] }
/** Something that was not taken, and why, for a person. */
export type Refusal = { readonly about: string; readonly says: string }
export type Admission = { readonly remotes: readonly Announced[]; readonly refused: readonly Refusal[] }

/**
 * `ours` is what must never be routed away: own pods, services and nodes. A cluster with one refused block is refused whole: half of
 * a cluster is harder to understand than none of it. Of two that overlap each other the first by cluster id is taken, on every node the same.
 */
export function admit(ours: readonly CIDR[], announced: readonly Announced[]): Admission {
  const remotes: Announced[] = []
  const refused: Refusal[] = []
  for (const cluster of announced.toSorted((a, b) => (a.clusterID < b.clusterID ? -1 : 1))) {
    const says = objection(cluster, ours, remotes)
    if (says === undefined) remotes.push(cluster)
    else refused.push({ about: cluster.clusterID, says })
  }
  return { remotes, refused }
}

function objection(cluster: Announced, ours: readonly CIDR[], taken: readonly Announced[]): string | undefined {
  for (const cidr of cluster.podCIDRs) {
    const own = ours.find((block) => overlaps(block, cidr))
    if (own !== undefined) return `its ${cidr} overlaps ${own} of this cluster`
    const other = taken.find((t) => t.podCIDRs.some((block) => overlaps(block, cidr)))
    if (other !== undefined) return `its ${cidr} overlaps an address block of ${other.clusterID}`
    const reserved = reservedIn(cidr)
    if (reserved !== undefined) return `its ${cidr} overlaps ${reserved.cidr} (${reserved.what}), which is not for pods`
  }
  return undefined
}
