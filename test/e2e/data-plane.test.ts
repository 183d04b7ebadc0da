// The data plane without Kubernetes: two clusters of two nodes as namespaces, with a CNI that masquerades, planners and drivers applied
// as gateway and agent apply them, and packets from a pod to a pod.
//
//   pod 10.241.2.10 ─ east-2 ─ vx-tombolo ─ east-1 ═ tmb-wg ═ west-1 ─ vx-tombolo ─ west-2 ─ pod 10.242.2.10
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { parseCIDR } from '#lib/net/cidr.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import { applyNetwork, planNetwork, readNetwork } from '#lib/host/network.ts'
import { logger } from '#lib/std/log.ts'
import type { CableDriver } from '../../gateway/cable/driver.ts'
import { drivers } from '../../gateway/cable/drivers.ts'
import { cableDevice, cableMtu } from '../../gateway/data-plane.ts'
import type { GatewayPlan } from '../../gateway/engine.ts'
import { planGateway } from '../../gateway/engine.ts'
import { gatewayOwns } from '../../gateway/ownership.ts'
import { applyAgent, cleanUp } from '../../gateway/agent/apply.ts'
import { readMachine } from '../../gateway/agent/machine.ts'
import { planAgent } from '../../gateway/agent/plan.ts'
import type { Machine, Machines } from '../kit/netns.ts'
import { machines, noMachines, processesIn } from '../kit/netns.ts'

const signal = AbortSignal.timeout(120_000)
const log = logger('test', 'silent')

type Node = {
  readonly machine: Machine
  readonly pod: Machine
  readonly name: string
  readonly address: string
  readonly podCIDR: CIDR
}
type Cluster = { readonly id: string; readonly podCIDR: CIDR; readonly serviceCIDR: CIDR; readonly nodes: readonly [Node, Node] }

suite('the data plane between two clusters', function () {
  this.timeout(120_000)
  let rig: Machines
  let wan: Machine
  let east: Cluster
  let west: Cluster
  let cables: Map<Cluster, CableDriver>

  suiteSetup(async function () {
    if (noMachines() !== undefined) this.skip()
    rig = machines('dp')
    wan = await rig.add('wan')
    await wan.sh(count('forward', 'ip saddr 10.240.0.0/12'))
    ;[east, west] = [await cluster(rig, wan, 'east', 1), await cluster(rig, wan, 'west', 2)]
    cables = new Map([
      [east, await driver(east)],
      [west, await driver(west)],
    ])
    for (const [here, there] of [
      [east, west],
      [west, east],
    ] as const) {
      await gateway(here, there)
      for (const node of here.nodes) await agent(here, there, node)
    }
  })

  suiteTeardown(async () => {
    for (const cable of cables.values()) await cable[Symbol.asyncDispose]()
    await rig[Symbol.asyncDispose]()
  })

  test('pods of all nodes reach pods of all nodes of the other cluster', async () => {
    for (const from of east.nodes) for (const to of west.nodes) await ping(from.pod, podAddress(to))
    for (const from of west.nodes) for (const to of east.nodes) await ping(from.pod, podAddress(to))
  })

  test('a pod sees the address of the pod that called it, although the CNI masquerades what leaves its range', async () => {
    for (const to of west.nodes)
      assert.equal(await callerSeenBy(to.pod, east.nodes[1].pod, podAddress(to)), podAddress(east.nodes[1]))
    assert.equal(await callerSeenBy(east.nodes[1].pod, west.nodes[0].pod, podAddress(east.nodes[1])), podAddress(west.nodes[0]))
  })

  test('a node itself reaches pods of the other cluster, under its pod address', async () => {
    const [, to] = west.nodes
    for (const from of east.nodes) await ping(from.machine, podAddress(to))
    assert.equal(await callerSeenBy(to.pod, east.nodes[1].machine, podAddress(to)), '10.241.2.1')
  })

  test('TCP segments fit the cable, whichever side opens the connection', async () => {
    const [, to] = west.nodes
    const [, from] = east.nodes
    const counting = count('input', `tcp flags syn / syn,rst tcp option maxseg size ${cableMtu - 40}`)
    for (const pod of [from.pod, to.pod]) await pod.sh(counting)
    await callerSeenBy(to.pod, from.pod, podAddress(to))
    for (const pod of [from.pod, to.pod]) assert.match(await pod.sh('nft list table inet seen'), /counter packets 1 /)
  })

  test('a pod reaches no port of a node of the other cluster', async () => {
    const [node] = west.nodes
    await using listener = await answerWithCaller(node.machine)
    assert.equal(await listener.callFrom(node.pod, '10.242.1.1'), podAddress(node), 'a pod of its own cluster does')
    await assert.rejects(listener.callFrom(east.nodes[1].pod, '10.242.1.1'))
  })

  test('a second pass finds nothing to do', async () => {
    for (const [here, there] of [
      [east, west],
      [west, east],
    ] as const) {
      for (const node of here.nodes) assert.deepEqual(await agent(here, there, node), [])
      assert.deepEqual(await gateway(here, there), [])
    }
  })

  test('without its device nothing for the other cluster leaves the gateway’s node in clear', async () => {
    const [gatewayNode] = east.nodes
    await gatewayNode.machine.sh(`ip link set ${cableDevice} down`)
    const answer = await east.nodes[1].pod.sh(`ping -c 1 -W 2 ${podAddress(west.nodes[0])} 2>&1 || true`)
    assert.match(answer, /Unreachable/)
    // Nor when somebody has flushed the routes: then the packet filter holds it.
    await gatewayNode.machine.sh('ip route flush table 7300; ip route flush table 7301')
    await assert.rejects(ping(gatewayNode.pod, podAddress(west.nodes[0])))
    await agent(east, west, gatewayNode)
    await gateway(east, west)
    await ping(east.nodes[1].pod, podAddress(west.nodes[0]))
  })

  test('a wireguard-go that was killed is started again with all its cables', async () => {
    const [gatewayNode] = east.nodes
    const daemons = () => processesIn(gatewayNode.machine).filter(({ command }) => command === 'wireguard-go')
    const [killed, ...others] = daemons()
    assert.ok(killed !== undefined && others.length === 0)
    process.kill(killed.pid, 'SIGKILL')
    await gateway(east, west)
    assert.notEqual(daemons()[0]?.pid, killed.pid)
    await ping(east.nodes[1].pod, podAddress(west.nodes[0]))
  })

  test('in all of this no packet between pods crossed the wide area network in clear', async () => {
    assert.match(await wan.sh('nft list table inet seen'), /counter packets 0 /)
  })

  test('cleaning up leaves nothing of ours on a node', async () => {
    const [node] = east.nodes
    await cables.get(east)?.[Symbol.asyncDispose]()
    await cleanUp(node.machine.host, node.machine.dir, signal)
    const left = await node.machine.sh(
      `ip link; ip rule; ip -6 rule; ip route show table all; ip -6 route show table all; nft list ruleset; ls ${node.machine.dir} 2>&1 || true`,
    )
    assert.doesNotMatch(left, /tmb-wg|vx-tombolo|730[01]|tombolo-/)
    assert.match(left, /No such file/)
  })

  async function driver(here: Cluster): Promise<CableDriver> {
    const { host, dir } = here.nodes[0].machine
    const make = drivers.wireguard
    return make({ host, device: cableDevice, stateDir: dir, port: 51820, mtu: cableMtu, onLost: () => undefined, log }, signal)
  }

  /** As gateway/main.ts does it; what it had to change besides cables. */
  async function gateway(here: Cluster, there: Cluster) {
    const plan = gatewayPlan(here, there)
    const { host } = here.nodes[0].machine
    await cables.get(here)?.set(plan.cables, signal)
    const changes = planNetwork(
      await readNetwork(
        host,
        gatewayOwns,
        plan.network.sysctls.map((s) => s.key),
        signal,
      ),
      plan.network,
    )
    await applyNetwork(host, changes, signal)
    return changes
  }

  function gatewayPlan(here: Cluster, there: Cluster): GatewayPlan {
    const key = (cluster: Cluster) => {
      const found = cables.get(cluster)?.publicKey
      assert.ok(found !== undefined)
      return found
    }
    return planGateway({
      role: 'Active',
      publicKey: key(here),
      own: { podCIDRs: [here.podCIDR], serviceCIDRs: [here.serviceCIDR] },
      nodeAddress: here.nodes[0].address,
      announced: [{ clusterID: there.id, podCIDRs: [there.podCIDR] }],
      gateways: [
        {
          name: `${there.id}-gw`,
          clusterID: there.id,
          node: there.nodes[0].name,
          publicKey: key(there),
          candidates: [{ address: there.nodes[0].address, port: 51820 }],
          behindNat: false,
          claim: { role: 'Active', term: 1 },
        },
      ],
      heard: new Map(),
    })
  }

  async function agent(here: Cluster, there: Cluster, node: Node) {
    const { network, refused } = planAgent({
      self: node.name,
      nodes: here.nodes.map(({ name, address, podCIDR }) => ({ name, address, podCIDRs: [podCIDR] })),
      gateways: [here.nodes[0].name],
      active: here.nodes[0].name,
      own: { podCIDRs: [here.podCIDR], serviceCIDRs: [here.serviceCIDR] },
      announced: [{ clusterID: there.id, podCIDRs: [there.podCIDR] }],
      machine: await readMachine(node.machine.host, node.address, signal),
    })
    assert.deepEqual(refused, [])
    return applyAgent(node.machine.host, network, signal)
  }
})

async function cluster(rig: Machines, wan: Machine, id: string, number: number): Promise<Cluster> {
  const nodes: Node[] = []
  await wan.sh(
    `sysctl -qw net.ipv4.ip_forward=1; ip link add br${number} type bridge; ip addr add 172.29.${number}.254/24 dev br${number}; ip link set br${number} up`,
  )
  for (const n of [1, 2]) {
    const machine = await rig.add(`${id}-${n}`)
    const pod = await rig.add(`${id}-${n}-pod`)
    const address = `172.29.${number}.${n}`
    await rig.join(wan, `${id}${n}`, machine, 'eth0')
    await wan.sh(`ip link set ${id}${n} master br${number}`)
    await rig.join(machine, 'veth0', pod, 'eth0')
    await machine.sh(`
      sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.default.rp_filter=1 net.ipv4.conf.eth0.rp_filter=1
      ip addr add ${address}/24 dev eth0; ip route add default via 172.29.${number}.254
      ip addr add 10.24${number}.${n}.1/24 dev veth0
      ip route add 10.24${number}.${3 - n}.0/24 via 172.29.${number}.${3 - n}
      nft -f - <<'NFT'
${masquerade(`10.24${number}.0.0/16`)}
NFT
    `)
    await pod.sh(`ip addr add 10.24${number}.${n}.10/24 dev eth0; ip route add default via 10.24${number}.${n}.1`)
    nodes.push({ machine, pod, name: `${id}-${n}`, address, podCIDR: cidr(`10.24${number}.${n}.0/24`) })
  }
  const [first, second] = nodes
  assert.ok(first !== undefined && second !== undefined)
  return { id, podCIDR: cidr(`10.24${number}.0.0/16`), serviceCIDR: cidr(`10.9${number}.0.0/16`), nodes: [first, second] }
}

/** A script that counts packets in the table `seen`. */
const count = (hook: string, match: string): string => `nft -f - <<'NFT'
table inet seen {
  chain ${hook} {
    type filter hook ${hook} priority filter; policy accept;
    ${match} counter
  }
}
NFT`

/** What flannel and many others do: hide pods from the world and the world from pods. */
const masquerade = (pods: string): string => `table ip cni {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${pods} ip daddr != ${pods} masquerade
    ip saddr != ${pods} ip daddr ${pods} masquerade
  }
}`

function cidr(text: string): CIDR {
  const parsed = parseCIDR(text)
  assert.ok(parsed.ok, text)
  return parsed.value
}

const podAddress = (node: Node): string => node.podCIDR.replace('.0/24', '.10')

async function ping(from: Machine, address: string, count = 2): Promise<void> {
  await from.sh(`ping -c ${count} -i 0.05 -W 2 ${address} 2>&1 || { ping -c 1 -W 2 ${address} 2>&1; false; } >&2`)
}

/** The address under which `client` is seen by a server in `server`, reached at `address`. */
async function callerSeenBy(server: Machine, client: Machine, address: string): Promise<string> {
  await using listener = await answerWithCaller(server)
  return await listener.callFrom(client, address)
}

type Listener = AsyncDisposable & { callFrom(client: Machine, address: string): Promise<string> }

const answerPort = 8080

/** A server that tells every caller the address it came from. */
async function answerWithCaller(machine: Machine): Promise<Listener> {
  const program = `require('net').createServer((s) => s.end(s.remoteAddress)).listen(${answerPort}, '0.0.0.0', () => console.log('up'))`
  const server = spawn('nsenter', [`--net=/run/netns/${machine.netns}`, process.execPath, '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(server.stdout, 'data')
  return {
    callFrom: async (client, address) =>
      (await client.sh(`timeout 2 bash -c 'exec 3<>/dev/tcp/${address}/${answerPort}; cat <&3'`)).trim(),
    [Symbol.asyncDispose]: async () => {
      const ended = once(server, 'exit')
      server.kill('SIGKILL')
      await ended
    },
  }
}
