// Two clusters with the same addresses: a packet can go to one of them alone.
import type { Allocation } from '#crds/allocation.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import { overlaps } from '#lib/net/cidr.ts'
import type { Snapshot } from '../snapshot.ts'
import type { Check, Finding } from './check.ts'
import { counted, orPass } from './check.ts'

export const overlappingCIDRs: Check = {
  name: 'overlapping-cidrs',
  subject: 'connections',
  asks: 'Do any two clusters, or a cluster and its own nodes, have the same addresses?',
  run: (seen) => {
    const allocations = seen.member?.allocations ?? seen.broker?.allocations
    if (allocations === undefined) return []
    return orPass(
      [...pairs(allocations).flatMap(([a, b]) => clash(a, b) ?? []), ...nodesInside(seen)],
      `the addresses of ${counted(allocations.length, 'cluster')} are apart`,
    )
  },
}

const pairs = <T>(all: readonly T[]): readonly (readonly [T, T])[] =>
  all.flatMap((a, i) => all.slice(i + 1).map((b) => [a, b] as const))

/** Services of two clusters may be the same: their addresses never leave a cluster. */
function clash(a: Allocation, b: Allocation): Finding | undefined {
  const [x, y] = [a.spec, b.spec]
  const found = [...meet(x.podCIDRs, y.podCIDRs), ...meet(x.podCIDRs, y.serviceCIDRs), ...meet(x.serviceCIDRs, y.podCIDRs)]
  if (found.length === 0) return undefined
  return {
    level: 'fail',
    about: [x.clusterID, y.clusterID],
    says: `${x.clusterID} and ${y.clusterID} overlap: ${found.map(([p, q]) => (p === q ? p : `${p} and ${q}`)).join(', ')}`,
    remedy: `Give one of them other addresses: tombolo uninstall there, then tombolo join with another --pod-cidr.`,
  }
}

const meet = (a: readonly CIDR[], b: readonly CIDR[]) =>
  a.flatMap((p) => b.filter((q) => overlaps(p, q)).map((q) => [p, q] as const))

/** A route to another cluster that covers a node of ours would take the node away. */
function nodesInside({ member, platform }: Snapshot): readonly Finding[] {
  if (member === undefined) return []
  const remote = member.allocations.filter((a) => a.spec.clusterID !== member.membership.spec.clusterID)
  return remote.flatMap(({ spec }) => {
    const nodes = platform.nodes.filter((n) =>
      n.addresses.some((a) => spec.podCIDRs.some((block) => overlaps(block, hostBlock(a)))),
    )
    return nodes.length === 0
      ? []
      : [
          {
            level: 'fail' as const,
            about: [spec.clusterID, ...nodes.map((n) => `Node ${n.name}`)],
            says: `nodes of this cluster have addresses of the pods of ${spec.clusterID}: ${nodes.map((n) => n.name).join(', ')}`,
            remedy: `Join ${spec.clusterID} with other pod addresses: --pod-cidr.`,
          },
        ]
  })
}

const hostBlock = (address: string): CIDR => `${address}/${address.includes(':') ? 128 : 32}` as CIDR
