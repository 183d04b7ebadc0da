// Names and numbers of the data plane. Gateway and agent of a node, and gateways of different clusters, must agree on them.
import type { CableName } from '#crds/fields.ts'
import type { Address } from '#lib/host/ip.ts'

/** The devices of the cables; made by the gateway. kernel-libipsec lets nobody choose the name of its own, so the kernel's ESP has the same. */
export const cableDevices = { wireguard: 'tmb-wg', ipsec: 'ipsec0' } as const satisfies Record<CableName, string>
/** The overlay between the nodes of a cluster, over which packets get to the gateway and back; made by the agent. */
export const overlayDevice = 'vx-tombolo'
/** By which packets between clusters may come and go on a node whose cluster has these cables. */
export const ourDevices = (cables: readonly CableName[]): readonly string[] => [
  ...cables.map((cable) => cableDevices[cable]),
  overlayDevice,
]

/**
 * The most a device takes, and what goes around it, over IPv6. WireGuard: 80 bytes of 1500. ESP in UDP with AES-GCM: 85 at most; and its
 * user space implementation takes no more than 1400, whatever the device is told.
 */
export const cableSize = {
  wireguard: { mtu: 1420, overhead: 80 },
  ipsec: { mtu: 1400, overhead: 100 },
} as const satisfies Record<CableName, { readonly mtu: number; readonly overhead: number }>
/** What the narrowest of the cables takes, over this underlay. */
export const narrowest = (cables: readonly CableName[], underlay: number): number =>
  Math.min(...cables.map((cable) => Math.min(cableSize[cable].mtu, underlay - cableSize[cable].overhead)))

/**
 * The IPv4 dummy address of RFC 7600 §4.8, which nobody sends from or to. On a device without any IPv4 address Linux takes a loose reverse path
 * filter for a strict one: it would drop what comes by one of our devices while the answer would leave by another.
 */
export const dummyAddress = (dev: string): Address => ({ dev, address: '192.0.0.8/32', scope: 'link' })

/** VXLAN over IPv4 takes 50 bytes, over IPv6 70. */
export const overlayMtu = 1450
export const overlayOverhead = { IPv4: 50, IPv6: 70 } as const
/** IPv6 works on no device with less (RFC 8200 §5), and ours have IPv6 addresses; on so narrow an underlay packets are cut outside. */
const leastMtu = 1280
/** Of a device whose packets are wrapped and sent over another one. */
export const mtuOver = (underlay: number, overhead: number, most: number): number =>
  Math.max(leastMtu, Math.min(most, underlay - overhead))
export const overlayID = 7300
/** Of the XFRM interface, and of all states and policies of ours. */
export const espNumber = 7300
export const overlayPort = 4800

/** Where a node looks at last, and for tunnel addresses first of all. */
export const mainTable = 254
/** Where packets for other clusters go. Looked up before the main table, which has local addresses and the CNI's routes. */
export const remoteTable = 7300
/** Where packets go that came out of a cable: back over the overlay, the way the other direction takes. */
export const returnTable = 7301
/** The rule for what comes out of a cable must come first. */
export const rulePriority = { [returnTable]: 7299, [remoteTable]: 7300 } as const

/** Of several routes to a block the lowest metric wins: the one of the gateway on this node, then to the gateway's node, then nowhere. */
export const metric = { cable: 10, overlay: 20, nowhere: 9000 } as const

export const pulsePort = 4790
export const agentTable = 'tombolo-agent'
export const gatewayTable = 'tombolo-gateway'
