// Packet filters that hold even when no program of ours runs: nothing for another cluster leaves in clear, and what comes out of a
// cable reaches pods and nothing else. As chains of nft; the programs put them into their tables.
import { chain, set } from '#lib/host/nft.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import { familyOf } from '#lib/net/cidr.ts'
import { tunnelNetwork } from '#lib/net/keys.ts'
import { cableDevice, ourDevices, pulsePort } from './data-plane.ts'

/** nft's name of a family's header. */
const header = { IPv4: 'ip', IPv6: 'ip6' } as const
const families = ['IPv4', 'IPv6'] as const

/** The blocks of one family, with nft's word for it; only families that have any. */
export function perFamily(cidrs: readonly CIDR[]): readonly { readonly ip: 'ip' | 'ip6'; readonly blocks: readonly CIDR[] }[] {
  return families
    .map((family) => ({ ip: header[family], blocks: cidrs.filter((c) => familyOf(c) === family).toSorted() }))
    .filter(({ blocks }) => blocks.length > 0)
}

export const quoted = (names: readonly string[]): string => set(names.map((name) => `"${name}"`))

/**
 * Packets for another cluster leave by our devices or not at all. At postrouting, because only there the device is the one that the
 * packet takes after its destination was translated; reject is not to be had there, but the routes answer first (metric.nowhere).
 */
export const onlyThroughCables = (remote: readonly CIDR[]): string =>
  chain(
    'only-through-cables',
    'filter',
    'postrouting',
    'filter',
    perFamily(remote).map(({ ip, blocks }) => `${ip} daddr ${set(blocks)} oifname != ${quoted(ourDevices)} drop`),
  )

/**
 * Who is heard on a tunnel address has proven its key: so nothing comes from or goes to such an address but through a cable, or from
 * the node to itself. Linux would take a packet for one of its addresses from any device, also from the street.
 */
export const tunnelsOnlyThroughCables = (): string => {
  const here = quoted([cableDevice, 'lo'])
  return [
    chain('tunnels-in', 'filter', 'prerouting', 'raw', [
      `iifname != ${here} ip6 saddr ${tunnelNetwork} drop`,
      `iifname != ${here} ip6 daddr ${tunnelNetwork} drop`,
    ]),
    chain('tunnels-out', 'filter', 'postrouting', 'filter', [`oifname != ${here} ip6 daddr ${tunnelNetwork} drop`]),
  ].join('\n')
}

/** Packets that came by `device` are forwarded to `inside` only. */
export const onlyTo = (device: string, inside: readonly CIDR[]): string =>
  chain('only-to-clusters', 'filter', 'forward', 'filter - 10', [
    ...perFamily(inside).map(({ ip, blocks }) => `iifname "${device}" ${ip} daddr ${set(blocks)} accept`),
    `iifname "${device}" drop`,
  ])

/** Nothing on the node itself is open to other clusters but the pulse and ping: a remote pod is not a neighbour of our kubelet. */
export const notToNode = (device: string): string =>
  chain('not-to-node', 'filter', 'input', 'filter - 10', [
    `iifname "${device}" ct state established,related accept`,
    `iifname "${device}" meta l4proto { icmp, icmpv6 } accept`,
    `iifname "${device}" ip6 saddr ${tunnelNetwork} udp dport ${pulsePort} accept`,
    `iifname "${device}" drop`,
  ])
