// Packet filters that hold even when no program of ours runs: nothing for another cluster leaves in clear, and what comes out of a
// cable reaches pods and nothing else. As chains of nft; the programs put them into their tables.
import type { NftChain } from '#lib/host/nft.ts'
import { chain, set } from '#lib/host/nft.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import { familyOf } from '#lib/net/cidr.ts'
import { tunnelNetwork } from '#lib/net/keys.ts'
import type { CableName } from '#crds/fields.ts'
import { cableDevices, ourDevices, pulsePort } from './data-plane.ts'

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

/** How packets between clusters leave a node. */
export type WaysOut = {
  readonly cables: readonly CableName[]
  /** Whether the kernel has IPsec of its own; one that does not knows no rule about it. */
  readonly kernelHasIPsec: boolean
}

/**
 * Goes before `drop` in rules on what leaves by other devices. A packet that the kernel will encrypt is seen twice: as it goes into the
 * cable's device, and then, still in clear, as if it left by the device that its ESP will take.
 */
const unlessEncrypted = ({ cables, kernelHasIPsec }: WaysOut): string =>
  kernelHasIPsec && cables.includes('ipsec') ? ' rt ipsec missing' : ''

/**
 * Packets for another cluster leave by our devices or not at all. At postrouting, because only there the device is the one that the
 * packet takes after its destination was translated; reject is not to be had there, but the routes answer first (metric.nowhere).
 */
export const onlyThroughCables = (remote: readonly CIDR[], ways: WaysOut): NftChain =>
  chain(
    'only-through-cables',
    'filter',
    'postrouting',
    'filter',
    perFamily(remote).map(
      ({ ip, blocks }) => `${ip} daddr ${set(blocks)} oifname != ${quoted(ourDevices(ways.cables))}${unlessEncrypted(ways)} drop`,
    ),
  )

/**
 * Who is heard on a tunnel address has proven its key: so nothing comes from or goes to such an address but through a cable, or from
 * the node to itself. Linux would take a packet for one of its addresses from any device, also from the street.
 */
export const tunnelsOnlyThroughCables = (ways: WaysOut): readonly NftChain[] => {
  const here = quoted([...ways.cables.map((cable) => cableDevices[cable]), 'lo'])
  return [
    chain('tunnels-in', 'filter', 'prerouting', 'raw', [
      `iifname != ${here} ip6 saddr ${tunnelNetwork} drop`,
      `iifname != ${here} ip6 daddr ${tunnelNetwork} drop`,
    ]),
    chain('tunnels-out', 'filter', 'postrouting', 'filter', [
      `oifname != ${here} ip6 daddr ${tunnelNetwork}${unlessEncrypted(ways)} drop`,
    ]),
  ]
}

/** Packets that came by these devices are forwarded to `inside` only. */
export const onlyTo = (devices: readonly string[], inside: readonly CIDR[]): NftChain =>
  chain('only-to-clusters', 'filter', 'forward', 'filter - 10', [
    ...perFamily(inside).map(({ ip, blocks }) => `iifname ${quoted(devices)} ${ip} daddr ${set(blocks)} accept`),
    `iifname ${quoted(devices)} drop`,
  ])

/** Nothing on the node itself is open to other clusters but the pulse and ping: a remote pod is not a neighbour of our kubelet. */
export const notToNode = (devices: readonly string[]): NftChain =>
  chain('not-to-node', 'filter', 'input', 'filter - 10', [
    `iifname ${quoted(devices)} ct state established,related accept`,
    `iifname ${quoted(devices)} meta l4proto { icmp, icmpv6 } accept`,
    `iifname ${quoted(devices)} ip6 saddr ${tunnelNetwork} udp dport ${pulsePort} accept`,
    `iifname ${quoted(devices)} drop`,
  ])
