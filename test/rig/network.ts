// The wires of a rig: a network namespace per node, one for the router between clusters, a veth pair from the machine to the router.
import { run } from '#hack/setup/run.ts'
import type { ClusterLayout, Layout, NodeLayout } from './layout.ts'
import { masqueradeRules } from './files.ts'

/** The command line that runs something in a network namespace. Not `ip netns exec`: it remounts /sys and hides the cgroups. */
export const inNetns = (netns: string): readonly string[] => ['nsenter', `--net=/run/netns/${netns}`]

export async function makeNetwork(layout: Layout, signal: AbortSignal): Promise<void> {
  const nodes = layout.clusters.flatMap((cluster) => cluster.nodes.map((node) => ({ cluster, node })))
  const { wan } = layout
  await ip([`netns add ${wan}`, ...nodes.map(({ node }) => `netns add ${node.netns}`)], signal)
  await ip(
    nodes.map(({ node }) => `link add eth0 netns ${node.netns} type veth peer name ${node.port} netns ${wan}`),
    signal,
  )
  await Promise.all([router(layout, signal), ...nodes.map(({ cluster, node }) => wireNode(cluster, node, signal))])
}

/** Takes the slot: fails if another rig has it. The router's end stays outside until there is a router. */
export async function claimSlot(name: string, signal: AbortSignal): Promise<boolean> {
  return run('ip', ['link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}p`], {}, signal).then(
    () => true,
    () => false,
  )
}

async function router({ wan, hostLink: { name, ends }, clusters }: Layout, signal: AbortSignal): Promise<void> {
  const inside = `${name}p`
  await ip([`link set ${inside} netns ${wan}`], signal)
  await ip(
    [
      'link set lo up',
      ...ends.map(({ router, prefix }) => `addr add ${router}/${prefix} dev ${inside}${nodad(router)}`),
      `link set ${inside} up`,
      ...clusters.flatMap((cluster) => [
        `link add ${cluster.bridge} type bridge`,
        ...cluster.underlay.map((u) => `addr add ${u.router}/${u.prefix} dev ${cluster.bridge}${nodad(u.router)}`),
        `link set ${cluster.bridge} up`,
        ...cluster.nodes.map(({ port }) => `link set ${port} master ${cluster.bridge} up`),
      ]),
    ],
    signal,
    wan,
  )
  await settings(wan, forwarding, signal)
  await ip(
    [
      ...ends.map(({ host, prefix }) => `addr add ${host}/${prefix} dev ${name}${nodad(host)}`),
      `link set ${name} up`,
      ...ends.map(({ underlay, router }) => `route add ${underlay} via ${router} dev ${name}`),
    ],
    signal,
  )
}

async function wireNode(cluster: ClusterLayout, node: NodeLayout, signal: AbortSignal): Promise<void> {
  const others = cluster.nodes.filter((other) => other !== node)
  await ip(
    [
      'link set lo up',
      ...node.addresses.map((address, f) => `addr add ${address}/${cluster.underlay[f]?.prefix ?? 0} dev eth0${nodad(address)}`),
      'link set eth0 up',
      ...cluster.underlay.map(({ router }) => `route add default via ${router}`),
      ...others.flatMap((other) => other.podCIDRs.map((block, f) => `route add ${block} via ${other.addresses[f] ?? ''}`)),
    ],
    signal,
    node.netns,
  )
  await settings(node.netns, [...forwarding, ...strict], signal)
  if (cluster.masquerade)
    await run('nsenter', [...inNetns(node.netns).slice(1), 'nft', '-f', '-'], { stdin: masqueradeRules(cluster) }, signal)
}

const forwarding = ['ipv4/ip_forward=1', 'ipv6/conf/all/forwarding=1']
/** Some distributions come like this, and what is not prepared for it breaks there. */
const strict = ['ipv4/conf/all/rp_filter=1', 'ipv4/conf/default/rp_filter=1']

const nodad = (address: string): string => (address.includes(':') ? ' nodad' : '')

async function settings(netns: string, list: readonly string[], signal: AbortSignal): Promise<void> {
  const script = list.map((setting) => setting.replace(/^(.*)=(.*)$/, 'echo $2 >/proc/sys/net/$1')).join('; ')
  await run('nsenter', [...inNetns(netns).slice(1), 'sh', '-ec', script], {}, signal)
}

/** Runs `ip` commands, in one process. */
async function ip(commands: readonly string[], signal: AbortSignal, netns?: string): Promise<void> {
  const args = netns === undefined ? ['-batch', '-'] : ['-n', netns, '-batch', '-']
  await run('ip', args, { stdin: `${commands.join('\n')}\n` }, signal)
}
