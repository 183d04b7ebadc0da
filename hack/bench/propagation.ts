// How long until a change in one cluster is usable in the other, one change at a time, from the moment before it is written.
//
//   export     ServiceExport ─► operator ─► ExportedService at the broker ─► operator ─► derived Service ─► dns answers; then ServiceImport
//   endpoint   EndpointSlice ─► operator ─► ExportedEndpoints at the broker ─► operator ─► EndpointSlice ─► kube-proxy ─► TCP connects
//   floor      EndpointSlice ─► a loop ─► ConfigMap at the broker ─► a loop ─► EndpointSlice ─► kube-proxy ─► TCP connects
//
// Each arrow that leaves an object is a watch. Asked from a pod's network: a name by UDP straight from tombolo-dns, as CoreDNS does it, a
// port through the ClusterIP. The floor takes turns with the product on the same apiservers.
import { setTimeout as sleep } from 'node:timers/promises'
import { exportedService } from '#crds/exported-service.ts'
import { derivedServiceName, mcsServiceNameLabel, memberNamespace, systemNamespace } from '#crds/places.ts'
import { serviceExport } from '#crds/service-export.ts'
import { serviceImport } from '#crds/service-import.ts'
import type { Kube } from '#lib/kube/client.ts'
import type { EndpointSlice } from '#lib/kube/kinds.ts'
import { configMaps, endpointSlices, namespaces, services } from '#lib/kube/kinds.ts'
import type { Kind, KubeObject, Where } from '#lib/kube/object.ts'
import { reflect } from '#lib/kube/reflector.ts'
import type { Store } from '#lib/kube/store.ts'
import type { Rig } from '#test/rig/rig.ts'
import type { Bed, Bench } from './bench.ts'
import { now } from './bench.ts'
import { addressOfWeb, endpointsAt, exportOf, fieldManager, pidOfClient, serviceOf, sliceOf } from './exported.ts'
import { kubeOf } from './kube.ts'
import type { Probe } from './probe.ts'
import { probeIn } from './probe.ts'
import { relay } from './relay.ts'
import { between, total, writesTo } from './writes.ts'

export const propagation: Bench = {
  name: 'propagation',
  asks: 'How long until an export, or a change of an endpoint, is usable in the other cluster?',
  run: async (bed) => {
    const rig = await bed.fleet()
    await using stage = await openStage(rig, bed)
    const { exports, endpoints } = sizes[bed.size]
    bed.say(`${exports} exports, one at a time`)
    await measureExports(bed, stage, exports)
    bed.say(`${endpoints} changes of an endpoint, one at a time`)
    await changeSlice(stage, names.floor, isFloor, [], bed.signal)
    await measureEndpoints(bed, stage, endpoints)
    await countWrites(bed, rig, stage)
  },
}

const sizes = { full: { exports: 100, endpoints: 60 }, quick: { exports: 8, endpoints: 8 } } as const

const namespace = 'bench'
/** What is exported and not; what stays exported while its endpoint comes and goes; what the relay carries. */
const names = { exported: 'exported', endpoint: 'endpoint', floor: 'floor' } as const
const at = (name: string) => ({ namespace, name })
/** kube-proxy waits this long after one change of its rules before the next (its minSyncPeriod), which is not ours to measure. */
const proxyRestMs = 1_100
/** After a change has arrived: its last writes, such as status. */
const restMs = 300

interface Stage extends AsyncDisposable {
  readonly east: Kube
  readonly west: Kube
  /** Of a pod in east that listens. */
  readonly address: string
  readonly probe: Probe
  readonly dns: string
  /** In west. */
  readonly clusterIP: { readonly endpoint: string; readonly floor: string }
  readonly stores: {
    readonly broker: Store
    readonly imports: Store
    readonly derived: Store
    readonly slices: Store<EndpointSlice>
  }
}

async function openStage(rig: Rig, { signal, say }: Bed): Promise<Stage> {
  await using stack = new AsyncDisposableStack()
  const [east, west] = [stack.use(await kubeOf(rig.cluster('east'))), stack.use(await kubeOf(rig.cluster('west')))]
  const stop = new AbortController()
  const running = AbortSignal.any([signal, stop.signal])
  const address = await addressOfWeb(east, signal)
  for (const kube of [east, west])
    await put(kube, namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
  for (const name of [names.exported, names.endpoint]) {
    await put(east, services, serviceOf(at(name)))
    await put(east, endpointSlices, sliceOf(at(name), name === names.exported ? [address] : []))
  }
  await put(east, endpointSlices, sliceOf(at(names.floor), []))
  await put(east, configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name: names.floor } })
  await put(west, services, serviceOf(at(names.floor)))
  await put(west, endpointSlices, sliceOf(at(names.floor), []))

  const follow = <T extends KubeObject>(kube: Kube, kind: Kind<T>, where: Where) => reflect(kube, kind, where, running)
  const followed = {
    broker: follow(east, exportedService, { namespace: memberNamespace('east') }),
    imports: follow(west, serviceImport, { namespace }),
    derived: follow(west, services, { namespace }),
    slices: follow(west, endpointSlices, { namespace }),
  }
  const relaying = relay(
    { from: east, broker: east, to: west, where: { namespace, fields: `metadata.name=${names.floor}` } },
    running,
  ).catch((error: unknown) => {
    if (!running.aborted) say(`the relay ended: ${String(error)}`)
  })
  stack.defer(async () => {
    stop.abort()
    await Promise.allSettled([relaying, ...Object.values(followed).map(({ done }) => done)])
  })
  const stores = {
    broker: followed.broker.store as Store,
    imports: followed.imports.store as Store,
    derived: followed.derived.store as Store,
    slices: followed.slices.store,
  }
  await Promise.all(Object.values(stores).map((store: Store) => store.whenSynced(signal)))

  const probe = stack.use(probeIn(await pidOfClient(west, signal)))
  await put(east, serviceExport, exportOf(at(names.endpoint)))
  const derivedName = derivedServiceName(namespace, names.endpoint)
  await when(stores.derived, () => stores.derived.get({ namespace, name: derivedName }) !== undefined, signal)
  const ipOf = async (name: string, inNamespace = namespace) => {
    const ip = (await west.get(services, { namespace: inNamespace, name }, signal))?.spec?.clusterIP
    if (ip === undefined) throw new Error(`Service ${inNamespace}/${name} has no address`)
    return ip
  }
  const stage = {
    ...{ east, west, address, probe, stores, dns: await ipOf('tombolo-dns', systemNamespace) },
    clusterIP: { endpoint: await ipOf(derivedName), floor: await ipOf(names.floor) },
  }
  const owned = stack.move()
  return { ...stage, [Symbol.asyncDispose]: () => owned.disposeAsync() }

  async function put(kube: Kube, kind: Kind, object: KubeObject): Promise<void> {
    await kube.apply(kind, object, { fieldManager }, signal)
  }
}

interface Changing {
  onChange(listener: () => void): () => void
}

/** The moment at which it was so, as a watch of ours saw it. */
async function when(store: Changing, holds: () => boolean, signal: AbortSignal): Promise<number> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(20_000)])
  return new Promise((resolve, reject) => {
    const look = () => {
      if (!holds()) return
      const at = now()
      unlisten()
      resolve(at)
    }
    const unlisten = store.onChange(look)
    limit.addEventListener('abort', () => reject(limit.reason as Error), { once: true })
    look()
  })
}

async function measureExports(bed: Bed, stage: Stage, changes: number): Promise<void> {
  const { signal } = bed
  const { east, probe, dns, stores } = stage
  const key = { namespace, name: names.exported }
  const name = `${key.name}.${namespace}.svc.clusterset.local`
  const samples = { atBroker: [] as number[], imported: [] as number[], resolves: [] as number[], gone: [] as number[] }
  const floor: number[] = []
  const isAtBroker = () => stores.broker.list().some(({ spec }) => (spec as { name?: string }).name === key.name)
  const derived = { namespace, name: derivedServiceName(namespace, key.name) }
  for (let n = 0; n < changes; n++) {
    floor.push(await changeSlice(stage, names.floor, isFloor, n % 2 === 0 ? [stage.address] : [], signal))
    await sleep(restMs, undefined, { signal })

    const began = now()
    const [, atBroker, imported, resolved] = await Promise.all([
      east.create(serviceExport as Kind, exportOf(key), { fieldManager }, signal),
      when(stores.broker, isAtBroker, signal),
      when(stores.imports, () => stores.imports.get(key) !== undefined, signal),
      probe.name(name, dns, 'some'),
    ])
    samples.atBroker.push(atBroker - began)
    samples.imported.push(imported - began)
    samples.resolves.push(resolved - began)
    await sleep(restMs, undefined, { signal })

    const ended = now()
    const [, gone] = await Promise.all([east.delete(serviceExport, key, {}, signal), probe.name(name, dns, 'none')])
    samples.gone.push(gone - ended)
    await when(stores.derived, () => stores.derived.get(derived) === undefined, signal)
    await when(stores.broker, () => !isAtBroker(), signal)
    await sleep(restMs, undefined, { signal })
  }
  const against = { name: 'bare relay', samples: floor }
  const unit = 'ms'
  bed.report({ figure: 'export → at the broker', unit, samples: samples.atBroker })
  bed.report({ figure: 'export → ServiceImport there', unit, samples: samples.imported })
  const goal = 'p50 ≤ 60, p99 ≤ 200'
  bed.report({ figure: 'export → name resolves there', unit, samples: samples.resolves, against, goal })
  bed.report({ figure: 'export deleted → name gone there', unit, samples: samples.gone, against })
}

async function measureEndpoints(bed: Bed, stage: Stage, changes: number): Promise<void> {
  const { signal } = bed
  const ours: Record<keyof Arrived, number[]> = { slice: [], connects: [] }
  const floor: Record<keyof Arrived, number[]> = { slice: [], connects: [] }
  for (let n = 0; n < changes; n++) {
    for (const [samples, change] of [
      [floor, floorChange],
      [ours, ourChange],
    ] as const) {
      await sleep(proxyRestMs, undefined, { signal })
      const { slice, connects } = await change(stage, [stage.address], signal)
      samples.slice.push(slice)
      samples.connects.push(connects)
    }
    await sleep(proxyRestMs, undefined, { signal })
    await Promise.all([floorChange(stage, [], signal), ourChange(stage, [], signal)])
  }
  const goal = 'p50 ≤ 40, p99 ≤ 100'
  const [unit, relayed] = ['ms', 'bare relay']
  bed.report({
    figure: 'endpoint → EndpointSlice there',
    ...{ unit, goal, samples: ours.slice, against: { name: relayed, samples: floor.slice } },
  })
  bed.report({
    figure: 'endpoint → TCP connects through the ClusterIP there',
    ...{ unit, goal, samples: ours.connects, against: { name: relayed, samples: floor.connects } },
  })
}

/** ms from before the write. */
type Arrived = { readonly slice: number; readonly connects: number }

const isOurs = ({ metadata: { labels } }: EndpointSlice) => labels?.[mcsServiceNameLabel] === names.endpoint
const isFloor = ({ metadata }: EndpointSlice) => metadata.name === names.floor

const ourChange = (stage: Stage, addresses: readonly string[], signal: AbortSignal) =>
  change(stage, names.endpoint, isOurs, addresses, signal)
const floorChange = (stage: Stage, addresses: readonly string[], signal: AbortSignal) =>
  change(stage, names.floor, isFloor, addresses, signal)

/** Resolves when it has arrived, by both. */
async function change(
  stage: Stage,
  name: 'endpoint' | 'floor',
  isIt: (slice: EndpointSlice) => boolean,
  addresses: readonly string[],
  signal: AbortSignal,
): Promise<Arrived> {
  const wanted = addresses.length > 0 ? 'some' : 'none'
  const began = now()
  const [slice, connects] = await Promise.all([
    changeSlice(stage, name, isIt, addresses, signal),
    stage.probe.port(stage.clusterIP[name], 80, wanted),
  ])
  return { slice, connects: connects - began }
}

async function changeSlice(
  { east, stores }: Stage,
  name: 'endpoint' | 'floor',
  isIt: (slice: EndpointSlice) => boolean,
  addresses: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  const there = () =>
    stores.slices
      .list()
      .filter(isIt)
      .flatMap(({ endpoints }) => (endpoints ?? []).flatMap((e) => e.addresses))
  const began = now()
  const [, arrived] = await Promise.all([
    east.patch(endpointSlices, { namespace, name }, { endpoints: endpointsAt(addresses) }, { fieldManager }, signal),
    when(stores.slices, () => there().join() === addresses.join(), signal),
  ])
  return arrived - began
}

/** Apart from the timing, because an apiserver's list of all its metrics takes it a while. Our own write is not counted. */
async function countWrites(bed: Bed, rig: Rig, stage: Stage): Promise<void> {
  const { signal } = bed
  const times = 5
  const count = async (work: (n: number) => Promise<unknown>) => {
    const read = () => Promise.all(rig.clusters.map((cluster) => writesTo(cluster, signal)))
    await sleep(2_000, undefined, { signal })
    const before = await read()
    for (let n = 0; n < times; n++) await work(n)
    await sleep(2_000, undefined, { signal })
    return (await read()).map((after, i) => between(before[i] ?? new Map<string, number>(), after).others)
  }
  const exports = await count(async (n) => {
    const name = `counted-${n}`
    await stage.east.create(services, serviceOf(at(name)), { fieldManager }, signal)
    await stage.east.create(endpointSlices, sliceOf(at(name), [stage.address]), { fieldManager }, signal)
    await stage.east.create(serviceExport, exportOf(at(name)), { fieldManager }, signal)
    await stage.probe.name(`${name}.${namespace}.svc.clusterset.local`, stage.dns, 'some')
    await sleep(restMs, undefined, { signal })
  })
  const endpoints = await count(async (n) => {
    await ourChange(stage, n % 2 === 0 ? [stage.address] : [], signal)
    await sleep(restMs, undefined, { signal })
  })
  const unit = 'writes'
  const per = (by: readonly Readonly<Record<string, number>>[], own: number) =>
    (by.reduce((sum, of) => sum + total(of), 0) - own * times) / times
  bed.report({ figure: 'writes for an export, status and all', unit, samples: [per(exports, 3)], detail: exports })
  bed.report({ figure: 'writes for a change of an endpoint', unit, samples: [per(endpoints, 1)], detail: endpoints })
  bed.say('on the way to a name, and to an endpoint: 2 writes, 3 watches (as drawn at the head of this bench)')
  bed.say(
    `writes of ${times} exports: ${JSON.stringify(exports)}; of ${times} changes of an endpoint: ${JSON.stringify(endpoints)}`,
  )
}
