// What the way through the tunnel costs: TCP throughput and round-trip time from a pod to a pod of the other cluster.
//
//   bare       node ═ wireguard-go by hand ═ node                         the same program, MTU and router between them
//   floor      pod ─ node ═ wireguard-go by hand ═ node ─ pod             the same pods and nodes as the next, by second addresses
//   gateways   pod ─ node ═ tmb-wg ═ node ─ pod                           both pods on the gateways' nodes
//   workers    pod ─ node ─ vx-tombolo ─ node ═ tmb-wg ═ … ─ pod        both on other nodes: an overlay on each side
//
// All wireguard-go have a container's share of CPU, and all iperf3 that of a program started by hand. They take turns, so that a busy
// minute of the machine falls on all of them.
import type { Kube } from '#lib/kube/client.ts'
import { pods } from '#lib/kube/kinds.ts'
import type { Cluster } from '#test/rig/cluster.ts'
import { cableSize } from '../../gateway/data-plane.ts'
import { bareTunnel } from './bare-tunnel.ts'
import type { Bench } from './bench.ts'
import { p50 } from './figure.ts'
import { kubeOf } from './kube.ts'
import type { Place } from './place.ts'
import { inNamespace, inPod, roundTrips, tcpThroughput, warmUp } from './place.ts'
import { processesOf } from './processes.ts'

export const throughput: Bench = {
  name: 'throughput',
  asks: 'What does the way through the tunnel cost a TCP connection?',
  run: async (bed) => {
    const { signal, size } = bed
    const rig = await bed.fleet()
    const [east, west] = [rig.cluster('east'), rig.cluster('west')]
    const [eastPods, westPods] = await Promise.all([openPods(east, signal), openPods(west, signal)])
    const [hereLike, thereLike] = [await cableOf(west, signal), await cableOf(east, signal)]
    // With the kernel's own WireGuard the work is done in the gateway's name by nobody.
    if (hereLike === undefined || thereLike === undefined) {
      bed.say('throughput: no wireguard-go runs here, and the floor is one')
      return
    }
    const here = { node: west.node(1), pod: westPods.gateway.pid, like: hereLike }
    const there = { node: east.node(1), pod: eastPods.gateway.pid, like: thereLike }
    await using tunnel = await bareTunnel(rig.run, cableSize.wireguard.mtu, [here, there], signal)
    const [near, far] = tunnel.ends
    const onNode = ({ node, pod }: typeof here, address: string) => inNamespace(node.netns, pod, address)
    const ways: Readonly<Record<WayName, Way>> = {
      bare: { from: onNode(here, near.node), to: onNode(there, far.node) },
      floor: { from: inPod(here.pod, near.pod), to: inPod(there.pod, far.pod) },
      gateways: { from: westPods.gateway.place, to: eastPods.gateway.place },
      workers: { from: westPods.worker.place, to: eastPods.worker.place },
    }
    const { rounds, seconds, echoes } = sizes[size]
    const rates: Samples = { bare: [], floor: [], gateways: [], workers: [] }
    const trips: Samples = { bare: [], floor: [], gateways: [], workers: [] }
    for (const name of names) await warmUp(ways[name].from, ways[name].to, signal)
    for (let round = 0; round < rounds; round++)
      for (const name of names) {
        const { from, to } = ways[name]
        trips[name].push(...(await roundTrips(from, to, echoes, signal)))
        rates[name].push(await tcpThroughput(from, to, seconds, signal))
      }
    for (const name of ['gateways', 'workers', 'floor'] as const) {
      const beside = name === 'floor' ? 'bare' : 'floor'
      const against = (samples: Samples) => ({ name: titles[beside], samples: samples[beside] })
      const figure = titles[name]
      const goals = name === 'gateways' ? { tcp: { goal: 'ratio ≥ 0.95' }, rtt: { goal: '≤ 0.1' } } : {}
      bed.report({ figure: `${figure}: TCP`, unit: 'Mbit/s', samples: rates[name], against: against(rates), ...goals.tcp })
      bed.report({ figure: `${figure}: RTT`, unit: 'ms', samples: trips[name], against: against(trips) })
      const added = p50(trips[name]) - p50(trips[beside])
      bed.report({ figure: `${figure}: RTT added`, unit: 'ms', samples: [added], ...goals.rtt })
    }
  },
}

const names = ['bare', 'floor', 'gateways', 'workers'] as const
type WayName = (typeof names)[number]
type Way = { readonly from: Place; readonly to: Place }
type Samples = Record<WayName, number[]>

const titles: Readonly<Record<WayName, string>> = {
  bare: 'by hand, without pods',
  floor: 'wireguard-go by hand, pod → pod',
  gateways: 'pod → pod, on gateway nodes',
  workers: 'pod → pod, on other nodes',
}
const sizes = { full: { rounds: 8, seconds: 5, echoes: 200 }, quick: { rounds: 2, seconds: 2, echoes: 50 } } as const

type Opened = { readonly pid: number; readonly place: Place }

/** A toolbox pod on the gateway's node and one on another, ready. */
async function openPods(cluster: Cluster, signal: AbortSignal): Promise<{ readonly gateway: Opened; readonly worker: Opened }> {
  const open = (name: string, node: string) =>
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'bench' },
      spec: {
        nodeName: node,
        terminationGracePeriodSeconds: 1,
        containers: [{ name: 'toolbox', image: 'localhost/toolbox:1', command: ['sleep', 'infinity'] }],
      },
    })
  await cluster.apply(JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'bench' } }), signal)
  await cluster.apply([open('gateway', cluster.node(1).name), open('worker', cluster.node(2).name)].join('\n---\n'), signal)
  const wait = ['-n', 'bench', 'wait', '--for=condition=Ready', 'pod/gateway', 'pod/worker', '--timeout=60s']
  await cluster.kubectl(wait, '', signal)
  await using kube = await kubeOf(cluster)
  const [gateway, worker] = [await opened(kube, 'gateway', signal), await opened(kube, 'worker', signal)]
  return { gateway, worker }
}

/** The process that carries a cluster's cables, if one does. */
async function cableOf(cluster: Cluster, signal: AbortSignal): Promise<number | undefined> {
  await using kube = await kubeOf(cluster)
  return (await processesOf(kube, { namespace: 'tombolo-system' }, signal)).find((p) => p.program === 'wireguard-go')?.pid
}

async function opened(kube: Kube, name: string, signal: AbortSignal): Promise<Opened> {
  const pod = await kube.get(pods, { namespace: 'bench', name }, signal)
  const all = await processesOf(kube, { namespace: 'bench' }, signal)
  const process = all.find((p) => p.pod === `bench/${name}` && p.role === 'main')
  const address = pod?.status?.podIP
  if (process === undefined || address === undefined) throw new Error(`pod bench/${name} does not run`)
  return { pid: process.pid, place: inPod(process.pid, address) }
}
