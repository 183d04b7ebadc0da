// The data plane without Kubernetes: two clusters of two nodes as namespaces, with a CNI that masquerades, planners and drivers applied
// as gateway and agent apply them, and packets from a pod to a pod. Pods have both families, nodes IPv4; west's network is a narrow one.
//
//   pod 10.241.2.10 ─ east-2 ─ vx-tombolo ─ east-1 ═ tmb-wg ═ west-1 ─ vx-tombolo ─ west-2 ─ pod 10.242.2.10
//     fd00:241:2::10             1500 bytes                           1400 bytes              fd00:242:2::10
import assert from 'node:assert/strict'
import { followNetwork } from '#lib/host/follow.ts'
import { applyNetwork, moveRoutes, nothing, planNetwork, readNetwork } from '#lib/host/network.ts'
import { logger } from '#lib/std/log.ts'
import type { CableDriver } from '../../gateway/cable/driver.ts'
import { drivers } from '../../gateway/cable/drivers.ts'
import type { CableName } from '#crds/fields.ts'
import { cableDevices, cableSize, mtuOver } from '../../gateway/data-plane.ts'
import type { GatewayPlan } from '../../gateway/engine.ts'
import { planGateway } from '../../gateway/engine.ts'
import type { Way } from '../../gateway/hand-over/routes.ts'
import { endWaiting, forgetWaiting, routesTo } from '../../gateway/hand-over/routes.ts'
import { gatewayOwns } from '../../gateway/ownership.ts'
import { applyAgent, cleanUp } from '../../gateway/agent/apply.ts'
import type { Machine as MachineFacts } from '../../gateway/machine.ts'
import { readMachine } from '../../gateway/machine.ts'
import { agentOwns } from '../../gateway/agent/ownership.ts'
import { planAgent } from '../../gateway/agent/plan.ts'
import { eventually } from '../kit/eventually.ts'
import type { Machine, Machines } from '../kit/netns.ts'
import { findStrongSwan, kernelHasEsp, kernelHasWireGuard, machines, noMachines, processesIn } from '../kit/netns.ts'
import type { Issued } from '../kit/test-ca.ts'
import { testCA } from '../kit/test-ca.ts'
import { putCredentials } from '../kit/ipsec-machines.ts'
import type { PlainCluster, PlainNode } from '../kit/plain-clusters.ts'
import { answerWithCaller, callerSeenBy, count, crossing, ping, plainCluster } from '../kit/plain-clusters.ts'

const { signal } = new AbortController()
const log = logger('test', 'silent')

type Node = PlainNode
type Cluster = PlainCluster<readonly [Node, Node]>

const ca = testCA()
const port = { wireguard: 51820, ipsec: 4500 }

for (const kind of ['wireguard', 'ipsec'] as const) dataPlane(kind)

function dataPlane(kind: CableName): void {
  suite(`the data plane between two clusters, over ${kind}`, function () {
    this.timeout(120_000)
    let rig: Machines
    let wan: Machine
    let east: Cluster
    let west: Cluster
    let cables: Map<Cluster, CableDriver>
    const certified = new Map<string, Issued>()

    suiteSetup(async function () {
      assert.equal(noMachines(), undefined)
      if (kind === 'ipsec') assert.notEqual(findStrongSwan(), undefined)
      rig = machines(`dp-${kind}`)
      wan = await rig.add('wan')
      await wan.sh(count('forward', ...crossing))
      ;[east, west] = [
        await plainCluster(rig, wan, { id: 'east', number: 1, mtu: 1500 }, ['east-1', 'east-2']),
        await plainCluster(rig, wan, { id: 'west', number: 2, mtu: 1400 }, ['west-1', 'west-2']),
      ]
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
      // A cable is called for, not up: who asks while IKE or a handshake goes on is not who the tests are about.
      for (const address of west.nodes[0].pods) await eventually(() => ping(east.nodes[0].pod, address), 20_000)
    })

    suiteTeardown(async () => {
      for (const cable of cables.values()) await cable[Symbol.asyncDispose]()
      await rig[Symbol.asyncDispose]()
    })

    test('pods of all nodes reach pods of all nodes of the other cluster, over both families', async () => {
      for (const from of east.nodes) for (const to of west.nodes) for (const address of to.pods) await ping(from.pod, address)
      for (const from of west.nodes) for (const to of east.nodes) for (const address of to.pods) await ping(from.pod, address)
    })

    test('a pod sees the address of the pod that called it, although the CNI masquerades what leaves its range', async () => {
      const [, caller] = east.nodes
      for (const to of west.nodes)
        for (const family of [0, 1] as const)
          assert.equal(await callerSeenBy(to.pod, caller.pod, to.pods[family]), caller.pods[family])
      const [back] = west.nodes
      for (const family of [0, 1] as const)
        assert.equal(await callerSeenBy(caller.pod, back.pod, caller.pods[family]), back.pods[family])
    })

    test('a node itself reaches pods of the other cluster, under its pod address', async () => {
      const [, to] = west.nodes
      for (const from of east.nodes) for (const address of to.pods) await ping(from.machine, address)
      for (const family of [0, 1] as const)
        assert.equal(await callerSeenBy(to.pod, east.nodes[1].machine, to.pods[family]), east.nodes[1].bridge[family])
    })

    test('TCP segments fit the narrower side, whichever side opens the connection', async () => {
      const [, to] = west.nodes
      const [, from] = east.nodes
      const fits = west.mtu - cableSize[kind].overhead
      const sized = (header: number) => `tcp flags syn / syn,rst tcp option maxseg size ${fits - header}`
      const counting = count('input', `meta nfproto ipv4 ${sized(40)}`, `meta nfproto ipv6 ${sized(60)}`)
      for (const pod of [from.pod, to.pod]) await pod.sh(counting)
      for (const address of to.pods) await callerSeenBy(to.pod, from.pod, address)
      for (const pod of [from.pod, to.pod])
        assert.equal((await pod.sh('nft list table inet seen')).match(/counter packets 1 /g)?.length, 2)
    })

    test('what is too big for the far side is answered from there, so that UDP finds its size too', async () => {
      const [, to] = west.nodes
      const [, from] = east.nodes
      // The overlay's, or less: the kernel's ESP is told what the way takes of its own packets, and adds 62 bytes to what it carries.
      const most = west.mtu - (kind === 'ipsec' && kernelHasEsp() ? 62 : 50)
      const big = (address: string) =>
        from.pod.sh(`ping -M do -s ${cableSize[kind].mtu - 48} -c 4 -i 0.2 -W 1 ${address} 2>&1 || true`)
      assert.match(await big(to.pods[0]), new RegExp(`mtu ?= ?${most}`))
      assert.match(await big(to.pods[1]), new RegExp(`mtu ?= ?${most}`))
      // Of its answer west's own cable has something to say as well, so not the first one comes back.
      for (const [address, headers] of [
        [to.pods[0], 28],
        [to.pods[1], 48],
      ] as const)
        await from.pod.sh(`ping -M do -s ${most - headers} -c 5 -i 0.2 -W 1 ${address}`)
    })

    test('a pod reaches no port of a node of the other cluster', async () => {
      const [node] = west.nodes
      await using listener = await answerWithCaller(node.machine)
      assert.equal(await listener.callFrom(node.pod, node.bridge[0]), node.pods[0], 'a pod of its own cluster does')
      await assert.rejects(listener.callFrom(east.nodes[1].pod, node.bridge[0]))
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

    test('what comes while routes wait is kept, and goes on in order, but for what overtakes, when there is a way again', async () => {
      const [{ address }, { machine, pod }] = east.nodes
      const routes = (way: Way) => ({ ...nothing, routes: routesTo(west.podCIDRs, { dev: cableDevices[kind] }, way) })
      const [none, waiting, passing] = [routes({ to: 'agent' }), routes({ to: 'wait' }), routes({ to: 'sibling', address })]
      const pinging = west.nodes[1].pods.map((to) => pod.sh(`ping -i 0.005 -c 200 -W 2 ${to}`))
      await machine.sh('sleep 0.2')
      await moveRoutes(machine.host, none, waiting, signal)
      await machine.sh('sleep 0.4')
      await applyNetwork(machine.host, [endWaiting(address)], signal)
      await moveRoutes(machine.host, waiting, passing, signal)
      await applyNetwork(machine.host, [forgetWaiting(address)], signal)
      for (const answers of await Promise.all(pinging)) {
        assert.match(answers, / 200 received, 0% packet loss/)
        const times = [...answers.matchAll(/icmp_seq=(\d+) .*time=([\d.]+) ms/g)].map(
          ([, seq, ms]) => [Number(seq), Number(ms)] as const,
        )
        assert.ok(Math.max(...times.map(([, ms]) => ms)) > 300, 'some of them waited')
        // The kernel sends what waited one by one, and lets by what comes meanwhile.
        const overtaking = times.filter(([seq], i) => seq > (times[i + 1]?.[0] ?? seq))
        assert.ok(overtaking.length <= 3, `overtook: ${JSON.stringify(overtaking)}`)
      }
      await moveRoutes(machine.host, passing, none, signal)
    })

    test('without its device nothing for the other cluster leaves the gateway’s node in clear', async () => {
      const [gatewayNode] = east.nodes
      await gatewayNode.machine.sh(`ip link set ${cableDevices[kind]} down`)
      const answer = await east.nodes[1].pod.sh(`ping -c 1 -W 2 ${west.nodes[0].pods[0]} 2>&1 || true`)
      assert.match(answer, /Unreachable/)
      // Nor when somebody has flushed the routes: then the packet filter holds it.
      await gatewayNode.machine.sh('ip route flush table 7300; ip route flush table 7301')
      await assert.rejects(ping(gatewayNode.pod, west.nodes[0].pods[0]))
      await agent(east, west, gatewayNode)
      await gateway(east, west)
      await ping(east.nodes[1].pod, west.nodes[0].pods[0])
    })

    // The same, whatever carries the packets.
    if (kind === 'wireguard')
      test('hears within a second what others do to what is ours, and nothing of the rest', async () => {
        const [, { machine }] = east.nodes
        const stop = new AbortController()
        let heard = 0
        const followed = { links: ['vx-tombolo'], tables: ['tombolo-agent'] }
        const following = followNetwork({ host: machine.host, followed, log }, { ours: () => heard++ }, stop.signal)
        try {
          // Until both programs listen, there is nothing to hear.
          await eventually(async () => assert.equal((await machine.sh("pgrep -c -x 'ip|nft' --ns $$ --nslist net")).trim(), '2'))
          await machine.sh(
            'ip link add other type veth peer name other2; ip link del other; nft add table inet other; nft delete table inet other',
          )
          await machine.sh('sleep 1')
          assert.equal(heard, 0)
          for (const meddle of ['ip route flush table 7300', 'nft flush ruleset', 'ip link del vx-tombolo']) {
            const [before, at] = [heard, performance.now()]
            await machine.sh(meddle)
            await eventually(() => assert.ok(heard > before, meddle))
            assert.ok(performance.now() - at < 1_000, `${meddle} was heard after ${performance.now() - at} ms`)
            await agent(east, west, east.nodes[1])
            await machine.sh('sleep 1')
          }
          await ping(east.nodes[1].pod, west.nodes[0].pods[0])
        } finally {
          stop.abort()
          await following
        }
      })

    // The kernel's WireGuard is no program, and does not end.
    if (kind !== 'wireguard' || !kernelHasWireGuard())
      test('a program of cables that was killed is started again with all of them', async () => {
        const [gatewayNode] = east.nodes
        const daemons = () =>
          processesIn(gatewayNode.machine).filter(({ command }) => ['wireguard-go', 'charon-systemd'].includes(command))
        const [killed, ...others] = daemons()
        assert.ok(killed !== undefined && others.length === 0)
        process.kill(killed.pid, 'SIGKILL')
        await gateway(east, west)
        assert.notEqual(daemons()[0]?.pid, killed.pid)
        await eventually(() => ping(east.nodes[1].pod, west.nodes[0].pods[0]))
      })

    test('in all of this no packet between pods crossed the wide area network in clear', async () => {
      assert.equal((await wan.sh('nft list table inet seen')).match(/counter packets 0 /g)?.length, crossing.length)
    })

    test('cleaning up leaves nothing of ours on a node', async () => {
      const [node] = east.nodes
      await cables.get(east)?.[Symbol.asyncDispose]()
      await cleanUp(node.machine.host, node.machine.dir, signal)
      const left = await node.machine.sh(
        `ip link; ip rule; ip -6 rule; ip route show table all; ip -6 route show table all; nft list ruleset; ls ${node.machine.dir} 2>&1 || true`,
      )
      assert.doesNotMatch(left, /tmb-wg|ipsec0|vx-tombolo|730[01]|tombolo-/)
      assert.match(left, /No such file/)
    })

    async function driver(here: Cluster): Promise<CableDriver> {
      const { host, dir } = here.nodes[0].machine
      const mtu = mtuOver(here.mtu, cableSize[kind].overhead, cableSize[kind].mtu)
      const issued = ca.issue(`gw.${here.id}.gateway.tombolo.dev`)
      certified.set(here.id, issued)
      await putCredentials(host, dir, issued, [ca.root])
      const options = {
        host,
        device: cableDevices[kind],
        stateDir: dir,
        port: port[kind],
        underlays: ['eth0'],
        mtu,
        onLost: () => undefined,
        log,
      }
      return drivers[kind](options, signal)
    }

    /** As gateway/main.ts does it; what it had to change besides cables. */
    async function gateway(here: Cluster, there: Cluster) {
      const [{ machine, address }] = here.nodes
      const { host } = machine
      const plan = gatewayPlan(here, there, await readMachine(host, address, signal))
      await cables.get(here)?.set(plan.cables.get(kind) ?? [], signal)
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

    function gatewayPlan(here: Cluster, there: Cluster, { kernelHasIPsec }: MachineFacts): GatewayPlan {
      const key = (cluster: Cluster) => {
        const found = cables.get(cluster)?.publicKey
        assert.ok(found !== undefined)
        return found
      }
      return planGateway({
        way: { to: 'cables' },
        publicKey: key(here),
        cables: [kind],
        kernelHasIPsec,
        isUp: () => true,
        own: here,
        nodeAddresses: here.nodes.map(({ address }) => address),
        announced: [{ clusterID: there.id, podCIDRs: there.podCIDRs }],
        gateways: [
          {
            name: `${there.id}-gw`,
            clusterID: there.id,
            node: there.nodes[0].name,
            publicKey: key(there),
            candidates: [{ address: there.nodes[0].address, port: 51820 }],
            cables: [kind],
            certified: certifiedOf(there),
            pairKeyIDs: [],
            relayPort: undefined,
            claim: { role: 'Active', term: 1 },
            since: '',
          },
        ],
        heard: new Map(),
        copies: new Map(),
        narrow: new Map(),
        pairKeys: new Map(),
        announcedPairKeys: new Map(),
        handshakes: () => 'Well',
      })
    }

    function certifiedOf({ id }: Cluster) {
      const { dnsName, certificate } = certified.get(id) ?? assert.fail()
      return { dnsName, certificate, port: port.ipsec }
    }

    async function agent(here: Cluster, there: Cluster, node: Node) {
      const { network, refused } = planAgent({
        self: node.name,
        cables: [kind],
        nodes: here.nodes,
        gateways: [here.nodes[0].name],
        active: here.nodes[0].name,
        own: here,
        announced: [{ clusterID: there.id, podCIDRs: there.podCIDRs }],
        machine: await readMachine(node.machine.host, node.address, signal),
      })
      assert.deepEqual(refused, [])
      return applyAgent(node.machine.host, network, agentOwns, node.machine.dir, signal)
    }
  })
}
