// Clusters without Kubernetes, for tests of the data plane: nodes and a pod on each as namespaces, a CNI that masquerades, both families for
// pods and IPv4 for nodes. Cluster number N has 172.29.N.0/24 for nodes, 10.24N.0.0/16 and fd00:24N::/32 for pods; clusters meet in `wan`.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { parseCIDR } from '#lib/net/cidr.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import type { Machine, Machines } from './netns.ts'

export type PlainNode = {
  readonly machine: Machine
  readonly pod: Machine
  readonly name: string
  readonly address: string
  readonly podCIDRs: readonly CIDR[]
  /** The pod's addresses, IPv4 first. */
  readonly pods: readonly [string, string]
  /** The node's own among pods. */
  readonly bridge: readonly [string, string]
}

export type PlainCluster<Nodes extends readonly PlainNode[] = readonly PlainNode[]> = {
  readonly id: string
  readonly mtu: number
  readonly podCIDRs: readonly CIDR[]
  readonly serviceCIDRs: readonly CIDR[]
  /** Its address in `wan`, which the nodes reach whatever becomes of the data plane. */
  readonly router: string
  readonly nodes: Nodes
}

type Shape = { readonly id: string; readonly number: number; readonly mtu: number }

export async function plainCluster<const Names extends readonly string[]>(
  rig: Machines,
  wan: Machine,
  { id, number, mtu }: Shape,
  names: Names,
): Promise<PlainCluster<{ readonly [K in keyof Names]: PlainNode }>> {
  const router = `172.29.${number}.254`
  await wan.sh(`
    sysctl -qw net.ipv4.ip_forward=1
    ip link add br${number} mtu ${mtu} type bridge; ip addr add ${router}/24 dev br${number}; ip link set br${number} up
  `)
  const range = [`10.24${number}.0.0/16`, `fd00:24${number}::/32`] as const
  const numbers = names.map((_, i) => i + 1)
  const nodes = await Promise.all(
    names.map(async (name, i): Promise<PlainNode> => {
      const n = i + 1
      const [machine, pod] = await Promise.all([rig.add(name), rig.add(`${name}-pod`)])
      const address = `172.29.${number}.${n}`
      const prefixes = [`10.24${number}.${n}`, `fd00:24${number}:${n}`] as const
      const bridge = [`${prefixes[0]}.1`, `${prefixes[1]}::1`] as const
      const pods = [`${prefixes[0]}.10`, `${prefixes[1]}::10`] as const
      const others = numbers.filter((other) => other !== n)
      // As on many a node: no IPv6 but where somebody asks for it.
      await machine.sh('sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1')
      await rig.join(wan, `n${number}-${n}`, machine, 'eth0')
      await wan.sh(`ip link set n${number}-${n} mtu ${mtu} master br${number}`)
      await rig.join(machine, 'veth0', pod, 'eth0')
      await machine.sh(`
        sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.default.rp_filter=1 net.ipv4.conf.eth0.rp_filter=1
        sysctl -qw net.ipv6.conf.all.forwarding=1 net.ipv6.conf.veth0.disable_ipv6=0 net.ipv6.conf.eth0.disable_ipv6=0
        ip link set eth0 mtu ${mtu}; ip addr add ${address}/24 dev eth0; ip route add default via ${router}
        ip addr add ${bridge[0]}/24 dev veth0; ip addr add ${bridge[1]}/48 dev veth0 nodad
        ip addr add fd72:${number}::${n}/64 dev eth0 nodad
        ${others.map((o) => `ip route add 10.24${number}.${o}.0/24 via 172.29.${number}.${o}`).join('; ')}
        ${others.map((o) => `ip route add fd00:24${number}:${o}::/48 via fd72:${number}::${o}`).join('; ')}
        nft -f - <<'NFT'
${masquerade('ip', range[0])}
${masquerade('ip6', range[1])}
NFT
      `)
      await pod.sh(`
        ip addr add ${pods[0]}/24 dev eth0; ip route add default via ${bridge[0]}
        ip addr add ${pods[1]}/48 dev eth0 nodad; ip route add default via ${bridge[1]}
      `)
      return { machine, pod, name, address, podCIDRs: [`${prefixes[0]}.0/24`, `${prefixes[1]}::/48`].map(cidr), pods, bridge }
    }),
  )
  return {
    id,
    mtu,
    router,
    podCIDRs: range.map(cidr),
    serviceCIDRs: [cidr(`10.9${number}.0.0/16`)],
    nodes: nodes as { readonly [K in keyof Names]: PlainNode },
  }
}

/** From pods of one cluster to pods of the other. */
export const crossing = (
  [
    ['ip', '10.241.0.0/16', '10.242.0.0/16'],
    ['ip6', 'fd00:241::/32', 'fd00:242::/32'],
  ] as const
).flatMap(([ip, a, b]) => [`${ip} saddr ${a} ${ip} daddr ${b}`, `${ip} saddr ${b} ${ip} daddr ${a}`])

/** A script that counts packets in the table `seen`. */
export const count = (hook: string, ...matches: readonly string[]): string => `nft -f - <<'NFT'
table inet seen {
  chain ${hook} {
    type filter hook ${hook} priority filter; policy accept;
${matches.map((match) => `    ${match} counter`).join('\n')}
  }
}
NFT`

/** What flannel and many others do: hide pods from the world and the world from pods. */
const masquerade = (ip: 'ip' | 'ip6', pods: string): string => `table ${ip} cni {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ${ip} saddr ${pods} ${ip} daddr != ${pods} masquerade
    ${ip} saddr != ${pods} ${ip} daddr ${pods} masquerade
  }
}`

function cidr(text: string): CIDR {
  const parsed = parseCIDR(text)
  assert.ok(parsed.ok, text)
  return parsed.value
}

export async function ping(from: Machine, address: string, count = 2): Promise<void> {
  await from.sh(`ping -c ${count} -i 0.05 -W 2 ${address} 2>&1 || { ping -c 1 -W 2 ${address} 2>&1; false; } >&2`)
}

/** The address under which `client` is seen by a server in `server`, reached at `address`. */
export async function callerSeenBy(server: Machine, client: Machine, address: string): Promise<string> {
  await using listener = await answerWithCaller(server)
  return await listener.callFrom(client, address)
}

export type Listener = AsyncDisposable & { callFrom(client: Machine, address: string): Promise<string> }

const answerPort = 8080

/** A server that tells every caller the address it came from. */
export async function answerWithCaller(machine: Machine): Promise<Listener> {
  const program = `require('net').createServer((s) => s.end(s.remoteAddress)).listen(${answerPort}, '::', () => console.log('up'))`
  const server = spawn('nsenter', [`--net=/run/netns/${machine.netns}`, process.execPath, '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(server.stdout, 'data')
  return {
    callFrom: async (client, address) =>
      (await client.sh(`timeout 2 bash -c 'exec 3<>/dev/tcp/${address}/${answerPort}; cat <&3'`)).trim().replace('::ffff:', ''),
    [Symbol.asyncDispose]: async () => {
      const ended = once(server, 'exit')
      server.kill('SIGKILL')
      await ended
    },
  }
}
