// The agent's nft table: what packets between clusters need on every node besides a route.
import type { NftChain, NftTable } from '#lib/host/nft.ts'
import { chain, set } from '#lib/host/nft.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import type { CableName } from '#crds/fields.ts'
import { agentTable, cableDevices, ourDevices, overlayDevice, overlayPort } from '../data-plane.ts'
import { notToNode, onlyThroughCables, onlyTo, perFamily, quoted } from '../guard.ts'

export type RuleFacts = {
  readonly cables: readonly CableName[]
  readonly kernelHasIPsec: boolean
  readonly own: readonly CIDR[]
  readonly remote: readonly CIDR[]
  /** Nodes from which packets of the overlay may come; one family. */
  readonly overlayPeers: readonly string[]
  /** The addresses of all nodes of the cluster. */
  readonly nodes: readonly CIDR[]
  /** Addresses of this node in its own pod range, at most one a family: what its own processes are seen as in other clusters. */
  readonly nodeSources: readonly string[]
  /** Where packets only pass through, on a node that runs a gateway: pods of other nodes. */
  readonly beyond: readonly CIDR[]
  /** Of the narrowest piece on the way between two pods. */
  readonly mtu: number
}

export const agentRules = (facts: RuleFacts): NftTable => ({
  name: agentTable,
  chains: [
    onlyThroughCables(facts.remote, facts),
    onlyTo([overlayDevice], [...facts.own, ...facts.remote]),
    notToNode([overlayDevice]),
    overlayOnlyFrom(facts.overlayPeers),
    overlayNotForwarded(facts.nodes),
    ...passingUntracked(facts),
    keepSource(facts),
    ...errorSource(facts),
    ...clamp(facts),
  ],
})

/** VXLAN has no authentication: at least the sender must be a node that has reason to send. */
function overlayOnlyFrom(nodes: readonly string[]): NftChain {
  const from = (ip: string, members: readonly string[]) =>
    members.length === 0 ? [] : [`${ip} saddr ${set(members)} udp dport ${overlayPort} accept`]
  return chain('overlay-only-from-nodes', 'filter', 'input', 'filter - 10', [
    ...from(
      'ip',
      nodes.filter((n) => !n.includes(':')),
    ),
    ...from(
      'ip6',
      nodes.filter((n) => n.includes(':')),
    ),
    `udp dport ${overlayPort} drop`,
  ])
}

/**
 * Nodes send it themselves, so nobody forwards it. Many CNIs masquerade what pods send to nodes: a pod’s packet would come from its
 * node’s address, and be taken for one of the overlay.
 */
const overlayNotForwarded = (nodes: readonly CIDR[]): NftChain =>
  chain(
    'overlay-not-forwarded',
    'filter',
    'forward',
    'filter - 10',
    perFamily(nodes).map(({ ip, blocks }) => `${ip} daddr ${set(blocks)} udp dport ${overlayPort} drop`),
  )

/**
 * A gateway keeps no account of connections that only pass through it. When the lead changes hands it sees the one half of them and its
 * successor the other; what half a connection does looks invalid, and kube-proxy drops that.
 */
function passingUntracked({ cables, own, remote, beyond }: RuleFacts): readonly NftChain[] {
  if (beyond.length === 0) return []
  const out = perFamily(own).flatMap(({ ip, blocks }) =>
    perFamily(remote)
      .filter((there) => there.ip === ip)
      .map((there) => `iifname "${overlayDevice}" ${ip} saddr ${set(blocks)} ${ip} daddr ${set(there.blocks)} notrack`),
  )
  const devices = quoted(cables.map((cable) => cableDevices[cable]))
  const back = perFamily(beyond).map(({ ip, blocks }) => `iifname ${devices} ${ip} daddr ${set(blocks)} notrack`)
  return [chain('passing-untracked', 'filter', 'prerouting', 'raw', [...out, ...back])]
}

/**
 * A pod is seen in the other cluster under its own address. Many CNIs masquerade what leaves their own range; a connection is
 * translated once, so one that has been "translated" to its own address before they look at it is left alone, whatever program
 * made the masquerade rule. A node's own packets carry an address that no other cluster routes to; they get the node's pod address.
 */
function keepSource({ own, remote, nodeSources }: RuleFacts): NftChain {
  return chain('keep-source', 'nat', 'postrouting', 'srcnat - 10', [
    ...between(own, remote),
    ...between(remote, own),
    ...nodeRules(remote, nodeSources),
  ])
}

function between(from: readonly CIDR[], to: readonly CIDR[]): readonly string[] {
  return perFamily(from).flatMap(({ ip, blocks }) => {
    const there = perFamily(to).find((t) => t.ip === ip)
    if (there === undefined) return []
    const same = set(blocks.map((block) => `${block} : ${block}`))
    return [`${ip} saddr ${set(blocks)} ${ip} daddr ${set(there.blocks)} snat ${ip} prefix to ${ip} saddr map ${same}`]
  })
}

function nodeRules(remote: readonly CIDR[], sources: readonly string[]): readonly string[] {
  return perFamily(remote).flatMap(({ ip, blocks }) =>
    sources
      .filter((address) => address.includes(':') === (ip === 'ip6'))
      .map((address) => `fib saddr type local ${ip} daddr ${set(blocks)} snat ${ip} to ${address}`),
  )
}

/**
 * What a node has to say about a packet ("too big", "no such host") goes back to the far pod that sent it, and a cable carries nothing
 * from a node's own address. It belongs to the connection it is about, so nat never sees it; the address is written over instead.
 */
function errorSource({ cables, remote, nodeSources }: RuleFacts): readonly NftChain[] {
  const errors = {
    ip: 'icmp type { destination-unreachable, time-exceeded, parameter-problem }',
    ip6: 'icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem }',
  }
  const rules = perFamily(remote).flatMap(({ ip, blocks }) =>
    nodeSources
      .filter((address) => address.includes(':') === (ip === 'ip6'))
      .map(
        (address) =>
          `oifname ${quoted(ourDevices(cables))} fib saddr type local ${ip} daddr ${set(blocks)} ${errors[ip]} ${ip} saddr set ${address}`,
      ),
  )
  return rules.length === 0 ? [] : [chain('source-of-errors', 'filter', 'postrouting', 'srcnat + 10', rules)]
}

/**
 * TCP connections between clusters agree on segments that fit the cable, also where ICMP is filtered and path MTU discovery fails.
 * Both directions at each side, so that one side suffices. 40 and 60 bytes are the headers of IP and TCP.
 */
function clamp({ cables, mtu }: RuleFacts): readonly NftChain[] {
  const rules = (match: string) =>
    (
      [
        ['ipv4', mtu - 40],
        ['ipv6', mtu - 60],
      ] as const
    ).map(
      ([family, size]) =>
        `${match} meta nfproto ${family} tcp flags syn / syn,rst tcp option maxseg size > ${size} tcp option maxseg size set ${size}`,
    )
  return [
    chain('clamp-in', 'filter', 'forward', 'mangle', rules(`iifname ${quoted(ourDevices(cables))}`)),
    chain('clamp-out', 'filter', 'postrouting', 'mangle', rules(`oifname ${quoted(ourDevices(cables))}`)),
  ]
}
