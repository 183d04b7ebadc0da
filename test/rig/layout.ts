// The address plan: a spec becomes plain values, names and addresses of everything. Pure.
// A rig has a slot, which only gives its underlay addresses; all else lies in its own network namespaces and may be alike in every rig.
import { join } from 'node:path'
import type { CIDR } from '#lib/net/cidr.ts'
import { addressAt, familyOf, parseCIDR } from '#lib/net/cidr.ts'
import type { IPFamily } from '#lib/net/ip.ts'
import { explain } from '#lib/std/result.ts'
import type { ClusterSpec, RigSpec } from './spec.ts'

/** Slots there are: as many rigs can run side by side. */
export const slots = 64

export interface Layout {
  readonly run: string
  readonly slot: number
  /** Short path, because sockets are in it; below it what must not outlive a reboot. */
  readonly runDir: string
  /** Everything large: databases, image stores, logs. On the disk of the cache, so that stores can be hard links. */
  readonly dataDir: string
  /** The router between the clusters. */
  readonly wan: string
  /** The veth pair from the machine into the router: kubeconfigs work from outside by it. The name of its outer end claims the slot. */
  readonly hostLink: { readonly name: string; readonly ends: readonly HostLinkEnds[] }
  readonly clusters: readonly ClusterLayout[]
}

/** One per family: the two addresses of the link, and all underlay addresses of the rig, which lie behind it. */
type HostLinkEnds = { readonly host: string; readonly router: string; readonly prefix: number; readonly underlay: string }

export interface ClusterLayout {
  readonly index: number
  readonly id: string
  readonly families: readonly IPFamily[]
  readonly podCIDRs: readonly CIDR[]
  readonly serviceCIDRs: readonly CIDR[]
  /** ClusterIPs, one per family. */
  readonly apiserverIPs: readonly string[]
  readonly dnsIPs: readonly string[]
  /** URL of the apiserver, reachable from all nodes of all clusters and from outside of the rig. */
  readonly server: string
  readonly masquerade: boolean
  /** The cluster's network on the router: its bridge, and its addresses with prefix, one per family. */
  readonly bridge: string
  readonly underlay: readonly { readonly network: string; readonly router: string; readonly prefix: number }[]
  readonly dir: string
  readonly nodes: readonly NodeLayout[]
}

export interface NodeLayout {
  readonly index: number
  readonly name: string
  readonly netns: string
  /** One per family of the cluster. */
  readonly addresses: readonly string[]
  readonly podCIDRs: readonly CIDR[]
  readonly lacks: readonly 'tun'[]
  /** Its port on the router's bridge. */
  readonly port: string
  /** Sockets and mount points. */
  readonly runDir: string
  /** Files. */
  readonly dir: string
}

export function layoutOf(spec: RigSpec, at: { run: string; slot: number; runDir: string; dataDir: string }): Layout {
  const [net, net6] = [64 + at.slot, `fd64:${hex(at.slot)}`]
  return {
    ...at,
    wan: `tmb-${at.run}-wan`,
    hostLink: {
      name: hostLinkName(at.slot),
      ends: [
        { host: `100.${net}.255.1`, router: `100.${net}.255.2`, prefix: 30, underlay: `100.${net}.0.0/16` },
        { host: `${net6}:ff::1`, router: `${net6}:ff::2`, prefix: 64, underlay: `${net6}::/32` },
      ],
    },
    clusters: spec.clusters.map((cluster, i) => clusterLayout(cluster, i + 1, at)),
  }
}

/** Making a device of this name succeeds for one process only. */
export const hostLinkName = (slot: number): string => `tombolo${slot}`

function clusterLayout(
  spec: ClusterSpec,
  index: number,
  at: { run: string; slot: number; runDir: string; dataDir: string },
): ClusterLayout {
  const { id, families = ['IPv4'], masquerade = true } = spec
  const pods = (
    spec.podCIDRs ?? families.map((f) => (f === 'IPv4' ? `10.${240 + index}.0.0/16` : `fd00:24${hex(index)}::/48`))
  ).map(cidr)
  const services = (
    spec.serviceCIDRs ?? families.map((f) => (f === 'IPv4' ? `10.${90 + index}.0.0/16` : `fd00:9${hex(index)}::/112`))
  ).map(cidr)
  const address = (family: IPFamily, n: number) =>
    family === 'IPv4' ? `100.${64 + at.slot}.${index}.${n}` : `fd64:${hex(at.slot)}:${hex(index)}::${hex(n)}`
  const nodes = Array.from({ length: spec.nodes ?? 2 }, (_, i): NodeLayout => {
    const n = i + 1
    const name = `${id}-${n}`
    return {
      index: n,
      name,
      netns: `tmb-${at.run}-${name}`,
      addresses: families.map((f) => address(f, n)),
      podCIDRs: pods.map((block) => subnetOf(block, n)),
      lacks: (spec.lacks ?? []).filter(({ node }) => node === n).map(({ what }) => what),
      port: `p${index}-${n}`,
      runDir: join(at.runDir, `${index}-${n}`),
      dir: join(at.dataDir, name),
    }
  })
  const [first] = nodes
  const host = first?.addresses[0] ?? ''
  return {
    index,
    id,
    families,
    podCIDRs: pods,
    serviceCIDRs: services,
    apiserverIPs: services.map((block) => nth(block, 1n)),
    dnsIPs: services.map((block) => nth(block, 10n)),
    server: `https://${host.includes(':') ? `[${host}]` : host}:6443`,
    masquerade,
    bridge: `br${index}`,
    underlay: families.map((f) => ({
      network: `${address(f, 0)}/${f === 'IPv4' ? 24 : 64}`,
      router: address(f, 254),
      prefix: f === 'IPv4' ? 24 : 64,
    })),
    dir: join(at.dataDir, id),
    nodes,
  }
}

/** Prefix length of a node's share of the pod network. */
const sharePrefix: Readonly<Record<IPFamily, number>> = { IPv4: 24, IPv6: 64 }

function subnetOf(block: CIDR, n: number): CIDR {
  const family = familyOf(block)
  const size = family === 'IPv4' ? 1n << 8n : 1n << 64n
  const start = addressAt(block, BigInt(n) * size)
  if (start === undefined) throw new Error(`${block} has no room for node ${n}: give a larger podCIDR`)
  return cidr(`${start}/${sharePrefix[family]}`)
}

function nth(block: CIDR, n: bigint): string {
  const address = addressAt(block, n)
  if (address === undefined) throw new Error(`${block} is too small: it has no address ${n}`)
  return address
}

function cidr(text: string): CIDR {
  const parsed = parseCIDR(text)
  if (!parsed.ok) throw new Error(explain(parsed.error))
  return parsed.value
}

const hex = (n: number): string => n.toString(16)
