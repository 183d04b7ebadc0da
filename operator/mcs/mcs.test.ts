// Two clusters and their broker, with the real client and controllers in between; only the apiservers are the test's.
import assert from 'node:assert/strict'
import { allocation } from '#crds/allocation.ts'
import { exportedEndpoints } from '#crds/exported-endpoints.ts'
import { exportedService } from '#crds/exported-service.ts'
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { gatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { mostOfAMember } from '#crds/limits.ts'
import { derivedServiceName, memberNamespace, systemNamespace } from '#crds/places.ts'
import { serviceExport } from '#crds/service-export.ts'
import { serviceImport } from '#crds/service-import.ts'
import type { ServiceTrafficPolicy } from '#crds/service-traffic-policy.ts'
import { serviceTrafficPolicy } from '#crds/service-traffic-policy.ts'
import { answer } from '#dns/answer.ts'
import { follow } from '#dns/follow.ts'
import { types } from '#dns/wire/codes.ts'
import { nameOf } from '#dns/wire/name.ts'
import { kube } from '#lib/kube/client.ts'
import type { EndpointSlice, Service } from '#lib/kube/kinds.ts'
import { endpointSlices, namespaces, nodes, services } from '#lib/kube/kinds.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import { keyOf } from '#lib/kube/object.ts'
import type { Said } from '#lib/kube/events.ts'
import { reflect } from '#lib/kube/reflector.ts'
import { onRuns } from '#lib/kube/runs.ts'
import { cell } from '#lib/std/cell.ts'
import { logger } from '#lib/std/log.ts'
import { pause } from '#lib/std/pause.ts'
import type { ApiServer, Seen } from '#test/kit/apiserver.ts'
import { apiserver, writes } from '#test/kit/apiserver.ts'
import { eventually } from '#test/kit/eventually.ts'
import { emptyZone, zoneName } from '#test/kit/names.ts'
import { gatewayOf } from '#test/kit/snapshot.ts'
import {
  allocationOf,
  constituent,
  endpoints,
  exporting,
  http,
  idOf,
  namespace,
  service,
  serviceIP,
  sliceOf,
  web,
} from '#test/kit/services.ts'
import type { HeldRemoval } from '../door/removal.ts'
import type { Mcs } from './mcs.ts'
import { givesWayMs, runMcs, workers } from './mcs.ts'
import { exportedServiceContent } from './names.ts'
import { preferred } from './numbers.ts'

const log = logger('mcs', 'silent')
const derived = { namespace: 'shop', name: derivedServiceName('shop', 'web') }

/** Gives a ClusterIP to a Service that has none, as an apiserver does. */
function allocator(id: Running) {
  let next = 10
  return (object: KubeObject): KubeObject => {
    const spec = object.spec as Service['spec']
    if (object.kind !== 'Service' || spec?.clusterIP !== undefined) return object
    const ip = serviceIP(id, next++)
    return { ...object, spec: { ...spec, clusterIP: ip, clusterIPs: [ip] } }
  }
}

type Running = 'east' | 'west'

/** Where a cluster publishes shop/web, as the only one that it exports. */
const publishedKey = (id: Running) => ({
  namespace: memberNamespace(id),
  name: String(preferred(mostOfAMember.exportedservices, exportedServiceContent(web))),
})

class Clusterset implements AsyncDisposable {
  readonly broker: ApiServer
  readonly east: ApiServer
  readonly west: ApiServer
  readonly rejected = new Map<Running, readonly string[]>()
  readonly leftOut = new Map<Running, readonly string[]>()
  readonly said = new Map<Running, readonly string[]>()
  readonly held = new Map<Running, readonly HeldRemoval[]>()
  readonly accepted = cell<readonly string[]>([])
  givesWay = givesWayMs
  readonly #stops = new Map<Running, () => Promise<void>>()

  constructor(broker: ApiServer, east: ApiServer, west: ApiServer) {
    this.broker = broker
    this.east = east
    this.west = west
    for (const server of [east, west]) {
      server.put(namespaces, namespace('shop'))
      for (const id of ['east', 'west'] as const) server.put(allocation, allocationOf(id))
    }
  }

  start(id: Running, importFrom?: Mcs['importFrom'], trafficDefault?: Mcs['trafficDefault']): void {
    const stop = new AbortController()
    const [local, remote] = [kube(this[id].connection, log), kube(this.broker.connection, log)]
    const allocations = reflect(local, allocation, { namespace: systemNamespace }, stop.signal).store
    const gateways = reflect(local, gatewayEndpoint, { namespace: systemNamespace }, stop.signal).store
    const leftOut = (all: readonly string[]) => this.leftOut.set(id, all)
    const rejected = (objects: readonly string[]) => this.rejected.set(id, objects)
    const say = ({ regarding: { kind, metadata }, type, reason }: Said) =>
      this.said.set(id, [...(this.said.get(id) ?? []), `${kind} ${metadata.name}: ${type} ${reason}`])
    const seen = { allocations, gateways, importFrom, trafficDefault, accepted: this.accepted }
    const known = { local, broker: remote, clusterID: idOf(id), ...seen }
    const held = (removals: readonly HeldRemoval[]) => this.held.set(id, removals)
    const running = runMcs(
      { ...known, log, say, rejected, leftOut, held, throttled: () => undefined },
      this.givesWay,
      stop.signal,
    )
    this.#stops.set(id, async () => {
      stop.abort()
      await running
      await local[Symbol.asyncDispose]()
      await remote[Symbol.asyncDispose]()
    })
  }

  async stop(id: Running): Promise<void> {
    await this.#stops.get(id)?.()
    this.#stops.delete(id)
  }

  /** The broker is away until the result is called. */
  cutBroker(): () => void {
    const back = this.broker.fault(() => true, { do: 'reset' }, Infinity)
    for (const watch of this.broker.watches) watch.reset()
    return back
  }

  offer(id: Running, pods: readonly number[], spec: object = {}, exportTo?: string): void {
    this[id].put(services, service(spec))
    this[id].put(endpointSlices, sliceOf(id, pods))
    this.share(id, exportTo)
  }

  /** Undefined: with every member. */
  share(id: Running, exportTo?: string): void {
    const annotations = { 'tombolo.dev/export-to': exportTo ?? '' }
    this[id].put(serviceExport, exporting(exportTo === undefined ? {} : { annotations }))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const id of [...this.#stops.keys()]) await this.stop(id)
    for (const server of [this.broker, this.east, this.west]) await server[Symbol.asyncDispose]()
  }
}

async function clusterset(...running: readonly Running[]): Promise<Clusterset> {
  const set = new Clusterset(await apiserver(), await apiserver(allocator('east')), await apiserver(allocator('west')))
  for (const id of running) set.start(id)
  return set
}

const slicesOf = async (server: ApiServer): Promise<readonly EndpointSlice[]> => {
  await using client = kube(server.connection, log)
  return (await client.list(endpointSlices, { labels: 'multicluster.kubernetes.io/service-name=web' }, AbortSignal.timeout(1000)))
    .items
}
/** `cluster address…`, one line a slice. */
const reachable = async (server: ApiServer): Promise<readonly string[]> =>
  (await slicesOf(server))
    .map(
      ({ metadata, endpoints }) =>
        `${metadata.labels?.['multicluster.kubernetes.io/source-cluster'] ?? ''} ${endpoints?.map((e) => e.addresses[0]).join(' ')}`,
    )
    .sort()
const conditionsOf = (server: ApiServer): Record<string, string> =>
  Object.fromEntries(
    (server.read(serviceExport, web)?.status?.conditions ?? []).map(({ type, status, reason }) => [type, `${status} ${reason}`]),
  )
const clustersOf = (server: ApiServer) => server.read(serviceImport, web)?.status?.clusters?.map(({ cluster }) => cluster)
const ready = (server: ApiServer) => eventually(() => assert.equal(conditionOfImport(server), 'True Ready'))
const conditionOfImport = (server: ApiServer, name = 'web'): string => {
  const [condition] = server.read(serviceImport, { ...web, name })?.status?.conditions ?? []
  return `${condition?.status ?? ''} ${condition?.reason ?? ''}`
}

suite('services across clusters', () => {
  test('an export in one cluster is a name, an address and endpoints in both', async () => {
    await using set = await clusterset('east', 'west')
    set.offer('east', [1, 2])
    await Promise.all([ready(set.east), ready(set.west)])
    for (const server of [set.east, set.west]) {
      const made = server.read(serviceImport, web)
      const address = server.read(services, derived)
      assert.deepEqual(made?.spec.ips, address?.spec?.clusterIPs)
      assert.deepEqual(made?.status?.clusters, [{ cluster: 'east' }])
      assert.equal(made.metadata.annotations?.['multicluster.kubernetes.io/derived-service'], derived.name)
      await eventually(async () => assert.deepEqual(await reachable(server), ['east 10.1.0.1 10.1.0.2']))
      for (const { metadata, ports } of await slicesOf(server)) {
        assert.equal(metadata.labels?.['kubernetes.io/service-name'], derived.name)
        assert.equal(metadata.ownerReferences?.[0]?.uid, address?.metadata.uid)
        assert.deepEqual(ports, [{ name: 'http', protocol: 'TCP', port: 8080 }])
      }
    }
    await eventually(() =>
      assert.deepEqual(conditionsOf(set.east), { Valid: 'True Valid', Ready: 'True Exported', Conflict: 'False NoConflicts' }),
    )
  })

  test('the DNS server answers with what is written', async () => {
    await using set = await clusterset('east', 'west')
    const stop = new AbortController()
    await using client = kube(set.west.connection, log)
    const all = {
      imports: reflect(client, serviceImport, {}, stop.signal).store,
      slices: reflect(client, endpointSlices, { labels: 'multicluster.kubernetes.io/service-name' }, stop.signal).store,
      namespaces: reflect(client, namespaces, {}, stop.signal).store,
      derived: reflect(client, services, { labels: 'multicluster.kubernetes.io/service-name' }, stop.signal).store,
    }
    const zone = emptyZone()
    const ask = (name: string) =>
      answer(zone, { name: nameOf(`${name}.shop.svc.clusterset.local`), type: types.A, class: 1 }).answers.map(({ data }) =>
        data.type === 'A' ? data.address : '',
      )
    await follow(zone, { zone: zoneName, ttl: 5 }, all, log, stop.signal)
    set.offer('east', [1])
    await eventually(() => assert.deepEqual(ask('web'), ['10.102.0.10']))
    set.east.remove(serviceExport, web)
    await eventually(() => assert.deepEqual(ask('web'), []))
    set.east.put(services, service({ clusterIP: 'None' }))
    set.east.put(endpointSlices, sliceOf('east', [7], { hostname: 'web-0' }))
    set.east.put(serviceExport, exporting())
    await eventually(() => assert.deepEqual([ask('web'), ask('web-0.east.web')], [['10.1.0.7'], ['10.1.0.7']]))
    // Of a service that two export, those that a policy lets answer.
    set.west.put(services, service({ clusterIP: 'None' }))
    set.west.put(endpointSlices, sliceOf('west', [8], { hostname: 'web-0' }))
    set.west.put(serviceExport, exporting())
    await eventually(() => assert.deepEqual(ask('web').toSorted(), ['10.1.0.7', '10.2.0.8']))
    set.west.put(serviceTrafficPolicy, {
      apiVersion: serviceTrafficPolicy.apiVersion,
      kind: serviceTrafficPolicy.kind,
      metadata: { ...web },
      spec: { order: [idOf('west')], minReadyEndpoints: 1 },
    })
    await eventually(() => assert.deepEqual([ask('web'), ask('web-0.east.web')], [['10.2.0.8'], []]))
    stop.abort()
  })

  for (const [what, act] of [
    ['the ServiceExport', (set: Clusterset) => set.east.remove(serviceExport, web)],
    ['the Service', (set: Clusterset) => set.east.remove(services, web)],
  ] as const) {
    test(`[mcs 9, mcs 13] ${what} goes, and everything that was made of it goes from everywhere`, async () => {
      await using set = await clusterset('east', 'west')
      set.offer('east', [1])
      await Promise.all([ready(set.east), ready(set.west)])
      act(set)
      await eventually(async () => {
        for (const server of [set.east, set.west]) {
          assert.equal(server.read(serviceImport, web), undefined)
          assert.equal(server.read(services, derived), undefined)
          assert.deepEqual(await reachable(server), [])
        }
        assert.equal(set.broker.read(exportedService, publishedKey('east')), undefined)
      })
    })
  }

  test('[mcs 9] a second cluster adds its endpoints, and takes only those with it when it goes', async () => {
    await using set = await clusterset('east', 'west')
    set.offer('east', [1])
    await ready(set.west)
    const address = set.west.read(serviceImport, web)?.spec.ips
    set.offer('west', [1])
    await eventually(async () => {
      for (const server of [set.east, set.west]) {
        assert.deepEqual(await reachable(server), ['east 10.1.0.1', 'west 10.2.0.1'])
        assert.deepEqual(clustersOf(server), ['east', 'west'])
      }
    })
    set.east.remove(serviceExport, web)
    await eventually(async () => {
      assert.deepEqual(await reachable(set.west), ['west 10.2.0.1'])
      assert.deepEqual(clustersOf(set.west), ['west'])
    })
    assert.deepEqual(set.west.read(serviceImport, web)?.spec.ips, address)
  })

  test('a change of an endpoint arrives with one write in each place', async () => {
    await using set = await clusterset('east', 'west')
    set.offer('east', [1, 2])
    await Promise.all([ready(set.east), ready(set.west)])
    await eventually(() => assert.equal(conditionsOf(set.east).Ready, 'True Exported'))
    await pause(200, AbortSignal.timeout(5000))
    const before = [set.broker, set.east, set.west].map((server) => writes(server).length)
    set.east.put(endpointSlices, sliceOf('east', [1, 3]))
    await eventually(async () => assert.deepEqual(await reachable(set.west), ['east 10.1.0.1 10.1.0.3']))
    await eventually(async () => assert.deepEqual(await reachable(set.east), ['east 10.1.0.1 10.1.0.3']))
    await pause(200, AbortSignal.timeout(5000))
    const after = [set.broker, set.east, set.west].map((server) => writes(server).length)
    assert.deepEqual(
      after.map((count, i) => count - (before[i] ?? 0)),
      [1, 1, 1],
    )
  })

  test('nothing is written when nothing changes, not even by a new start', async () => {
    await using set = await clusterset('east', 'west')
    set.offer('east', [1])
    set.offer('west', [1])
    await eventually(async () => assert.equal((await reachable(set.west)).length, 2))
    await eventually(() => assert.deepEqual(conditionsOf(set.west).Conflict, 'False NoConflicts'))
    await pause(300, AbortSignal.timeout(5000))
    for (const id of ['east', 'west'] as const) await set.stop(id)
    const before = [set.broker, set.east, set.west].map((server) => writes(server).length)
    for (const id of ['east', 'west'] as const) set.start(id)
    await pause(400, AbortSignal.timeout(5000))
    assert.deepEqual(
      [set.broker, set.east, set.west].map((server) => writes(server).length),
      before,
    )
  })

  test('[mcs 12] the namespace decides where an import may be, also when it comes later', async () => {
    await using set = await clusterset('east')
    set.west.remove(namespaces, { name: 'shop' })
    set.start('west')
    set.offer('east', [1])
    await ready(set.east)
    await pause(100, AbortSignal.timeout(5000))
    assert.equal(set.west.read(serviceImport, web), undefined)
    set.west.put(namespaces, namespace('shop'))
    await ready(set.west)
  })

  test('who was admitted may become known after what they export', async () => {
    await using set = await clusterset('east')
    for (const name of ['east', 'west']) set.west.remove(allocation, { namespace: systemNamespace, name })
    set.start('west')
    set.offer('east', [1])
    await ready(set.east)
    for (const id of ['east', 'west'] as const) {
      await pause(50, AbortSignal.timeout(5000))
      assert.equal(set.west.read(serviceImport, web), undefined)
      set.west.put(allocation, allocationOf(id))
    }
    await ready(set.west)
  })

  test('an export that the broker does not take says why, until it takes it', async () => {
    await using set = await clusterset('east')
    const refusal = { do: 'status', code: 403, reason: 'Forbidden' } as const
    const allow = set.broker.fault(({ verb }) => verb === 'apply', refusal, Infinity)
    set.offer('east', [1])
    await eventually(() => assert.equal(conditionsOf(set.east).Ready, 'False Failed'))
    const [, told] = set.east.read(serviceExport, web)?.status?.conditions ?? []
    assert.match(told?.message ?? '', /the broker does not take the export: .*403/)
    allow()
    await eventually(() => assert.equal(conditionsOf(set.east).Ready, 'True Exported'))
  })

  test('[mcs 22] clusters that disagree are all told, and told again when they agree', async () => {
    await using set = await clusterset('east', 'west')
    set.offer('east', [1])
    set.offer('west', [1], { ports: [{ name: 'http', protocol: 'TCP', port: 81 }] })
    await eventually(() => {
      for (const server of [set.east, set.west]) assert.equal(conditionsOf(server).Conflict, 'True PortConflict')
    })
    set.west.put(services, service())
    await eventually(() => {
      for (const server of [set.east, set.west]) assert.equal(conditionsOf(server).Conflict, 'False NoConflicts')
      for (const id of ['east', 'west'] as const)
        assert.deepEqual(set.said.get(id), ['ServiceExport web: Warning PortConflict', 'ServiceExport web: Normal NoConflicts'])
    })
  })

  test('the broker goes away: imports stay, our own endpoints still move, also after a restart', async () => {
    await using set = await clusterset('east', 'west')
    set.offer('east', [1])
    set.offer('west', [1])
    await eventually(async () => assert.equal((await reachable(set.west)).length, 2))
    const back = set.cutBroker()
    set.west.put(endpointSlices, sliceOf('west', [5]))
    await eventually(async () => assert.deepEqual(await reachable(set.west), ['east 10.1.0.1', 'west 10.2.0.5']))
    await set.stop('west')
    const spec = set.west.read(serviceImport, web)?.spec
    set.start('west')
    set.west.put(endpointSlices, sliceOf('west', [6]))
    await eventually(async () => assert.deepEqual(await reachable(set.west), ['east 10.1.0.1', 'west 10.2.0.6']))
    assert.deepEqual(set.west.read(serviceImport, web)?.spec, spec)
    back()
    await eventually(async () => assert.deepEqual(await reachable(set.east), ['east 10.1.0.1', 'west 10.2.0.6']))
  })

  test('the broker was never heard since a start: a cluster that is cut off or thrown out goes all the same', async () => {
    await using set = await clusterset('east', 'west')
    set.offer('east', [1])
    set.offer('west', [1])
    await eventually(async () => assert.equal((await reachable(set.west)).length, 2))
    const back = set.cutBroker()
    await set.stop('west')
    set.west.put(gatewayEndpoint, cableOfWest('Connected'))
    set.start('west')
    await pause(300, AbortSignal.timeout(5000))
    assert.deepEqual(await reachable(set.west), ['east 10.1.0.1', 'west 10.2.0.1'])
    set.west.put(gatewayEndpoint, cableOfWest('Error'))
    await eventually(async () => assert.deepEqual(await reachable(set.west), ['west 10.2.0.1']))
    set.west.put(gatewayEndpoint, cableOfWest('Connected'))
    back()
    await eventually(async () => assert.equal((await reachable(set.west)).length, 2))
    const away = set.cutBroker()
    await set.stop('west')
    set.start('west')
    set.west.remove(allocation, { namespace: systemNamespace, name: 'east' })
    await eventually(async () => assert.deepEqual(await reachable(set.west), ['west 10.2.0.1']))
    away()
  })

  test('[mcs 9] a broker restored from an older state takes nothing from imports that live: their members write it again', async () => {
    await using set = await clusterset('east', 'west')
    set.offer('east', [1])
    await Promise.all([ready(set.east), ready(set.west)])
    await using client = kube(set.broker.connection, log)
    const [object] = (await client.list(exportedEndpoints, {}, AbortSignal.timeout(1000))).items
    assert.ok(object !== undefined)
    const packed = keyOf(object)
    const back = set.cutBroker()
    set.broker.remove(exportedService, publishedKey('east'))
    set.broker.remove(exportedEndpoints, packed)
    set.broker.compact()
    const before = set.west.requests.length
    back()
    await eventually(() => assert.ok(set.broker.read(exportedEndpoints, packed) !== undefined))
    await pause(300, AbortSignal.timeout(5000))
    assert.deepEqual(
      set.west.requests.slice(before).filter(({ verb }) => verb === 'delete'),
      [],
    )
    assert.deepEqual(await reachable(set.west), ['east 10.1.0.1'])
    // What is withdrawn now goes at once.
    set.east.remove(serviceExport, web)
    await eventually(() => assert.equal(set.west.read(serviceImport, web), undefined))
  })

  test('[mcs 9] an export withdrawn while we were down takes its import with it at the next start', async () => {
    await using set = await clusterset('east', 'west')
    set.offer('east', [1])
    await ready(set.west)
    await set.stop('west')
    set.east.remove(serviceExport, web)
    await eventually(() => assert.equal(set.east.read(serviceImport, web), undefined))
    set.start('west')
    await eventually(() => assert.equal(set.west.read(serviceImport, web), undefined))
  })

  suite('a broker that has forgotten twelve services of a cluster', () => {
    const names = Array.from({ length: 12 }, (_, n) => `s${n}`)
    const written = (set: Clusterset, some: readonly string[]) => {
      for (const name of some) {
        const key = exportedServiceContent({ ...web, name })
        const service = constituent('north', { name })
        set.broker.put(exportedService, { ...service, metadata: { ...service.metadata, name: key } })
        const packed = endpoints('north', [1], {}, { name })
        set.broker.put(exportedEndpoints, { ...packed, metadata: { ...packed.metadata, name: `${name}-endpoints` } })
      }
    }
    const forgets = (set: Clusterset) => {
      for (const kind of [exportedService, exportedEndpoints])
        for (const name of names)
          set.broker.remove(kind, {
            namespace: memberNamespace('north'),
            name: kind === exportedService ? exportedServiceContent({ ...web, name }) : `${name}-endpoints`,
          })
      set.broker.compact()
    }
    const imported = (set: Clusterset) => names.filter((name) => conditionOfImport(set.west, name) === 'True Ready').length
    const begin = async () => {
      const set = await clusterset()
      set.west.put(allocation, allocationOf('north'))
      set.start('west')
      written(set, names)
      await eventually(() => assert.equal(imported(set), 12))
      return set
    }
    const held = (set: Clusterset) => set.held.get('west')?.map(({ source, here, lost }) => `${lost} of ${here} of ${source}`)
    const stays = async (set: Clusterset) => {
      const before = writes(set.west).length
      await eventually(() => assert.deepEqual(held(set), ['24 of 24 of north']))
      await pause(300, AbortSignal.timeout(5000))
      assert.deepEqual([imported(set), writes(set.west).length], [12, before])
    }

    test('takes none of them away, after a start too, until they are written again', async () => {
      await using set = await begin()
      await set.stop('west')
      forgets(set)
      set.start('west')
      await stays(set)
      written(set, names)
      await eventually(() => assert.deepEqual(held(set), []))
      set.broker.remove(exportedService, {
        namespace: memberNamespace('north'),
        name: exportedServiceContent({ ...web, name: 's3' }),
      })
      await eventually(() => assert.equal(imported(set), 11))
    })

    test('takes them all when a person accepts that', async () => {
      await using set = await begin()
      const back = set.cutBroker()
      forgets(set)
      back()
      await stays(set)
      set.accepted.set(set.held.get('west')?.map(({ token }) => token) ?? [])
      await eventually(() => assert.equal(set.west.read(serviceImport, { ...web, name: 's0' }), undefined))
      await eventually(() => assert.deepEqual([imported(set), held(set)], [0, []]))
    })

    test('takes them all when that cluster is thrown out', async () => {
      await using set = await begin()
      await set.stop('west')
      forgets(set)
      set.start('west')
      await stays(set)
      set.west.remove(allocation, { namespace: systemNamespace, name: 'north' })
      await eventually(() => assert.deepEqual([imported(set), held(set)], [0, []]))
    })

    test('leaves the endpoints of others of the same service to move', async () => {
      await using set = await begin()
      set.offer('west', [1])
      written(set, ['web'])
      await eventually(async () => assert.deepEqual(await reachable(set.west), ['north 10.3.0.1', 'west 10.2.0.1']))
      await eventually(() => assert.deepEqual(clustersOf(set.west), ['north', 'west']))
      await set.stop('west')
      forgets(set)
      for (const [kind, name] of [
        [exportedService, exportedServiceContent(web)],
        [exportedEndpoints, 'web-endpoints'],
      ] as const)
        set.broker.remove(kind, { namespace: memberNamespace('north'), name })
      set.broker.compact()
      set.start('west')
      set.west.put(endpointSlices, sliceOf('west', [7]))
      await eventually(async () => assert.deepEqual(await reachable(set.west), ['north 10.3.0.1', 'west 10.2.0.7']))
      assert.deepEqual(clustersOf(set.west), ['north', 'west'])
    })
  })

  test('T11: the backlog of a cluster that exports 300 services at once is overtaken by one change of another', async () => {
    await using set = await clusterset()
    for (const id of ['north', 'south'] as const) set.west.put(allocation, allocationOf(id))
    set.start('west')
    const exported = (cluster: 'north' | 'south', name: string) => {
      const object = constituent(cluster, { name })
      set.broker.put(exportedService, {
        ...object,
        metadata: { ...object.metadata, name: exportedServiceContent({ ...web, name }) },
      })
    }
    const isImported = (name: string) => set.west.read(serviceImport, { ...web, name }) !== undefined
    exported('south', 'first')
    await eventually(() => assert.ok(isImported('first')))
    const many = Array.from({ length: 300 }, (_, n) => `s${n}`)
    for (const name of many) exported('north', name)
    exported('south', 'web')
    await eventually(() => assert.ok(isImported('web')))
    const ahead = many.filter(isImported).length
    assert.ok(ahead < 100, `${ahead} of the 300 came before it`)
  })

  test('what another member says is believed only of itself and of its own addresses', async () => {
    await using set = await clusterset('east', 'west')
    set.offer('east', [1])
    await ready(set.west)
    const at = memberNamespace('north')
    const says = (clusterID: string, name: string, spec: object) =>
      set.broker.put(exportedEndpoints, {
        apiVersion: 'tombolo.dev/v1alpha1',
        kind: 'ExportedEndpoints',
        metadata: { namespace: at, name },
        spec: { clusterID, ...web, addressType: 'IPv4', ports: [http], ...spec },
      } as never)
    set.broker.put(exportedService, constituent('north'))
    says('east', 'stolen', { endpoints: [{ address: '10.1.0.66', ready: true }] })
    says('north', 'foreign', { endpoints: ['10.3.0.1', '10.2.0.9'].map((address) => ({ address, ready: true })) })
    says('north', 'nonsense', { endpoints: 'all of them' })
    await eventually(() =>
      assert.match(set.rejected.get('west')?.join('\n') ?? '', /north\/foreign: its cluster was not admitted/),
    )
    assert.deepEqual(await reachable(set.west), ['east 10.1.0.1'])
    set.west.put(allocation, allocationOf('north'))
    await eventually(async () => assert.deepEqual(await reachable(set.west), ['east 10.1.0.1', 'north 10.3.0.1']))
    await eventually(() => {
      const told = set.rejected.get('west') ?? []
      assert.equal(told.length, 3)
      assert.match(
        told.join('\n'),
        /stolen: it speaks for east[^]*foreign: addresses[^]*own: 1, such as 10\.2\.0\.9[^]*nonsense: spec\.endpoints/,
      )
    })
    // Who is thrown out takes its endpoints with it, whatever it still says.
    set.west.remove(allocation, { namespace: systemNamespace, name: 'north' })
    await eventually(async () => assert.deepEqual(await reachable(set.west), ['east 10.1.0.1']))
  })

  test('T4: of a member that was admitted with addresses of our nodes nothing is imported, until the node has gone', async () => {
    await using set = await clusterset('east', 'west')
    set.offer('east', [1])
    await ready(set.west)
    const node = { metadata: { name: 'west-9' }, status: { addresses: [{ type: 'InternalIP', address: '10.1.0.1' }] } }
    set.west.put(nodes, { apiVersion: 'v1', kind: 'Node', ...node })
    await eventually(async () => assert.deepEqual(await reachable(set.west), []))
    await eventually(() =>
      assert.match(
        set.rejected.get('west')?.join('\n') ?? '',
        /its cluster is not routed here: its 10\.1\.0\.0\/16 overlaps 10\.1\.0\.1\/32 of this cluster/,
      ),
    )
    set.west.remove(nodes, { name: 'west-9' })
    await eventually(async () => assert.deepEqual(await reachable(set.west), ['east 10.1.0.1']))
  })

  /** In the Allocation of a cluster, as everybody has it. */
  const mayExport = (set: Clusterset, id: Running, is: 'granted' | 'reserved') => {
    const { spec, ...rest } = allocationOf(id)
    const exports = { ...spec.exports, [is]: ['shop/web'] }
    for (const server of [set.east, set.west]) server.put(allocation, { ...rest, spec: { ...spec, exports } })
  }

  test('T5: a member that exports what is granted to others has no share of it, keeps nothing when its grant goes, and comes back', async () => {
    await using set = await clusterset('east', 'west')
    mayExport(set, 'west', 'reserved')
    set.offer('east', [1])
    set.offer('west', [1])
    await eventually(() => assert.equal(conditionsOf(set.west).Valid, 'False NotGranted'))
    await ready(set.west)
    const all = async (...endpoints: readonly string[]) => {
      for (const server of [set.east, set.west])
        await eventually(async () => assert.deepEqual(await reachable(server), endpoints))
    }
    await all('east 10.1.0.1')
    assert.equal(set.broker.read(exportedService, publishedKey('west')), undefined)
    mayExport(set, 'west', 'granted')
    await all('east 10.1.0.1', 'west 10.2.0.1')
    await eventually(() => assert.equal(conditionsOf(set.west).Ready, 'True Exported'))
    mayExport(set, 'west', 'reserved')
    await all('east 10.1.0.1')
  })

  test('T5: a member that withdraws nothing is not believed any more, and is told of by name', async () => {
    await using set = await clusterset('east', 'west')
    set.offer('east', [1])
    set.offer('west', [1])
    await eventually(async () => assert.equal((await reachable(set.east)).length, 2))
    await set.stop('west')
    mayExport(set, 'west', 'reserved')
    await eventually(async () => assert.deepEqual(await reachable(set.east), ['east 10.1.0.1']))
    await eventually(() => assert.match(set.rejected.get('east')?.join() ?? '', /tombolo-m-west\/\w+: shop\/web: no ExportGrant/))
    mayExport(set, 'west', 'granted')
    await eventually(async () => assert.equal((await reachable(set.east)).length, 2))
    await eventually(() => assert.deepEqual(set.rejected.get('east'), []))
  })

  test('T5: a cluster may take a namespace from some clusters alone, and tells what it leaves out', async () => {
    await using set = await clusterset('east')
    set.start('west', [{ namespace: 'shop', clusters: [] }])
    set.offer('east', [1])
    set.offer('west', [1])
    await eventually(async () => assert.deepEqual(await reachable(set.east), ['east 10.1.0.1', 'west 10.2.0.1']))
    await eventually(() => assert.deepEqual(set.leftOut.get('west'), ['shop/web of east']))
    assert.deepEqual(await reachable(set.west), ['west 10.2.0.1'])
    assert.deepEqual(set.rejected.get('west'), [])
    // Another spec is another start (operator/operate.ts).
    await set.stop('west')
    set.start('west', [{ namespace: 'shop', clusters: [idOf('east')] }])
    await eventually(async () => assert.deepEqual(await reachable(set.west), ['east 10.1.0.1', 'west 10.2.0.1']))
    await set.stop('west')
    set.start('west', [{ namespace: 'shop', clusters: [] }])
    await eventually(async () => assert.deepEqual(await reachable(set.west), ['west 10.2.0.1']))
  })

  test('[mcs 21] a broker that is made anew changes nobody’s mind about who is the oldest', async () => {
    await using set = await clusterset()
    for (const id of ['north', 'south'] as const) set.west.put(allocation, allocationOf(id))
    set.start('west')
    const written = (cluster: 'north' | 'south', creationTimestamp: string, spec = {}) =>
      set.broker.put(exportedService, constituent(cluster, spec, creationTimestamp))
    const headless = { type: 'Headless' } as const
    written('north', '2030-01-01T00:00:00Z')
    written('south', '2030-01-01T00:00:00Z', headless)
    await ready(set.west)
    const decided = () => set.west.read(serviceImport, web)?.metadata.annotations?.['tombolo.dev/decided-by']
    await eventually(() => assert.match(decided() ?? '', /^north /))
    await set.stop('west')
    for (const id of ['north', 'south'] as const)
      set.broker.remove(exportedService, { namespace: memberNamespace(id), name: exportedServiceContent(web) })
    written('south', '2031-01-01T00:00:01Z', headless)
    written('north', '2031-01-01T00:00:02Z')
    const before = writes(set.west).length
    set.start('west')
    await pause(400, AbortSignal.timeout(5000))
    assert.deepEqual([set.west.read(serviceImport, web)?.spec.type, writes(set.west).length], ['ClusterSetIP', before])
  })

  test('[mcs 22] a conflict is told of every export, also where what conflicts is not taken', async () => {
    await using set = await clusterset('east')
    set.start('west', [{ namespace: 'shop', clusters: [] }])
    set.offer('east', [1])
    set.offer('west', [1], { ports: [{ ...http, port: 81 }] })
    await eventually(() => {
      for (const server of [set.east, set.west]) assert.equal(conditionsOf(server).Conflict, 'True PortConflict')
    })
    assert.deepEqual(
      set.west.read(serviceImport, web)?.spec.ports.map(({ port }) => port),
      [81],
    )
    set.east.put(services, service({ ports: [{ ...http, port: 81 }] }))
    await eventually(() => assert.equal(conditionsOf(set.west).Conflict, 'False NoConflicts'))
  })

  test('of many exports at once all are told to the others before this cluster imports them itself, and no status is written twice', async () => {
    await using set = await clusterset()
    // However slow the machine is: what gives way does until nothing is busy.
    set.givesWay = { newNames: 60_000, endpoints: 60_000, status: 60_000 }
    const names = Array.from({ length: 60 }, (_, n) => `s${n}`)
    for (const name of names) {
      const named = <T extends KubeObject>(object: T): T => ({ ...object, metadata: { ...object.metadata, name } })
      const slice = sliceOf('east', [1])
      const metadata = { ...slice.metadata, name, labels: { 'kubernetes.io/service-name': name } }
      set.east.put(services, named(service()))
      set.east.put(serviceExport, named(exporting()))
      set.east.put(endpointSlices, { ...slice, metadata })
    }
    const order: string[] = []
    const note = (what: string, matches: (seen: Seen) => boolean) => (seen: Seen) => {
      if (matches(seen)) order.push(what)
      return false
    }
    set.broker.fault(
      note('told', ({ verb, plural }) => verb === 'apply' && plural.startsWith('exported')),
      { do: 'reset' },
    )
    set.east.fault(
      note('own', ({ verb, plural }) => verb === 'apply' && plural === 'services'),
      { do: 'reset' },
    )
    set.start('east')
    await eventually(() => assert.equal(order.filter((what) => what === 'own').length, names.length), 30_000)
    // Each is two objects there; those under way when nothing waits any more may come last.
    assert.ok(order.indexOf('own') >= 2 * (names.length - workers), order.join())
    const isTold = (name: string) =>
      set.east.read(serviceExport, { ...web, name })?.status?.conditions?.some(({ reason }) => reason === 'Exported') === true
    await eventually(() => assert.ok(names.every(isTold)), 30_000)
    const told = set.east.requests.filter(({ plural, subresource }) => plural === 'serviceexports' && subresource === 'status')
    assert.equal(told.length, names.length)
  })

  test('what others export takes no time of who tells exporters', async () => {
    await using set = await clusterset()
    set.west.put(allocation, allocationOf('north'))
    const seconds: number[] = []
    const stop = onRuns((run) => {
      if (run.controller === 'mcs-export-status') seconds.push(run.seconds)
    })
    set.start('west')
    for (const name of Array.from({ length: 50 }, (_, n) => `s${n}`)) {
      const object = constituent('north', { name })
      const metadata = { ...object.metadata, name: exportedServiceContent({ ...web, name }) }
      set.broker.put(exportedService, { ...object, metadata })
    }
    await eventually(() => assert.ok(seconds.length >= 50))
    stop()
    assert.ok(Math.max(...seconds) < 0.1, `the longest took ${Math.max(...seconds)} s`)
  })

  /** The cable of the gateway that leads in west, to east. */
  const cableOfWest = (state: 'Connected' | 'Error', since = new Date(0)): GatewayEndpoint => {
    const gateway = gatewayOf('west', { state, since: since.toISOString() })
    return { ...gateway, spec: { ...gateway.spec, clusterID: idOf('west') } }
  }

  suite('a cluster to which no cable carries anything', () => {
    test('answers no more while another does, and again when the cable has held for five seconds', async () => {
      await using set = await clusterset('east', 'west')
      set.offer('east', [1])
      set.offer('west', [1])
      set.west.put(gatewayEndpoint, cableOfWest('Connected'))
      const answers = (...wanted: readonly string[]) =>
        eventually(async () => assert.deepEqual(await reachable(set.west), wanted))
      await answers('east 10.1.0.1', 'west 10.2.0.1')
      set.west.put(gatewayEndpoint, cableOfWest('Error'))
      await answers('west 10.2.0.1')
      await eventually(() => assert.deepEqual(clustersOf(set.west), ['east', 'west']))
      // Nothing more is heard from then on.
      const back = Date.now() - 4000
      set.west.put(gatewayEndpoint, cableOfWest('Connected', new Date(back)))
      await answers('east 10.1.0.1', 'west 10.2.0.1')
      assert.ok(Date.now() - back >= 5000)
    })

    test('goes on answering where it is the only one: a call may yet get through, and a name that is gone helps nobody', async () => {
      await using set = await clusterset('east', 'west')
      set.offer('east', [1])
      await eventually(async () => assert.deepEqual(await reachable(set.west), ['east 10.1.0.1']))
      set.west.put(gatewayEndpoint, cableOfWest('Error'))
      await pause(300, AbortSignal.timeout(5000))
      assert.deepEqual(await reachable(set.west), ['east 10.1.0.1'])
    })
  })

  suite('the traffic default of the fleet', () => {
    const told = (locality?: 'Local' | 'Nearest') => {
      const own = allocationOf('west')
      return locality === undefined ? own : { ...own, spec: { ...own.spec, traffic: { locality, minReadyEndpoints: 1 } } }
    }
    const answers = (server: ApiServer, ...wanted: readonly string[]) =>
      eventually(async () => assert.deepEqual(await reachable(server), wanted))
    const both = async () => {
      const set = await clusterset('east', 'west')
      set.offer('east', [1])
      set.offer('west', [1])
      await answers(set.west, 'east 10.1.0.1', 'west 10.2.0.1')
      return set
    }

    test('holds for a service without a policy from the moment it is heard, is told, and ends as it began', async () => {
      await using set = await both()
      set.west.put(allocation, told('Local'))
      await answers(set.west, 'west 10.2.0.1')
      const message = () => set.west.read(serviceImport, web)?.status?.conditions?.[0]?.message ?? ''
      await eventually(() => assert.match(message(), /; by the fleet’s traffic default, Local, west answers$/))
      set.west.put(endpointSlices, sliceOf('west', []))
      await answers(set.west, 'east 10.1.0.1')
      await eventually(() => assert.match(message(), /Local, east answers$/))
      set.west.put(endpointSlices, sliceOf('west', [1]))
      await answers(set.west, 'west 10.2.0.1')
      assert.deepEqual(clustersOf(set.west), ['east', 'west'])
      set.west.put(allocation, told())
      await answers(set.west, 'east 10.1.0.1', 'west 10.2.0.1')
      await eventually(() => assert.doesNotMatch(message(), /default/))
    })

    test('yields to any policy of the service, also one that says nothing', async () => {
      await using set = await both()
      set.west.put(allocation, told('Nearest'))
      await answers(set.west, 'west 10.2.0.1')
      set.west.put(serviceTrafficPolicy, {
        apiVersion: serviceTrafficPolicy.apiVersion,
        kind: serviceTrafficPolicy.kind,
        metadata: { ...web, generation: 1 },
        spec: { minReadyEndpoints: 1 },
      })
      await answers(set.west, 'east 10.1.0.1', 'west 10.2.0.1')
      set.west.remove(serviceTrafficPolicy, web)
      await answers(set.west, 'west 10.2.0.1')
    })

    test('is left out by a member that says so', async () => {
      await using set = await both()
      set.west.put(allocation, told('Local'))
      await answers(set.west, 'west 10.2.0.1')
      await set.stop('west')
      set.start('west', undefined, 'None')
      await answers(set.west, 'east 10.1.0.1', 'west 10.2.0.1')
    })

    test('holds also while the broker is away', async () => {
      await using set = await both()
      set.west.put(allocation, told('Local'))
      await answers(set.west, 'west 10.2.0.1')
      await set.stop('west')
      set.cutBroker()
      set.start('west')
      await pause(300, AbortSignal.timeout(5000))
      assert.deepEqual(await reachable(set.west), ['west 10.2.0.1'])
    })
  })

  suite('a traffic policy', () => {
    const policy = (spec: object = {}): ServiceTrafficPolicy => ({
      apiVersion: serviceTrafficPolicy.apiVersion,
      kind: serviceTrafficPolicy.kind,
      metadata: { ...web, generation: 1 },
      spec: { order: [idOf('east'), idOf('west')], minReadyEndpoints: 1, ...spec },
    })
    const both = async () => {
      const set = await clusterset('east', 'west')
      set.offer('east', [1])
      set.offer('west', [1])
      await eventually(async () => assert.deepEqual(await reachable(set.west), ['east 10.1.0.1', 'west 10.2.0.1']))
      return set
    }
    const answers = (server: ApiServer, ...wanted: readonly string[]) =>
      eventually(async () => assert.deepEqual(await reachable(server), wanted))
    const podsOfEast = (set: Clusterset, ready: boolean) =>
      set.east.put(endpointSlices, sliceOf('east', [1], { conditions: { ready } }))
    const told = (server: ApiServer): string => {
      const { status } = server.read(serviceTrafficPolicy, web) ?? {}
      const states = status?.clusters?.map(({ cluster, state }) => `${cluster} ${state}`).join(', ')
      return `${status?.conditions?.[0]?.reason ?? ''}: ${states ?? ''}`
    }

    test('holds in its own cluster: one answers, the other when that cannot, and the import goes on naming both', async () => {
      await using set = await both()
      set.west.put(serviceTrafficPolicy, policy())
      await answers(set.west, 'east 10.1.0.1')
      await eventually(() => assert.deepEqual(clustersOf(set.west), ['east', 'west']))
      await eventually(() => assert.equal(told(set.west), 'Applied: east Answers, west Standby'))
      podsOfEast(set, false)
      await answers(set.west, 'west 10.2.0.1')
      await eventually(() => assert.equal(told(set.west), 'Applied: east Unready, west Answers'))
      podsOfEast(set, true)
      await answers(set.west, 'east 10.1.0.1')
      assert.deepEqual(await reachable(set.east), ['east 10.1.0.1', 'west 10.2.0.1'])
      set.west.remove(serviceTrafficPolicy, web)
      await answers(set.west, 'east 10.1.0.1', 'west 10.2.0.1')
    })

    test('passes over a cluster to which no cable carries anything', async () => {
      await using set = await both()
      set.west.put(gatewayEndpoint, cableOfWest('Connected'))
      set.west.put(serviceTrafficPolicy, policy())
      await answers(set.west, 'east 10.1.0.1')
      set.west.put(gatewayEndpoint, cableOfWest('Error'))
      await answers(set.west, 'west 10.2.0.1')
      set.west.put(gatewayEndpoint, cableOfWest('Connected'))
      await answers(set.west, 'east 10.1.0.1')
    })

    test('of the nearest says how near each is, and anew when a cluster says that it is elsewhere', async () => {
      await using set = await both()
      const at = (gateway: GatewayEndpoint, zones: string[]) => {
        set.west.put(gatewayEndpoint, { ...gateway, spec: { ...gateway.spec, topology: { zones, regions: ['eu'] } } })
      }
      const east = () => set.west.read(serviceTrafficPolicy, web)?.status?.clusters?.find(({ cluster }) => cluster === 'east')
      const says = (place: string) =>
        eventually(() => assert.equal(east()?.message, `west comes before it; it shares a ${place} with this cluster`))
      at(cableOfWest('Connected'), ['a'])
      at(gatewayOf('east'), ['a', 'b'])
      set.west.put(serviceTrafficPolicy, policy({ order: undefined, locality: 'Nearest' }))
      await says('zone')
      at(gatewayOf('east'), ['b'])
      await says('region')
      assert.equal(told(set.west), 'Applied: east Standby, west Answers')
    })

    test('that has weights shares calls by endpoints, as they come and go', async () => {
      await using set = await both()
      const weights = [
        { cluster: idOf('east'), weight: 2 },
        { cluster: idOf('west'), weight: 1 },
      ]
      set.west.put(serviceTrafficPolicy, policy({ order: undefined, weights }))
      await eventually(() => assert.equal(told(set.west), 'Inexact: east Answers, west Answers'))
      set.east.put(endpointSlices, sliceOf('east', [1, 2]))
      set.west.put(endpointSlices, sliceOf('west', [1, 2]))
      await eventually(() => assert.equal(told(set.west), 'Applied: east Answers, west Answers'))
      const used = async () => (await reachable(set.west)).map((line) => line.split(' ').length - 1)
      assert.deepEqual(await used(), [2, 1])
      const gone = (await reachable(set.west)).at(-1)?.endsWith('10.2.0.1') === true ? 1 : 2
      set.west.put(endpointSlices, sliceOf('west', [3 - gone]))
      await answers(set.west, 'east 10.1.0.1 10.1.0.2', `west 10.2.0.${3 - gone}`)
      set.west.remove(serviceTrafficPolicy, web)
      set.west.put(endpointSlices, sliceOf('west', [1, 2]))
      await answers(set.west, 'east 10.1.0.1 10.1.0.2', 'west 10.2.0.1 10.2.0.2')
    })

    test('a new start writes nothing, also while one helps out that is needed no longer for certain', async () => {
      await using set = await both()
      set.east.put(endpointSlices, sliceOf('east', [1, 2, 3]))
      set.west.put(serviceTrafficPolicy, policy({ minReadyEndpoints: 2 }))
      await answers(set.west, 'east 10.1.0.1 10.1.0.2 10.1.0.3')
      const eastOf = (ready: number) => {
        const slice = sliceOf('east', [1, 2, 3])
        const endpoints = slice.endpoints?.map((endpoint, i) => ({ ...endpoint, conditions: { ready: i < ready } })) ?? []
        set.east.put(endpointSlices, { ...slice, endpoints })
      }
      const state = (text: string) => eventually(() => assert.equal(told(set.west), `Applied: ${text}`))
      eastOf(1)
      await state('east Answers, west Answers')
      await answers(set.west, 'east 10.1.0.1 10.1.0.2 10.1.0.3', 'west 10.2.0.1')
      eastOf(2)
      await eventually(async () =>
        assert.equal(
          (await slicesOf(set.west)).flatMap(({ endpoints }) => endpoints?.filter((e) => e.conditions?.ready) ?? []).length,
          3,
        ),
      )
      await eventually(() => assert.deepEqual(clustersOf(set.west), ['east', 'west']))
      await set.stop('west')
      const before = writes(set.west).length
      set.start('west')
      await pause(700, AbortSignal.timeout(5000))
      assert.deepEqual(writes(set.west).slice(before), [])
      assert.equal(told(set.west), 'Applied: east Answers, west Answers')
    })

    test('that cannot be read, or is about nothing, holds nowhere and says so', async () => {
      await using set = await both()
      set.west.put(serviceTrafficPolicy, policy({ minReadyEndpoints: 0 }))
      await eventually(() => assert.equal(told(set.west), 'Invalid: '))
      await eventually(() => assert.ok(set.said.get('west')?.includes('ServiceTrafficPolicy web: Warning Invalid')))
      assert.deepEqual(await reachable(set.west), ['east 10.1.0.1', 'west 10.2.0.1'])
      set.west.put(serviceTrafficPolicy, policy({ order: [idOf('north'), idOf('west')] }))
      await eventually(() => assert.equal(told(set.west), 'UnknownCluster: east Standby, west Answers'))
      set.west.put(allocation, allocationOf('north'))
      await eventually(() => assert.equal(told(set.west), 'Applied: east Standby, west Answers'))
      for (const id of ['east', 'west'] as const) set[id].remove(serviceExport, web)
      await eventually(() => assert.equal(told(set.west), 'NoSuchService: '))
    })
  })

  test('an export for some clusters is not there for another: no endpoint, no port, no conflict, and nothing that it left out', async () => {
    await using set = await clusterset('east', 'west')
    const ports = [http, { ...http, name: 'metrics', port: 9090 }]
    set.offer('east', [1], { ports, sessionAffinity: 'ClientIP' }, 'north')
    set.offer('west', [1])
    // East may import what west exports to everybody, so it alone sees that they differ.
    await eventually(() =>
      assert.deepEqual(conditionsOf(set.east), {
        Valid: 'True Valid',
        Ready: 'True Exported',
        Conflict: 'True PortConflict,SessionAffinityConflict',
        ImportersKnown: 'False UnknownCluster',
      }),
    )
    await eventually(async () => assert.deepEqual(await reachable(set.east), ['east 10.1.0.1', 'west 10.2.0.1']))
    await eventually(() => assert.equal(conditionsOf(set.west).Conflict, 'False NoConflicts'))
    assert.deepEqual(await reachable(set.west), ['west 10.2.0.1'])
    assert.deepEqual(set.west.read(serviceImport, web)?.spec.ports, [http])
    await eventually(() => assert.deepEqual(clustersOf(set.west), ['west']))
    await eventually(() => assert.deepEqual([set.leftOut.get('west'), set.rejected.get('west')], [[], []]))
  })

  test('who may import an export changes with its annotation; its own cluster always does', async () => {
    await using set = await clusterset('east', 'west')
    set.offer('east', [1], {}, 'north')
    await ready(set.east)
    await eventually(() => assert.equal(conditionsOf(set.east).Ready, 'True Exported'))
    assert.equal(set.west.read(serviceImport, web), undefined)
    set.share('east', 'north, west')
    await ready(set.west)
    set.share('east', 'nor th')
    await eventually(() => assert.equal(set.west.read(serviceImport, web), undefined))
    await eventually(() => assert.equal(conditionsOf(set.east).Valid, 'False InvalidExport'))
    set.share('east')
    await Promise.all([ready(set.east), ready(set.west)])
    set.share('east', 'east')
    await eventually(() => assert.equal(set.west.read(serviceImport, web), undefined))
    assert.equal(conditionOfImport(set.east), 'True Ready')
    assert.deepEqual(await slicesOf(set.west), [])
    await eventually(() => assert.equal(conditionsOf(set.east).ImportersKnown, 'True Named'))
    set.east.put(allocation, allocationOf('north'))
    set.share('east', 'north')
    await eventually(() => assert.equal(conditionsOf(set.east).ImportersKnown, 'True Named'))
  })

  test('objects of others with our names are left alone', async () => {
    await using set = await clusterset()
    const theirs = {
      apiVersion: serviceImport.apiVersion,
      kind: 'ServiceImport',
      metadata: web,
      spec: { type: 'Headless', ports: [] },
    }
    set.west.put(serviceImport, theirs as never)
    for (const id of ['east', 'west'] as const) set.start(id)
    set.offer('east', [1])
    await ready(set.east)
    set.east.remove(serviceExport, web)
    await eventually(() => assert.equal(set.east.read(serviceImport, web), undefined))
    await pause(100, AbortSignal.timeout(5000))
    assert.deepEqual(set.west.read(serviceImport, web)?.spec, theirs.spec)
    assert.equal(set.west.read(services, derived), undefined)
  })
})
