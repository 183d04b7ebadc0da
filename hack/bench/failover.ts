// How long nothing passes when the gateway in the lead ends: on a rig of its own for each kind of cable, whose east has two gateways and pods
// on a third node.
//
//   killed    SIGKILL of all that runs in its pod: no goodbye
//   frozen    SIGSTOP of the same, and on again after ten seconds: the one that wakes up must not disturb its successor
//   cut       its node reaches no other cluster for ten seconds, and its own as before
//   handed    `kubectl delete pod`: it has time to hand over
//   drained   `tombolo gateway drain`, and back
//   rolled    `kubectl rollout restart` of the gateways: one after the other
//
// Felt by a datagram a millisecond, or every five where none is to be lost, and by one TCP connection, from a pod in west to one in east
// and back.
import type { CableName } from '#crds/fields.ts'
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { gatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { componentLabel, gatewayNodeLabel, systemNamespace } from '#crds/places.ts'
import { activeOf } from '#gateway/observe.ts'
import type { Kube } from '#lib/kube/client.ts'
import { pods } from '#lib/kube/kinds.ts'
import { pause } from '#lib/std/pause.ts'
import type { Fleet } from '#test/kit/fleet.ts'
import { firstAnswer, fleetOf, exportWeb, openClient, openShop } from '#test/kit/fleet.ts'
import type { Cluster } from '#test/rig/cluster.ts'
import type { Rig } from '#test/rig/rig.ts'
import { startRig } from '#test/rig/rig.ts'
import type { Bed, Bench } from './bench.ts'
import { kubeOf } from './kube.ts'
import { processesOf, signalIfThere } from './processes.ts'
import type { Felt } from './stream.ts'
import { openStream } from './stream.ts'

const runs = { full: 20, quick: 2 } as const
const watchMs = 6_000

export const failover: Bench = {
  name: 'failover',
  asks: 'How long does nothing pass when the gateway in the lead ends? Over WireGuard.',
  run: (bed) => measure(bed, 'wireguard'),
}

export const failoverOverIPsec: Bench = {
  name: 'failover-ipsec',
  asks: 'The same over IPsec.',
  run: (bed) => measure(bed, 'ipsec'),
}

async function measure(bed: Bed, cable: CableName): Promise<void> {
  const { signal, say } = bed
  const clusters = [
    { id: 'east', nodes: 3 },
    { id: 'west', nodes: 1 },
  ]
  await using rig = await startRig({ clusters, purpose: 'bench' }, { say, signal })
  const [east, west] = [rig.cluster('east'), rig.cluster('west')]
  const fleet = fleetOf(rig, signal)
  await Promise.all([fleet.deployBroker(), openShop(east, signal), openClient(west, signal)])
  await fleet.join(east, '--cable', cable)
  await east.kubectl(['label', 'node', east.node(2).name, `${gatewayNodeLabel}=true`], '', signal)
  await fleet.join(west, '--cable', cable)
  await exportWeb(east, signal)
  await firstAnswer(west, 30_000, signal)
  await using kube = await kubeOf(east)
  const [from, to] = await Promise.all([podOf(west, 'shop', 'client', signal), toolbox(east, signal)])
  for (const [how, goal] of [
    ['killed', '≤ 1000'],
    ['frozen', '≤ 2000'],
    ['cut', '≤ 3000'],
    ['handed', '0'],
    ['drained', '0'],
    ['rolled', '0'],
  ] as const) {
    const felt: Felt[] = []
    for (let run = 0; run < runs[bed.size]; run++) {
      await using stream = openStream(from.pid, to.pid, to.address, planned.includes(how) ? 5 : 1)
      await steady(kube, east, signal)
      await pause(1_000, signal)
      await stream.felt()
      const stage = { kube, rig, fleet, signal }
      await end(how, stage)
      felt.push(await stream.felt())
      if (!planned.includes(how)) await renew(stage)
      say(`${how}: ${JSON.stringify(felt.at(-1))}`)
    }
    report(bed, how, goal, felt)
  }
}

type How = 'killed' | 'frozen' | 'cut' | 'handed' | 'drained' | 'rolled'
/** Without a fault: nothing is to be lost. */
const planned: readonly How[] = ['handed', 'drained', 'rolled']

function report(bed: Bed, how: How, goal: string, felt: readonly Felt[]): void {
  const figure = (what: string, unit: string, of: (felt: Felt) => number, wanted?: string) => {
    const goals = wanted === undefined ? {} : { goal: wanted }
    bed.report({ figure: `${how}: ${what}`, unit, samples: felt.map(of), ...goals })
  }
  const isPlanned = planned.includes(how)
  figure('longest silence of datagrams', 'ms', (f) => f.silentMs, isPlanned ? undefined : goal)
  figure('datagrams lost', '', (f) => f.lost, isPlanned ? goal : undefined)
  figure('longest round trip', 'ms', (f) => f.slowestMs)
  figure('TCP stalled', 'ms', (f) => f.stalledMs)
  figure('TCP connections broken', '', (f) => f.broken, '0')
}

type Stage = { readonly kube: Kube; readonly rig: Rig; readonly fleet: Fleet; readonly signal: AbortSignal }

/** Ends the lead of the gateway that has it, and waits until that has been felt. */
async function end(how: How, stage: Stage): Promise<void> {
  const { kube, rig, fleet, signal } = stage
  const node = activeIn(await kube.list(gatewayEndpoint, { namespace: systemNamespace }, signal))?.spec.node
  const { items } = await kube.list(pods, { namespace: systemNamespace, labels: `${componentLabel}=gateway` }, signal)
  const pod = items.find((p) => p.spec?.nodeName === node)?.metadata.name
  if (pod === undefined) throw new Error('no gateway leads')
  const kubectl = (...args: readonly string[]) => rig.cluster('east').kubectl(['-n', systemNamespace, ...args], '', signal)
  if (how === 'handed') {
    await kubectl('delete', 'pod', pod, '--wait=false')
    return pause(watchMs, signal)
  }
  if (how === 'drained') {
    for (const verb of ['drain', 'uncordon']) await fleet.must('gateway', verb, node ?? '', '--context', 'east')
    return pause(1_000, signal)
  }
  if (how === 'rolled') {
    await renew(stage)
    return pause(1_000, signal)
  }
  const processes = (await processesOf(kube, { namespace: systemNamespace }, signal)).filter((p) => p.pod.endsWith(`/${pod}`))
  const all = (what: NodeJS.Signals) => {
    for (const { pid } of processes) signalIfThere(pid, what)
  }
  if (how === 'killed') all('SIGKILL')
  else if (how === 'cut') {
    await using _cut = await rig.loss(node ?? '', 100)
    await pause(10_000, signal)
  } else {
    all('SIGSTOP')
    try {
      await pause(10_000, signal)
    } finally {
      all('SIGCONT')
    }
  }
  await pause(watchMs, signal)
}

/**
 * Each fault meets gateways that remember none: whoever took over lately has more patience the next time, and the kubelet puts off what
 * ended often, for minutes in the end. One by one, as those that begin together have no cable to each other at first.
 */
async function renew({ rig, signal }: Stage): Promise<void> {
  const rollout = ['-n', systemNamespace, 'rollout']
  const of = 'daemonset/tombolo-gateway'
  await rig.cluster('east').kubectl([...rollout, 'restart', of], '', signal)
  await rig.cluster('east').kubectl([...rollout, 'status', of, '--timeout=120s'], '', signal)
}

/** Both gateways of east run, one leads, and each has a cable to west. */
async function steady(kube: Kube, east: Cluster, signal: AbortSignal): Promise<void> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(90_000)])
  for (;;) {
    const own = ownOf(await kube.list(gatewayEndpoint, { namespace: systemNamespace }, limit))
    const connected = own.filter((g) => g.status?.connections?.some((c) => c.state === 'Connected') === true)
    const leads = own.filter((g) => g.status?.role === 'Active')
    const ready = await east.kubectl(
      ['-n', systemNamespace, 'get', 'daemonset', 'tombolo-gateway', '-o', 'jsonpath={.status.numberReady}'],
      '',
      limit,
    )
    if (connected.length === 2 && leads.length === 1 && ready === '2') return
    await pause(500, limit)
    limit.throwIfAborted()
  }
}

type Listed = { readonly items: readonly GatewayEndpoint[] }
const ownOf = ({ items }: Listed) => items.filter((g) => g.spec.clusterID === 'east')
const activeIn = (listed: Listed) => activeOf(ownOf(listed))

type End = { readonly pid: number; readonly address: string }

async function podOf(cluster: Cluster, namespace: string, name: string, signal: AbortSignal): Promise<End> {
  const address = await cluster.kubectl(['-n', namespace, 'get', 'pod', name, '-o', 'jsonpath={.status.podIP}'], '', signal)
  const { pid } = await cluster.process(`${namespace}/${name}`)
  if (pid === undefined) throw new Error(`pod ${namespace}/${name} does not run`)
  return { pid, address }
}

/** A pod on a node without a gateway. */
async function toolbox(cluster: Cluster, signal: AbortSignal): Promise<End> {
  const spec = {
    nodeName: cluster.node(3).name,
    terminationGracePeriodSeconds: 1,
    containers: [{ name: 'toolbox', image: 'localhost/toolbox:1', command: ['sleep', 'infinity'] }],
  }
  await cluster.apply(
    JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'far', namespace: 'default' }, spec }),
    signal,
  )
  await cluster.kubectl(['wait', '--for=condition=Ready', 'pod/far', '--timeout=60s'], '', signal)
  return podOf(cluster, 'default', 'far', signal)
}
