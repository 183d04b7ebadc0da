// What the network of each node is: devices, our rules and routes, packet filters, and how kube-proxy works there.
import { ourProtocol, parseAddresses, parseLinks, parseRoutes, parseRules } from '#lib/host/ip.ts'
import type { Agent } from './agents.ts'
import { agentsOf, askEach } from './agents.ts'
import type { Probe } from './probe.ts'
import type { NodeNetwork } from './probed.ts'

export const readNetworks: Probe = {
  subjects: ['connections', 'firewall', 'kube-proxy'],
  run: async (seen, exec, signal) => {
    const asked = await askEach(
      agentsOf(seen),
      exec,
      () => ['bash', '-c', script],
      (agent, printed) => [parseNetwork(agent, addressOf(agent), printed)],
      signal,
    )
    return { networks: asked.facts, failed: asked.failed }

    function addressOf({ node }: Agent): readonly string[] {
      return seen.platform.nodes.find((n) => n.name === node)?.addresses ?? []
    }
  },
}

const between = '=== next ==='
/** On the loopback of the node's own family. */
const ask =
  'for host in 127.0.0.1 ::1; do exec 3<>/dev/tcp/$host/10249 && printf "GET /proxyMode HTTP/1.0\\r\\n\\r\\n" >&3 && timeout 2 cat <&3 && break; done'
const routesOf = (family: '-4' | '-6') => `ip ${family} -j route show table all proto ${ourProtocol}`
/** One program a node, as starting one costs more than what it does. */
const script = [
  'ip -j -d link show',
  'ip -j addr show',
  'ip -4 -j rule show',
  'ip -6 -j rule show',
  routesOf('-4'),
  routesOf('-6'),
  'nft list tables',
  `(${ask}) 2>/dev/null || true`,
].join(`\necho '${between}'\n`)

export function parseNetwork({ node }: Pick<Agent, 'node'>, nodeAddresses: readonly string[], printed: string): NodeNetwork {
  const [links = '', addresses = '', rules4 = '', rules6 = '', routes4 = '', routes6 = '', tables = '', proxy = ''] =
    printed.split(`${between}\n`)
  const devices = parseLinks(links).map(({ name, mtu }) => ({ name, mtu }))
  const dev = parseAddresses(addresses).find((a) => nodeAddresses.includes(a.address.split('/')[0] ?? ''))?.dev
  return {
    node,
    links: devices,
    underlay: devices.find((d) => d.name === dev),
    nftTables: [...tables.matchAll(/^table inet (\S+)$/gm)].map(([, name = '']) => name),
    rules: [...parseRules(rules4, 'IPv4'), ...parseRules(rules6, 'IPv6')],
    routes: [...parseRoutes(routes4, 'IPv4'), ...parseRoutes(routes6, 'IPv6')],
    proxyMode: /^HTTP\/1\.\d 200[^]*\r\n\r\n(\w+)/.exec(proxy)?.[1],
  }
}
