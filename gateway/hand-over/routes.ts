// Where a gateway's routes to other clusters lead: into its cables, to another gateway of its cluster, or for a moment nowhere, while what
// comes waits. It waits in the kernel's queue for a neighbour whose link address is not known: asked for one that nobody is, the kernel
// keeps what is for it, in order, for three seconds, and sends it on when told the address. What comes while it does so may overtake.
import type { Neighbour, Route, RouteTarget } from '#lib/host/ip.ts'
import { dropNeighbour, putNeighbour } from '#lib/host/ip.ts'
import type { NetworkChange } from '#lib/host/network.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import { linkLocalOf, macOf } from '#lib/net/mac.ts'
import { metric, overlayDevice, remoteTable } from '../data-plane.ts'
import type { Lead } from './lead.ts'

/** `address`: of the other gateway's node. */
export type Way =
  | { readonly to: 'cables' }
  | { readonly to: 'sibling'; readonly address: string }
  | { readonly to: 'wait' }
  /** As the agent of the node has it. */
  | { readonly to: 'agent' }

/** No node has it: theirs are made of link addresses (lib/net/mac.ts). */
const nobody = 'fe80::7300'

/** `addressOf`: of a node of this cluster; undefined if there is none of that name. */
export function wayOf(lead: Lead, addressOf: (node: string) => string | undefined): Way {
  const by = (node: string): Way => {
    const address = addressOf(node)
    return address === undefined ? { to: 'agent' } : { to: 'sibling', address }
  }
  switch (lead.at) {
    case 'Leading':
      return { to: 'cables' }
    case 'Holding':
      return { to: 'wait' }
    case 'Given':
      return by(lead.to.node)
    // The agent may not have heard yet that the one leads from whom the lead is being taken.
    case 'Taking':
    case 'Announcing':
      return by(lead.from)
    case 'Standby':
      return { to: 'agent' }
  }
}

/** `cable`: to the cluster that these blocks belong to, and what passes through it whole where that is less than its device takes. */
export function routesTo(
  remote: readonly CIDR[],
  cable: { readonly dev: string; readonly mtu?: number },
  way: Way,
): readonly Route[] {
  const target = targetOf(way, cable)
  return target === undefined ? [] : remote.map((to) => ({ to, table: remoteTable, metric: metric.cable, target }))
}

function targetOf(way: Way, cable: Parameters<typeof routesTo>[1]): RouteTarget | undefined {
  switch (way.to) {
    case 'cables':
      return { kind: 'device', ...cable }
    case 'sibling':
      return { kind: 'device', dev: overlayDevice, gateway: linkLocalOf(macOf(way.address)) }
    case 'wait':
      return { kind: 'device', dev: overlayDevice, gateway: nobody }
    case 'agent':
      return undefined
  }
}

/** What waits goes on to the node of that address. New routes must follow, and then `forget`. */
export const endWaiting = (address: string): NetworkChange => ({ with: 'ip -6', lines: [putNeighbour(nobodyAt(address))] })

/** The next time nobody must have an address again, or nothing would wait. */
export const forgetWaiting = (address: string): NetworkChange => ({ with: 'ip -6', lines: [dropNeighbour(nobodyAt(address))] })

const nobodyAt = (address: string): Neighbour => ({ dev: overlayDevice, address: nobody, mac: macOf(address) })
