// How long until many changes at once are usable in the other cluster: each by itself, from the moment before the first is written.
//
//   exports     so many ServiceExports at once ─► each has its ServiceImport with an address, and its EndpointSlice, there
//   endpoints   so many EndpointSlices at once ─► the EndpointSlice of each says the same there
//   floor       so many EndpointSlices at once ─► relays, as many as the product has workers ─► the same there
//
// The last export counts as there when its name resolves in a pod, which the apiserver cannot tell.
import { exportedEndpoints } from '#crds/exported-endpoints.ts'
import { mcsServiceNameLabel, memberNamespace, systemNamespace } from '#crds/places.ts'
import { serviceExport } from '#crds/service-export.ts'
import { serviceImport } from '#crds/service-import.ts'
import type { Kube } from '#lib/kube/client.ts'
import type { EndpointSlice } from '#lib/kube/kinds.ts'
import { configMaps, endpointSlices, namespaces, services } from '#lib/kube/kinds.ts'
import type { Kind, KubeObject } from '#lib/kube/object.ts'
import { reflect } from '#lib/kube/reflector.ts'
import type { Store } from '#lib/kube/store.ts'
import { pause } from '#lib/std/pause.ts'
import type { Rig } from '#test/rig/rig.ts'
import type { Bed, Bench } from './bench.ts'
import { now } from './bench.ts'
import { addressOfWeb, endpointsAt, exportOf, fieldManager, pidOfClient, serviceOf, sliceOf } from './exported.ts'
import { kubeOf } from './kube.ts'
import type { Probe } from './probe.ts'
import { probeIn } from './probe.ts'
import { relay } from './relay.ts'

const sizes = { full: { count: 500, times: 3 }, quick: { count: 40, times: 1 } } as const

export const burst: Bench = {
  name: 'burst',
  asks: 'How long until 500 exports, or 500 changes of endpoints, at once are usable in the other cluster?',
  run: async (bed) => {
    const { count, times } = sizes[bed.size]
    const rig = await bed.fleet()
    await using stage = await openStage(bed, rig, count)
    const floor = { endpoints: [] as number[] }
    const ours = { imported: [] as number[], usable: [] as number[], endpoints: [] as number[] }
    for (let n = 0; n < times; n++) {
      bed.say(`${count} exports at once, ${n + 1} of ${times}`)
      const exports = await exportAll(stage, bed.signal)
      ours.imported.push(...exports.imported)
      ours.usable.push(...exports.usable)
      await pause(restMs, bed.signal)
      for (const address of [neighbour(stage.address), stage.address]) {
        floor.endpoints.push(...(await changeAll(stage, 'floor', address, bed.signal)))
        await pause(restMs, bed.signal)
        ours.endpoints.push(...(await changeAll(stage, 'ours', address, bed.signal)))
        await pause(restMs, bed.signal)
      }
      await withdrawAll(stage, bed.signal)
      await pause(restMs, bed.signal)
    }
    const [unit, against] = ['ms', { name: 'bare relays, of changes', samples: floor.endpoints }]
    bed.report({ figure: `${count} exports at once → ServiceImport there`, unit, samples: ours.imported, against })
    bed.report({ figure: `${count} exports at once → usable there`, unit, samples: ours.usable, against, goal: 'max ≤ 5000' })
    const figure = `${count} changes of endpoints at once → there`
    bed.report({ figure, unit, samples: ours.endpoints, against, goal: 'max ≤ 2000' })
  },
}

const namespace = 'burst'
/** What the floor carries, in as many shares as it has relays. */
const shareLabel = 'bench-share'
/** As many as the workers of a controller (operator/mcs/mcs.ts). */
const relays = 8
/** Of a pod of the same node that there is not: only that it arrives counts. */
const neighbour = (address: string): string => address.replace(/\d+$/, '254')
/** For what is told after all is usable, such as status, and for the credit of a member to be whole again. */
const restMs = 8_000
const limitMs = 180_000

const at = (name: string) => ({ namespace, name })

interface Stage extends AsyncDisposable {
  readonly east: Kube
  readonly address: string
  readonly probe: Probe
  readonly dns: string
  readonly names: { readonly ours: readonly string[]; readonly floor: readonly string[] }
  readonly imports: Store
  readonly slices: Store<EndpointSlice>
  readonly published: Store
}

async function openStage({ signal, say }: Bed, rig: Rig, count: number): Promise<Stage> {
  await using stack = new AsyncDisposableStack()
  const [east, west] = [stack.use(await kubeOf(rig.cluster('east'))), stack.use(await kubeOf(rig.cluster('west')))]
  const address = await addressOfWeb(east, signal)
  const named = (what: string) => Array.from({ length: count }, (_, i) => `${what}-${i}`)
  const names = { ours: named('ours'), floor: named('floor') }
  const put = (kube: Kube, kind: Kind, object: KubeObject) => kube.apply(kind, object, { fieldManager }, signal)

  say(`making ${count} Services, and ${count} slices for the floor`)
  for (const kube of [east, west])
    await put(kube, namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
  await Promise.all(
    names.ours.map(async (name) => {
      await put(east, services, serviceOf(at(name)))
      await put(east, endpointSlices, sliceOf(at(name), [address]))
    }),
  )
  await Promise.all(
    names.floor.map(async (name, i) => {
      const labels = { [shareLabel]: String(i % relays) }
      await put(east, endpointSlices, sliceOf(at(name), [address], labels))
      await put(west, endpointSlices, sliceOf(at(name), [address], labels))
      await put(east, configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...at(name), labels } })
    }),
  )

  const stop = new AbortController()
  const running = AbortSignal.any([signal, stop.signal])
  const imports = reflect(west, serviceImport, { namespace }, running)
  const slices = reflect(west, endpointSlices, { namespace }, running)
  const published = reflect(east, exportedEndpoints, { namespace: memberNamespace('east') }, running)
  slices.store.addIndex('about', (slice) => aboutOf(slice) ?? [])
  const relaying = Array.from({ length: relays }, (_, i) =>
    relay({ from: east, broker: east, to: west, where: { namespace, labels: `${shareLabel}=${i}` } }, running).catch(
      (error: unknown) => {
        if (!running.aborted) say(`a relay ended: ${String(error)}`)
      },
    ),
  )
  stack.defer(async () => {
    stop.abort()
    await Promise.allSettled([...relaying, imports.done, slices.done, published.done])
  })
  await Promise.all(
    [imports, slices, published].map(({ store }: { readonly store: Pick<Store, 'whenSynced'> }) => store.whenSynced(signal)),
  )

  const probe = stack.use(probeIn(await pidOfClient(west, signal)))
  const dns = (await west.get(services, { namespace: systemNamespace, name: 'tombolo-dns' }, signal))?.spec?.clusterIP
  if (dns === undefined) throw new Error('tombolo-dns has no address in west')
  const owned = stack.move()
  return {
    ...{ east, address, probe, dns, names, slices: slices.store },
    ...{ imports: imports.store, published: published.store },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** What an object there is about: a service as imported, or a slice of the floor. */
function aboutOf({ kind, metadata: { name, labels } }: KubeObject): readonly string[] | undefined {
  if (kind === serviceImport.kind || labels?.[shareLabel] !== undefined) return [name]
  const imported = labels?.[mcsServiceNameLabel]
  return imported === undefined || kind !== endpointSlices.kind ? undefined : [imported]
}

async function exportAll(stage: Stage, signal: AbortSignal): Promise<{ readonly imported: number[]; readonly usable: number[] }> {
  const { east, imports, slices, names, probe, dns } = stage
  const hasAddress = (name: string) =>
    ((imports.get(at(name))?.spec as { readonly ips?: readonly string[] } | undefined)?.ips ?? []).length > 0
  const isUsable = (name: string) => hasAddress(name) && slices.by('about', name).length > 0
  const began = now()
  const write = Promise.all(
    names.ours.map((name) => east.create(serviceExport as Kind, exportOf(at(name)), { fieldManager }, signal)),
  )
  const [imported, usable] = await Promise.all([
    timed([imports], names.ours, hasAddress, began, signal),
    timed([imports, slices as Store], names.ours, isUsable, began, signal),
    write,
  ])
  const answered = await Promise.all(
    names.ours.slice(-1).map((name) => probe.name(`${name}.${namespace}.svc.clusterset.local`, dns, 'some')),
  )
  return { imported, usable: [...usable.slice(0, -1), Math.max(usable.at(-1) ?? 0, ...answered.map((when) => when - began))] }
}

async function changeAll(stage: Stage, what: 'ours' | 'floor', address: string, signal: AbortSignal): Promise<number[]> {
  const { east, slices, names } = stage
  const says = (name: string) => slices.by('about', name).some(({ endpoints }) => endpoints?.[0]?.addresses[0] === address)
  const began = now()
  const body = { endpoints: endpointsAt([address]) }
  const [times] = await Promise.all([
    timed([slices as Store], names[what], says, began, signal),
    Promise.all(names[what].map((name) => east.patch(endpointSlices, at(name), body, { fieldManager }, signal))),
  ])
  return times
}

async function withdrawAll({ east, imports, published, names }: Stage, signal: AbortSignal): Promise<void> {
  const isGone = (name: string) => imports.get(at(name)) === undefined
  await Promise.all([
    timed([imports], names.ours, isGone, now(), signal),
    Promise.all(names.ours.map((name) => east.delete(serviceExport, at(name), {}, signal))),
  ])
  await timed([published], ['all of them'], () => !published.list().some(isOfBurst), now(), signal)
}

const isOfBurst = ({ spec }: KubeObject): boolean =>
  (spec as { readonly namespace?: string } | undefined)?.namespace === namespace

/** When it was so of each name, in the order in which it came about, in ms since `began`, as watches of ours saw it. */
async function timed(
  stores: readonly Store[],
  names: readonly string[],
  holds: (name: string) => boolean,
  began: number,
  signal: AbortSignal,
): Promise<number[]> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(limitMs)])
  const left = new Set(names)
  const times: number[] = []
  return new Promise((resolve, reject) => {
    const look = (some: Iterable<string>) => {
      for (const name of some)
        if (left.has(name) && holds(name)) {
          left.delete(name)
          times.push(now() - began)
        }
      if (left.size > 0) return
      for (const stop of stops) stop()
      resolve(times)
    }
    const stops = stores.map((store) =>
      store.onChange((object, old) => {
        const either = object ?? old
        look(either === undefined ? [] : (aboutOf(either) ?? names))
      }),
    )
    limit.addEventListener(
      'abort',
      () => reject(new Error(`${left.size} of ${names.length} did not come about in time`, { cause: limit.reason })),
      { once: true },
    )
    look(names)
  })
}
