// From what is known of the cluster and its peers to what this node's network must be. Pure; the shape of the whole data plane is here.
//
//   worker            pod ── table 7300: remote block via the active gateway's node, vx-tombolo
//   gateway's node    vx-tombolo ── table 7300: remote block dev tmb-wg (the gateway's route) ── cable
//                     cable ── rule iif tmb-wg ── table 7301: a node's pod block via that node, vx-tombolo
//
// Both directions use the overlay, so reverse path filters see each packet come from where its answer would go.
import type { CableName } from '#crds/fields.ts'
import { macOf, linkLocalOf } from '#lib/net/mac.ts'
import type { Address, Forwarding, Link, Neighbour, Route, Rule } from '#lib/host/ip.ts'
import type { Network } from '#lib/host/network.ts'
import type { Sysctl } from '#lib/host/sysctl.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import { contains, familyOf, hostBlock } from '#lib/net/cidr.ts'
import type { Announced, Refusal } from '../admission.ts'
import { admit } from '../admission.ts'
import {
  cableDevices,
  dummyAddress,
  metric,
  mtuOver,
  narrowest,
  overlayDevice,
  overlayID,
  overlayMtu,
  overlayOverhead,
  overlayPort,
  remoteTable,
  returnTable,
  rulePriority,
} from '../data-plane.ts'
import type { Machine } from '../machine.ts'
import { agentRules } from './rules.ts'

/** `podCIDRs` is empty where the CNI does not take its blocks from the Node object. */
export type NodeFacts = { readonly name: string; readonly address: string; readonly podCIDRs: readonly CIDR[] }

export type AgentFacts = {
  /** This node's name. */
  readonly self: string
  /** Kinds of cables that the cluster's gateways have. */
  readonly cables: readonly CableName[]
  readonly nodes: readonly NodeFacts[]
  /** Names of the nodes that run a gateway. */
  readonly gateways: readonly string[]
  /** The one that carries traffic; undefined before there ever was one. */
  readonly active: string | undefined
  readonly own: { readonly podCIDRs: readonly CIDR[]; readonly serviceCIDRs: readonly CIDR[] }
  readonly announced: readonly Announced[]
  readonly machine: Machine
}

export type AgentPlan = { readonly network: Network; readonly refused: readonly Refusal[] }

export function planAgent(facts: AgentFacts): AgentPlan {
  const self = facts.nodes.find((n) => n.name === facts.self)
  if (self === undefined) throw new Error(`there is no node ${facts.self} with an internal address`)
  const nodeBlocks = facts.nodes.map((n) => hostBlock(n.address))
  const { remotes, refused } = admit([...facts.own.podCIDRs, ...facts.own.serviceCIDRs, ...nodeBlocks], facts.announced)
  const remote = remotes.flatMap((r) => r.podCIDRs)
  const others = facts.nodes.filter((n) => n !== self)
  const isGateway = facts.gateways.includes(self.name)
  // A worker talks to gateways only; so a node that comes or goes changes nothing on the other workers.
  const peers = isGateway ? others : others.filter((n) => facts.gateways.includes(n.name))
  const active = others.find((n) => n.name === facts.active)
  const network: Network = {
    links: [overlay(self, facts.machine)],
    addresses: [
      { dev: overlayDevice, address: `${linkLocalOf(macOf(self.address))}/64` },
      dummyAddress(overlayDevice),
    ] satisfies Address[],
    neighbours: peers.map(neighbourOf),
    forwardings: peers.map(forwardingOf),
    rules: families.flatMap((family) => [
      ...(isGateway
        ? facts.cables.map((cable): Rule => ({
            family,
            priority: rulePriority[returnTable],
            table: returnTable,
            iif: cableDevices[cable],
          }))
        : []),
      { family, priority: rulePriority[remoteTable], table: remoteTable } satisfies Rule,
    ]),
    routes: [
      ...(active === undefined ? [] : remote.map((to) => overlayRoute(to, remoteTable, active))),
      // Without a gateway a packet is answered with "unreachable" at once; it must not follow the default route into the open.
      ...remote.map((to): Route => ({ to, table: remoteTable, metric: metric.nowhere, target: { kind: 'unreachable' } })),
      ...(isGateway ? others.flatMap((node) => node.podCIDRs.map((to) => overlayRoute(to, returnTable, node))) : []),
    ],
    sysctls: sysctls(self, facts),
    nft: [
      agentRules({
        cables: facts.cables,
        kernelHasIPsec: facts.machine.kernelHasIPsec,
        own: facts.own.podCIDRs,
        remote,
        nodes: nodeBlocks,
        overlayPeers: peers.map((n) => n.address),
        nodeSources: nodeSources(self, facts),
        beyond: isGateway ? others.flatMap((node) => node.podCIDRs) : [],
        mtu: narrowest(facts.cables, facts.machine.underlay.mtu),
      }),
    ],
  }
  return { network, refused }
}

/** A quarter of a second of 1 Gbit/s. */
const waitingBytes = 32 * 2 ** 20

const families = ['IPv4', 'IPv6'] as const

function overlay(self: NodeFacts, { underlay }: Machine): Link {
  const overhead = self.address.includes(':') ? overlayOverhead.IPv6 : overlayOverhead.IPv4
  return {
    name: overlayDevice,
    kind: 'vxlan',
    mtu: mtuOver(underlay.mtu, overhead, overlayMtu),
    up: true,
    mac: macOf(self.address),
    vxlan: { id: overlayID, port: overlayPort, local: self.address, underlay: underlay.dev },
  }
}

const neighbourOf = (node: NodeFacts): Neighbour => ({
  dev: overlayDevice,
  address: linkLocalOf(macOf(node.address)),
  mac: macOf(node.address),
})

const forwardingOf = (node: NodeFacts): Forwarding => ({ dev: overlayDevice, mac: macOf(node.address), to: node.address })

const overlayRoute = (to: CIDR, table: number, node: NodeFacts): Route => ({
  to,
  table,
  metric: metric.overlay,
  target: { kind: 'device', dev: overlayDevice, gateway: linkLocalOf(macOf(node.address)) },
})

function sysctls(self: NodeFacts, { own, machine }: AgentFacts): readonly Sysctl[] {
  const v4 = (dev: string, name: string, value: string): Sysctl => ({ key: `net/ipv4/conf/${dev}/${name}`, value })
  const v6 = (dev: string, name: string, value: string): Sysctl => ({ key: `net/ipv6/conf/${dev}/${name}`, value })
  return [
    { key: 'net/ipv4/ip_forward', value: '1' },
    ...(own.podCIDRs.some((c) => familyOf(c) === 'IPv6') ? [v6('all', 'forwarding', '1')] : []),
    // Loose: between a change of the gateway here and on the gateway itself, packets come by another way than they would leave.
    v4(overlayDevice, 'rp_filter', '2'),
    // A node whose pod block is not in its Node object gets packets from other clusters by the CNI's routes, while their answers leave by
    // the overlay. A strict filter on the underlay would drop them.
    ...(self.podCIDRs.length === 0 ? [v4(machine.underlay.dev, 'rp_filter', '2')] : []),
    v6(overlayDevice, 'disable_ipv6', '0'),
    // What waits while the lead is handed over (hand-over/routes.ts).
    { key: `net/ipv6/neigh/${overlayDevice}/unres_qlen_bytes`, value: String(waitingBytes) },
    // Nobody on the overlay may announce himself as a router.
    v6(overlayDevice, 'accept_ra', '0'),
    v6(overlayDevice, 'accept_redirects', '0'),
  ]
}

/** One address a family that the node has among pods, its own block's first: bridges and `ptp` devices of CNIs carry one. */
function nodeSources(self: NodeFacts, { own, machine }: AgentFacts): readonly string[] {
  const within = (blocks: readonly CIDR[]) =>
    machine.addresses.filter((a) => blocks.some((block) => contains(block, a))).toSorted()
  const found = [...within(self.podCIDRs), ...within(own.podCIDRs)]
  const v4 = found.find((a) => !a.includes(':'))
  const v6 = found.find((a) => a.includes(':'))
  return [v4, v6].filter((a) => a !== undefined)
}
