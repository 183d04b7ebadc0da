// What many endpoints of other clusters cost an operator that imports them. One apiserver is broker and member at once; of the product
// only the operator's part that imports runs, in a process of its own. The others are nothing but what they have published.
//
//   memory    so many endpoints come, 100 an object ─► its RSS beyond that with none
//   dns       as many EndpointSlices of headless services ─► the RSS of the DNS server beyond that with none
//   restart   it starts again with all of them there ─► it has looked at everything; what it wrote meanwhile
//   bytes     one endpoint changes ─► what it reads of the broker until the change is in an EndpointSlice
//   cold      it starts where nothing is imported ─► as many EndpointSlices as there are objects; meanwhile one cluster exports anew
//   rate      so many objects change a second ─► how late each is in its EndpointSlice
import { allocation } from '#crds/allocation.ts'
import { exportedEndpoints } from '#crds/exported-endpoints.ts'
import { exportedService } from '#crds/exported-service.ts'
import { mcsServiceNameLabel, mcsSourceClusterLabel, memberNamespace, systemNamespace } from '#crds/places.ts'
import { serviceExport } from '#crds/service-export.ts'
import { serviceImport } from '#crds/service-import.ts'
import { serviceTrafficPolicy } from '#crds/service-traffic-policy.ts'
import type { EndpointSlice } from '#lib/kube/kinds.ts'
import { customResourceDefinitions, endpointSlices, namespaces, services } from '#lib/kube/kinds.ts'
import type { Kind, KubeObject } from '#lib/kube/object.ts'
import { pathOf } from '#lib/kube/object.ts'
import { reflect } from '#lib/kube/reflector.ts'
import type { Store } from '#lib/kube/store.ts'
import { pause } from '#lib/std/pause.ts'
import { exportedServiceContent } from '#operator/mcs/names.ts'
import type { BareBroker } from '#test/kit/bare-broker.ts'
import { bareBroker } from '#test/kit/bare-broker.ts'
import { addressesOf } from '#test/kit/coredns.ts'
import { eventually } from '#test/kit/eventually.ts'
import type { Bed, Bench } from './bench.ts'
import { now } from './bench.ts'
import { startImporter } from './importer.ts'
import { folder, ourProgram } from './dns.ts'
import { typeOf } from './kube.ts'
import { memoryOf } from './processes.ts'
import { between, total, writesIn } from './writes.ts'

const sizes = {
  full: { endpoints: [10_000, 50_000, 200_000], slices: [1_500, 10_000], changes: 50, rates: [100, 200, 400], seconds: 10 },
  quick: { endpoints: [2_000], slices: [100], changes: 5, rates: [20], seconds: 2 },
} as const

export const scale: Bench = {
  name: 'scale',
  asks: 'What do many endpoints of others cost an operator: memory, bytes of the broker, time to catch up and to keep up?',
  run: async (bed) => {
    const { endpoints, slices, rates } = sizes[bed.size]
    bed.say('starting an apiserver')
    await using world = await openWorld(bed.signal)
    await measureMemory(bed, world, endpoints)
    await measureRestart(bed, world)
    await measureNames(bed, world, endpoints)
    for (const perObject of [10, 100]) await measureBytes(bed, world, perObject)
    for (const count of slices) await measureColdStart(bed, world, count)
    for (const rate of rates) await measureRate(bed, world, rate)
  },
}

const self = 'west'
const others = ['m0', 'm1', 'm2', 'm3', 'm4']
/** Exports while the backlog of the others is worked off. */
const newcomer = 'm5'
const namespace = 'shop'
const objectsPerService = 10
/** After the last of many changes: its status, and what the garbage collector takes back. */
const restMs = 5_000

interface World extends AsyncDisposable {
  readonly broker: BareBroker
  /** What was imported. */
  readonly slices: Store<EndpointSlice>
  /** What all have published so far. */
  readonly published: { objects: number; endpoints: number }
}

async function openWorld(signal: AbortSignal): Promise<World> {
  await using stack = new AsyncDisposableStack()
  const broker = stack.use(await bareBroker('apiserver', signal))
  const { admin } = broker
  const options = { fieldManager: 'bench' }
  for (const kind of [serviceImport, serviceExport, serviceTrafficPolicy]) {
    await admin.apply(customResourceDefinitions, kind.crd() as never, options, signal)
    await eventually(async () => {
      await admin.list<KubeObject>(kind, {}, signal)
    })
  }
  const clusters = [self, ...others, newcomer]
  for (const name of [namespace, systemNamespace, ...clusters.map(memberNamespace)])
    await admin.apply(namespaces, { ...typeOf(namespaces), metadata: { name } }, options, signal)
  for (const [i, id] of clusters.entries()) await admin.apply(allocation, copyOf(id, i), options, signal)
  const stop = new AbortController()
  const followed = reflect(admin, endpointSlices, { labels: mcsServiceNameLabel }, stop.signal)
  stack.defer(async () => {
    stop.abort()
    await followed.done
  })
  await followed.store.whenSynced(signal)
  const owned = stack.move()
  return {
    ...{ broker, slices: followed.store, published: { objects: 0, endpoints: 0 } },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** As the operator's door brings it in. */
const copyOf = (clusterID: string, i: number): KubeObject => ({
  ...typeOf(allocation),
  metadata: { name: clusterID, namespace: systemNamespace },
  spec: {
    clusterID,
    podCIDRs: [`10.${100 + i}.0.0/16`],
    serviceCIDRs: [clusterID === self ? '10.96.0.0/16' : `10.${200 + i}.0.0/16`],
    state: 'Admitted',
    exports: { ungranted: 'Allow', granted: [], reserved: [] },
  },
})

const serviceOf = (clusterID: string, name: string): KubeObject => ({
  ...typeOf(exportedService),
  metadata: { name: exportedServiceContent({ namespace, name }), namespace: memberNamespace(clusterID) },
  spec: {
    ...{ clusterID, namespace, name, type: 'ClusterSetIP', ipFamilies: ['IPv4'], exportedAt: new Date().toISOString() },
    ports: [{ name: 'http', protocol: 'TCP', port: 80 }],
  },
})

/** The nth object of a cluster; `mark` is a zone. */
const endpointsOf = (clusterID: string, nth: number, count: number, mark?: string) => ({
  ...typeOf(exportedEndpoints),
  metadata: { name: `object-${nth}`, namespace: memberNamespace(clusterID) },
  spec: {
    ...{ clusterID, namespace, name: nameOf(clusterID, nth), addressType: 'IPv4' },
    ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
    endpoints: Array.from({ length: count }, (_, i) => ({
      address: addressOf(clusterID, nth * count + i),
      ready: true,
      node: `worker-${i % 10}.example.internal`,
      ...(i === 0 && mark !== undefined ? { zone: mark } : {}),
    })),
  },
})

const nameOf = (clusterID: string, nth: number): string => `${clusterID}-${Math.floor(nth / objectsPerService)}`
const addressOf = (clusterID: string, n: number): string =>
  `10.${101 + [...others, newcomer].indexOf(clusterID)}.${(n >> 8) & 255}.${n & 255}`

/** Until there are so many objects, dealt out to the clusters; services come before their endpoints. */
async function publish({ broker: { admin }, published }: World, objects: number, perObject: number, signal: AbortSignal) {
  const some = Array.from({ length: objects - published.objects }, (_, i) => published.objects + i).map((i) => ({
    clusterID: others[i % others.length] ?? '',
    nth: Math.floor(i / others.length),
  }))
  const create = (kind: Kind, object: KubeObject) => admin.create(kind, object, {}, signal)
  await Promise.all(
    some
      .filter(({ nth }) => nth % objectsPerService === 0)
      .map(({ clusterID, nth }) => create(exportedService, serviceOf(clusterID, nameOf(clusterID, nth)))),
  )
  await Promise.all(some.map(({ clusterID, nth }) => create(exportedEndpoints, endpointsOf(clusterID, nth, perObject))))
  published.objects = objects
  published.endpoints += some.length * perObject
}

/** Of everybody, and what was made of it. */
async function clear(world: World, signal: AbortSignal): Promise<void> {
  const { admin } = world.broker
  const all = (kind: Kind, where: string) => admin.request({ method: 'DELETE', path: pathOf(kind, { namespace: where }) }, signal)
  for (const id of [...others, newcomer]) {
    await all(exportedService, memberNamespace(id))
    await all(exportedEndpoints, memberNamespace(id))
  }
  for (const kind of [serviceImport as Kind, services, endpointSlices]) await all(kind, namespace)
  await until(world.slices, () => world.slices.list().length === 0, signal)
  world.published.objects = world.published.endpoints = 0
}

/** The moment at which it was so. */
function until(store: Store<EndpointSlice>, holds: () => boolean, signal: AbortSignal): Promise<number> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(300_000)])
  return new Promise((resolve, reject) => {
    const look = () => {
      if (!holds()) return
      stop()
      resolve(now())
    }
    const stop = store.onChange(look)
    limit.addEventListener('abort', () => reject(limit.reason as Error), { once: true })
    look()
  })
}

const residentOf = ({ pid }: { readonly pid: number }): number => memoryOf(pid)?.residentBytes ?? NaN

async function measureMemory(bed: Bed, world: World, counts: readonly number[]): Promise<void> {
  const { signal } = bed
  await using importer = await startImporter(self, world.broker)
  await pause(restMs, signal)
  const empty = residentOf(importer)
  bed.report({ figure: 'memory of an operator that imports nothing', unit: 'MB', samples: [empty / 1e6] })
  for (const count of counts) {
    bed.say(`${count} endpoints, in objects of 100`)
    await publish(world, count / 100, 100, signal)
    await until(world.slices, () => world.slices.list().length === world.published.objects, signal)
    await pause(restMs, signal)
    const figure = `memory beyond that for each of ${count} endpoints`
    const [samples, goal] = [[(residentOf(importer) - empty) / count], '≤ 300']
    bed.report({ figure, unit: 'B', samples, goal })
  }
}

async function measureRestart(bed: Bed, world: World): Promise<void> {
  const { signal } = bed
  const { admin } = world.broker
  const read = async () => writesIn((await admin.request({ method: 'GET', path: '/metrics', answer: 'text' }, signal)) as string)
  bed.say(`starting it again with ${world.published.endpoints} endpoints`)
  const before = await read()
  const began = now()
  await using importer = await startImporter(self, world.broker)
  const done = await importer.quiet(signal)
  await pause(restMs, signal)
  const bytes = importer.bytesRead() / world.published.endpoints
  const { others: written } = between(before, await read())
  const what = `of ${world.published.objects} slices, ${world.published.endpoints} endpoints`
  bed.report({ figure: `restart ${what}: everything looked at`, unit: 's', samples: [(done - began) / 1000] })
  bed.report({ figure: `restart ${what}: written`, unit: 'writes', samples: [total(written)], detail: written, goal: '0' })
  bed.report({ figure: `restart ${what}: read of the broker for each endpoint`, unit: 'B', samples: [bytes], goal: '≤ 12' })
  bed.report({ figure: `restart ${what}: memory`, unit: 'MB', samples: [residentOf(importer) / 1e6] })
}

/** Of the DNS server: the slices are those that an operator would have made of headless services. */
async function measureNames(bed: Bed, world: World, counts: readonly number[]): Promise<void> {
  const { signal } = bed
  const { broker, slices } = world
  await clear(world, signal)
  using files = folder()
  await using server = await ourProgram(broker, files.path)
  const isAnswered = (nth: number) =>
    eventually(async () => {
      const [name, address] = [
        `${hostOf(addressOf('m0', nth * 100))}.m0.${nameOf('m0', nth)}.${namespace}.svc.clusterset.local`,
        addressOf('m0', nth * 100),
      ]
      if (!(await addressesOf(server.port, name)).includes(address)) throw new Error(`${name} is not ${address} yet`)
    }, 120_000)
  const put = async (nth: number) => {
    if (nth % objectsPerService === 0) await broker.admin.create(serviceImport, headlessImport(nameOf('m0', nth)), {}, signal)
    await broker.admin.create(endpointSlices, sliceOf(nth), {}, signal)
  }
  await put(0)
  await isAnswered(0)
  await pause(restMs, signal)
  const empty = residentOf(server)
  bed.report({ figure: 'memory of a DNS server with one slice', unit: 'MB', samples: [empty / 1e6] })
  let there = 1
  for (const count of counts) {
    bed.say(`${count} endpoints of headless services, in slices of 100`)
    await Promise.all(Array.from({ length: count / 100 - there }, (_, i) => put(there + i)))
    there = count / 100
    await until(slices, () => slices.list().length === there, signal)
    await isAnswered(there - 1)
    await pause(restMs, signal)
    const figure = `memory of the DNS server beyond that for each of ${count} endpoints`
    bed.report({ figure, unit: 'B', samples: [(residentOf(server) - empty) / count], goal: '≤ 150' })
  }
}

const hostOf = (address: string): string => address.replaceAll('.', '-')
const headlessImport = (name: string): KubeObject => ({
  ...typeOf(serviceImport),
  metadata: { name, namespace },
  spec: { type: 'Headless', ports: [{ name: 'http', protocol: 'TCP', port: 80 }] },
})
const sliceOf = (nth: number): EndpointSlice => ({
  apiVersion: endpointSlices.apiVersion,
  kind: endpointSlices.kind,
  metadata: {
    name: `slice-${nth}`,
    namespace,
    labels: { [mcsServiceNameLabel]: nameOf('m0', nth), [mcsSourceClusterLabel]: 'm0' },
  },
  addressType: 'IPv4',
  ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
  endpoints: Array.from({ length: 100 }, (_, i) => ({
    addresses: [addressOf('m0', nth * 100 + i)],
    conditions: { ready: true, serving: true, terminating: false },
  })),
})

/** Changes an object of its own, with so many endpoints. */
async function measureBytes(bed: Bed, world: World, perObject: number): Promise<void> {
  const { signal } = bed
  const { admin } = world.broker
  const nth = perObject * objectsPerService
  const made = async (mark: string) => {
    await admin.apply(exportedEndpoints, endpointsOf(newcomer, nth, perObject, mark), { fieldManager: 'bench' }, signal)
    await until(world.slices, () => world.slices.list().some((slice) => isMarked(slice, mark)), signal)
  }
  await using importer = await startImporter(self, world.broker)
  await admin.create(exportedService, serviceOf(newcomer, nameOf(newcomer, nth)), {}, signal)
  await made('first')
  await importer.quiet(signal)
  await pause(restMs, signal)
  const [before, began] = [importer.bytesRead(), now()]
  const { changes } = sizes[bed.size]
  for (let i = 0; i < changes; i++) await made(`z-${i}`)
  const bytes = importer.bytesRead() - before
  bed.report({
    figure: `read of the broker for a change of one endpoint among ${perObject}`,
    ...{ unit: 'B', samples: [bytes / changes], goal: '≤ 1000', detail: { changes, ms: now() - began } },
  })
}

const markOf = ({ endpoints }: EndpointSlice): string | undefined => endpoints?.find(({ zone }) => zone !== undefined)?.zone
const isMarked = (slice: EndpointSlice, mark: string): boolean => markOf(slice) === mark

async function measureColdStart(bed: Bed, world: World, count: number): Promise<void> {
  const { signal } = bed
  const { admin } = world.broker
  await clear(world, signal)
  bed.say(`cold start with ${count} objects of 10 endpoints`)
  await publish(world, count, 10, signal)
  const began = now()
  await using importer = await startImporter(self, world.broker)
  await until(world.slices, () => world.slices.list().length > 0, signal)
  const asked = now()
  await admin.create(exportedService, serviceOf(newcomer, nameOf(newcomer, 0)), {}, signal)
  await admin.create(exportedEndpoints, endpointsOf(newcomer, 0, 1, 'new'), {}, signal)
  const [overtook, done] = await Promise.all([
    until(world.slices, () => world.slices.list().some((slice) => isMarked(slice, 'new')), signal),
    until(world.slices, () => world.slices.list().length === count + 1, signal),
  ])
  await importer.quiet(signal)
  const goal = `≤ ${count > 1_500 ? 15 : 3}`
  bed.report({ figure: `cold start: ${count} slices of 10 endpoints written`, unit: 's', samples: [(done - began) / 1000], goal })
  const figure = `cold start: an export of another cluster meanwhile, of ${count}`
  bed.report({ figure, unit: 'ms', samples: [overtook - asked], goal: '≤ 1000' })
}

/** Of one endpoint in each of the objects there are, one object after the other. */
async function measureRate(bed: Bed, world: World, rate: number): Promise<void> {
  const { signal } = bed
  const { seconds } = sizes[bed.size]
  await using importer = await startImporter(self, world.broker)
  await importer.quiet(signal)
  bed.say(`${rate} changes a second`)
  const { objects } = world.published
  const sent = new Map<number, number>()
  const lags: number[] = []
  const stop = world.slices.onChange((slice) => {
    const [of, nth] = (slice === undefined ? undefined : markOf(slice))?.split('-') ?? []
    // With the changes of the same object that it came instead of.
    for (let i = of === `r${rate}` ? Number(nth) : -1; i >= 0; i -= objects) {
      const at = sent.get(i)
      if (at === undefined) continue
      sent.delete(i)
      lags.push(now() - at)
    }
  })
  const began = now()
  const writes: Promise<unknown>[] = []
  for (let i = 0; i < rate * seconds; i++) {
    await pause(Math.max(0, began + (i * 1000) / rate - now()), signal)
    const clusterID = others[i % others.length] ?? ''
    sent.set(i, now())
    const { metadata, spec } = endpointsOf(clusterID, Math.floor((i % objects) / others.length), 10, `r${rate}-${i}`)
    writes.push(world.broker.admin.patch(exportedEndpoints, metadata, { spec }, {}, signal))
  }
  await Promise.all(writes)
  const wrote = now() - began
  await until(world.slices, () => sent.size === 0, signal)
  stop()
  bed.report({
    figure: `${rate} objects change a second: how late`,
    ...{ unit: 'ms', samples: lags, goal: 'p99 ≤ 1000', detail: { wroteMs: wrote } },
  })
}
