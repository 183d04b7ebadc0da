// Faults of the network between clusters. Each is one nft table of its own, so that ending it is deleting the table.
import { run } from '#hack/setup/run.ts'
import type { ClusterLayout, Layout, NodeLayout } from './layout.ts'
import { inNetns } from './network.ts'

/** Nothing passes between the two clusters' underlays until it is disposed. */
export async function partition(layout: Layout, a: ClusterLayout, b: ClusterLayout): Promise<AsyncDisposable> {
  const ways = a.underlay.flatMap((from, f) => {
    const to = b.underlay[f]
    return to === undefined ? [] : [between(from.network, to.network), between(to.network, from.network)]
  })
  return table(
    layout.wan,
    `partition-${a.id}-${b.id}`,
    ways.map((way) => `${way} drop`),
  )
}

/** Loses `percent` of the packets between a node and other clusters, at random, until it is disposed. */
export async function loss(layout: Layout, node: NodeLayout, percent: number): Promise<AsyncDisposable> {
  // Less than 1000 of 1000 is an error to nft.
  const chance = percent < 100 ? `numgen random mod 1000 < ${Math.round(percent * 10)} ` : ''
  // To other clusters by name: a kernel may show a bridge's packets, which are the cluster's own, to what filters those that are routed.
  const others = layout.clusters.filter(({ nodes }) => !nodes.includes(node)).flatMap(({ underlay }) => underlay)
  const ways = node.addresses.flatMap((address) =>
    others
      .filter(({ network }) => familyOf(network) === familyOf(address))
      .flatMap(({ network }) => [between(address, network), between(network, address)]),
  )
  return table(
    layout.wan,
    `loss-${node.name}`,
    ways.map((way) => `${way} ${chance}drop`),
  )
}

const familyOf = (address: string): 'ip' | 'ip6' => (address.includes(':') ? 'ip6' : 'ip')

const between = (from: string, to: string): string => `${familyOf(from)} saddr ${from} ${familyOf(to)} daddr ${to}`

async function table(netns: string, name: string, rules: readonly string[]): Promise<AsyncDisposable> {
  const nft = (text: string) =>
    run('nsenter', [...inNetns(netns).slice(1), 'nft', '-f', '-'], { stdin: text }, AbortSignal.timeout(10_000))
  await nft(`table inet ${name} {\nchain forward {\ntype filter hook forward priority filter;\n${rules.join('\n')}\n}\n}\n`)
  return {
    [Symbol.asyncDispose]: async () => {
      await nft(`delete table inet ${name}\n`)
    },
  }
}
