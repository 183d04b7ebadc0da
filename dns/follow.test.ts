// From what the apiserver says to what is answered.
import assert from 'node:assert/strict'
import type { ServiceImport } from '#crds/service-import.ts'
import { serviceImport } from '#crds/service-import.ts'
import { derivedServiceName } from '#crds/places.ts'
import type { EndpointSlice, Namespace, Service } from '#lib/kube/kinds.ts'
import { endpointSlices, namespaces, services } from '#lib/kube/kinds.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import { store } from '#lib/kube/store.ts'
import { logger } from '#lib/std/log.ts'
import { emptyZone, slice, zoneName } from '#test/kit/names.ts'
import { answer } from './answer.ts'
import { follow } from './follow.ts'
import { types } from './wire/codes.ts'
import { nameOf } from './wire/name.ts'

const log = logger('dns', 'silent')

/** The stores with their writing ends, and a zone that follows them. */
function world() {
  const [imports, slices, spaces] = [store(serviceImport, log), store(endpointSlices, log), store(namespaces, log)]
  const derived = store(services, log)
  const zone = emptyZone()
  const sources = { imports: imports.store, slices: slices.store, namespaces: spaces.store, derived: derived.store }
  const stop = new AbortController()
  const following = follow(zone, { zone: zoneName, ttl: 5 }, sources, log, stop.signal)
  return {
    imports: imports.writer,
    slices: slices.writer,
    namespaces: spaces.writer,
    derived: derived.writer,
    stop,
    following,
    /** Another one whenever the zone was changed. */
    serial: () => zone.serial,
    /** `NXDOMAIN`, or the addresses. */
    ask: (name: string): string => {
      const { rcode, answers } = answer(zone, { name: nameOf(`${name}.clusterset.local`), type: types.A, class: 1 })
      return [rcode, ...answers.flatMap(({ data }) => (data.type === 'A' ? [data.address] : []))].join(' ')
    },
    synced: async () => {
      for (const { writer } of [imports, slices, spaces]) writer.take({ type: 'synced' })
      await following
    },
  }
}

let versions = 0
const meta = (name: string, labels: Record<string, string> = {}, namespace = 'shop') => ({
  name,
  namespace,
  uid: `${namespace}/${name}`,
  resourceVersion: String(++versions),
  labels,
})

const imported = (name: string, spec: unknown): ServiceImport =>
  ({ apiVersion: 'multicluster.x-k8s.io/v1beta1', kind: 'ServiceImport', metadata: meta(name), spec }) as ServiceImport
const virtual = (name: string, ip: string) => imported(name, { type: 'ClusterSetIP', ports: [], ips: [ip] })
const headless = (name: string) => imported(name, { type: 'Headless', ports: [] })

function sliceOf(name: string, service: string, cluster: string, endpoints: readonly string[]): EndpointSlice {
  const { metadata, ...rest } = slice(cluster, endpoints)
  const labels = { ...metadata.labels, 'multicluster.kubernetes.io/service-name': service }
  return { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: meta(name, labels), ...rest } as EndpointSlice
}
/** The Service that an import of `service` gets its address from. */
const derivedOf = (service: string, ip: string, change: Partial<Service['metadata']> = {}): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: {
    ...meta(derivedServiceName('shop', service), { 'multicluster.kubernetes.io/service-name': service }),
    ...change,
  },
  spec: { clusterIPs: [ip], ports: [{ name: 'http', port: 80, protocol: 'TCP' }] },
})
const namespace = (name: string): Namespace => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, uid: name, resourceVersion: '1' },
})

const put = <T extends KubeObject>(object: T) => ({ type: 'put', object }) as const
const gone = <T extends KubeObject>(object: T) => ({ type: 'gone', object }) as const

suite('following the apiserver', () => {
  test('nothing is answered for until imports, slices and namespaces were all listed', async () => {
    const w = world()
    w.imports.take(put(headless('db')))
    w.imports.take({ type: 'synced' })
    w.namespaces.take({ type: 'synced' })
    await new Promise(setImmediate)
    assert.equal(w.ask('db.shop.svc'), 'SERVFAIL')
    w.slices.take(put(sliceOf('db-1', 'db', 'c-a', ['10.1.0.1'])))
    await w.synced()
  })

  test('what was listed is answered', async () => {
    const w = world()
    for (const writer of [w.imports, w.slices, w.namespaces]) writer.take({ type: 'reset' })
    w.imports.take(put(virtual('web', '10.42.0.7')))
    w.imports.take(put(headless('db')))
    w.slices.take(put(sliceOf('db-1', 'db', 'c-a', ['10.1.0.1'])))
    w.namespaces.take(put(namespace('empty')))
    await w.synced()
    assert.equal(w.ask('web.shop.svc'), 'NOERROR 10.42.0.7')
    assert.equal(w.ask('db.shop.svc'), 'NOERROR 10.1.0.1')
    assert.equal(w.ask('empty.svc'), 'NOERROR')
  })

  test('an import comes, changes its address and goes', async () => {
    const w = world()
    await w.synced()
    assert.equal(w.ask('web.shop.svc'), 'NXDOMAIN')
    w.imports.take(put(virtual('web', '10.42.0.7')))
    assert.equal(w.ask('web.shop.svc'), 'NOERROR 10.42.0.7')
    w.imports.take(put(virtual('web', '10.42.0.8')))
    assert.equal(w.ask('web.shop.svc'), 'NOERROR 10.42.0.8')
    w.imports.take(gone(virtual('web', '10.42.0.8')))
    assert.equal(w.ask('web.shop.svc'), 'NXDOMAIN')
    assert.equal(w.ask('shop.svc'), 'NXDOMAIN')
  })

  test('a name is answered as soon as its Service has an address, and from then on as the import says', async () => {
    const w = world()
    await w.synced()
    w.derived.take(put(derivedOf('web', '10.42.0.7')))
    assert.equal(w.ask('web.shop.svc'), 'NOERROR 10.42.0.7')
    w.imports.take(put(virtual('web', '10.42.0.8')))
    assert.equal(w.ask('web.shop.svc'), 'NOERROR 10.42.0.8')
    w.derived.take(put(derivedOf('web', '10.42.0.9')))
    assert.equal(w.ask('web.shop.svc'), 'NOERROR 10.42.0.8')
    w.imports.take(put(headless('web')))
    assert.equal(w.ask('web.shop.svc'), 'NXDOMAIN')
  })

  test('a name goes when both its import and its Service are gone or going', async () => {
    const w = world()
    await w.synced()
    w.derived.take(put(derivedOf('web', '10.42.0.7')))
    w.imports.take(put(virtual('web', '10.42.0.7')))
    w.imports.take(gone(virtual('web', '10.42.0.7')))
    assert.equal(w.ask('web.shop.svc'), 'NOERROR 10.42.0.7')
    w.derived.take(put(derivedOf('web', '10.42.0.7', { deletionTimestamp: '2030-01-01T00:00:00Z' })))
    assert.equal(w.ask('web.shop.svc'), 'NXDOMAIN')
    w.derived.take(put(derivedOf('api', '10.42.0.8')))
    w.derived.take(gone(derivedOf('api', '10.42.0.8')))
    assert.equal(w.ask('api.shop.svc'), 'NXDOMAIN')
  })

  test('a Service is no address of a name that it was not made for, whatever its label says', async () => {
    const w = world()
    await w.synced()
    w.derived.take(put(derivedOf('web', '10.42.0.7', { name: 'mine' })))
    assert.equal(w.ask('web.shop.svc'), 'NXDOMAIN')
  })

  test('endpoints come and go with the slices of every cluster', async () => {
    const w = world()
    await w.synced()
    w.slices.take(put(sliceOf('db-1', 'db', 'c-a', ['10.1.0.1'])))
    assert.equal(w.ask('db.shop.svc'), 'NXDOMAIN')
    w.imports.take(put(headless('db')))
    assert.equal(w.ask('db.shop.svc'), 'NOERROR 10.1.0.1')
    w.slices.take(put(sliceOf('db-2', 'db', 'c-b', ['10.2.0.1'])))
    assert.equal(w.ask('db.shop.svc'), 'NOERROR 10.1.0.1 10.2.0.1')
    w.slices.take(put(sliceOf('db-1', 'db', 'c-a', ['10.1.0.1 unready'])))
    assert.equal(w.ask('db.shop.svc'), 'NOERROR 10.2.0.1')
    w.slices.take(gone(sliceOf('db-2', 'db', 'c-b', [])))
    assert.equal(w.ask('db.shop.svc'), 'NXDOMAIN')
  })

  test('a slice that moves to another service leaves the first', async () => {
    const w = world()
    await w.synced()
    for (const name of ['db', 'copy']) w.imports.take(put(headless(name)))
    w.slices.take(put(sliceOf('s', 'db', 'c-a', ['10.1.0.1'])))
    w.slices.take(put(sliceOf('s', 'copy', 'c-a', ['10.1.0.1'])))
    assert.deepEqual([w.ask('db.shop.svc'), w.ask('copy.shop.svc')], ['NXDOMAIN', 'NOERROR 10.1.0.1'])
  })

  test('what a slice says of a service with an address changes no name', async () => {
    const w = world()
    await w.synced()
    w.imports.take(put(virtual('web', '10.42.0.7')))
    const before = w.serial()
    w.slices.take(put(sliceOf('web-1', 'web', 'c-a', ['10.1.0.1'])))
    assert.equal(w.serial(), before)
  })

  test('a headless service that gets an address, and loses it, has the endpoints of both times', async () => {
    const w = world()
    await w.synced()
    w.imports.take(put(headless('db')))
    w.slices.take(put(sliceOf('db-1', 'db', 'c-a', ['10.1.0.1'])))
    w.imports.take(put(virtual('db', '10.42.0.7')))
    w.slices.take(put(sliceOf('db-2', 'db', 'c-b', ['10.2.0.1'])))
    assert.equal(w.ask('db.shop.svc'), 'NOERROR 10.42.0.7')
    w.imports.take(put(headless('db')))
    assert.equal(w.ask('db.shop.svc'), 'NOERROR 10.1.0.1 10.2.0.1')
  })

  test('a service that turns headless loses its address', async () => {
    const w = world()
    await w.synced()
    w.imports.take(put(virtual('web', '10.42.0.7')))
    w.imports.take(put(headless('web')))
    assert.equal(w.ask('web.shop.svc'), 'NXDOMAIN')
  })

  test('a namespace comes and goes', async () => {
    const w = world()
    await w.synced()
    w.namespaces.take(put(namespace('late')))
    assert.equal(w.ask('late.svc'), 'NOERROR')
    w.namespaces.take(gone(namespace('late')))
    assert.equal(w.ask('late.svc'), 'NXDOMAIN')
  })

  test('a malformed import has no names, and takes no others with it', async () => {
    const w = world()
    await w.synced()
    w.imports.take(put(imported('odd', { type: 'Sideways', ports: 'many' })))
    w.imports.take(put(virtual('web', '10.42.0.7')))
    assert.deepEqual([w.ask('odd.shop.svc'), w.ask('web.shop.svc')], ['NXDOMAIN', 'NOERROR 10.42.0.7'])
  })

  test('a later list that lacks an import takes its names away; until it is complete nothing changes', async () => {
    const w = world()
    await w.synced()
    w.imports.take(put(virtual('web', '10.42.0.7')))
    w.imports.take({ type: 'reset' })
    assert.equal(w.ask('web.shop.svc'), 'NOERROR 10.42.0.7')
    w.imports.take({ type: 'synced' })
    assert.equal(w.ask('web.shop.svc'), 'NXDOMAIN')
  })

  test('stopping before anything was heard ends the wait', async () => {
    const w = world()
    w.stop.abort()
    await w.following
    assert.equal(w.ask('web.shop.svc'), 'SERVFAIL')
  })
})
