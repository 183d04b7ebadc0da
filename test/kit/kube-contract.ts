// What the client, the watch and everything above them rely on an apiserver to do. The same suite runs against the fault server
// (so that the fault server stays honest) and against a real apiserver (so that we do).
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Kube } from '#lib/kube/client.ts'
import { kube } from '#lib/kube/client.ts'
import type { Connection } from '#lib/kube/connection.ts'
import { isAlreadyExists, isConflict, isNotFound } from '#lib/kube/errors.ts'
import { recorder } from '#lib/kube/events.ts'
import { keyOf, pathOf } from '#lib/kube/object.ts'
import { addFinalizer, lifeOf, removeFinalizer } from '#lib/kube/finalizer.ts'
import type { ConfigMap, Service } from '#lib/kube/kinds.ts'
import { configMaps, events, leases, services } from '#lib/kube/kinds.ts'
import type { Leadership } from '#lib/kube/lease.ts'
import { elect } from '#lib/kube/lease.ts'
import { reflect } from '#lib/kube/reflector.ts'
import { settled } from '#lib/kube/controller.ts'
import type { Plan } from '#lib/kube/plan.ts'
import { applyPlan } from '#lib/kube/plan.ts'
import { time } from '#lib/kube/time.ts'
import { logger } from '#lib/std/log.ts'
import { eventually } from './eventually.ts'

/** A namespace to work in, that nobody else uses; disposing removes it. */
export interface ContractWorld extends AsyncDisposable {
  readonly connection: Connection
  readonly namespace: string
  /** The server forgets how things were before now: a watch from then, or the next page of a list from then, has expired. */
  forget(): Promise<void>
}

const quiet = logger('contract', 'silent')

export function kubeContract(name: string, connect: () => Promise<ContractWorld>): void {
  suite(`the Kubernetes API as we use it: ${name}`, () => {
    let world: ContractWorld
    let client: Kube
    let namespace: string
    let stop: AbortController
    const configMap = (called: string, data: Record<string, string> = {}, labels: Record<string, string> = {}): ConfigMap => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: called, namespace, labels },
      data,
    })
    const service = (called: string): Service => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: called, namespace },
      spec: { ports: [{ port: 80 }], selector: { app: 'none' } },
    })
    const conditions = [{ type: 'Ready', status: 'True', reason: 'Tested', message: '', lastTransitionTime: time(new Date()) }]
    const ready = (have: Service): Plan => ({
      steps: [{ do: 'status', kind: services, key: keyOf(have), status: { conditions }, have }],
      next: settled,
    })
    const conditionOf = (object: Service | undefined) => object?.status?.conditions?.[0]?.type

    suiteSetup(async function () {
      this.timeout(60_000)
      world = await connect()
      client = kube(world.connection, quiet)
      namespace = world.namespace
    })
    suiteTeardown(async () => {
      await client[Symbol.asyncDispose]()
      await world[Symbol.asyncDispose]()
    })
    setup(() => {
      stop = new AbortController()
    })
    teardown(() => stop.abort())

    test('what is not there is undefined, and deleting it is no error', async () => {
      assert.equal(await client.get(configMaps, { namespace, name: 'nothing' }, stop.signal), undefined)
      await client.delete(configMaps, { namespace, name: 'nothing' }, {}, stop.signal)
    })

    test('creating twice says AlreadyExists; replacing an old version says Conflict; replacing nothing says NotFound', async () => {
      const made = await client.create(configMaps, configMap('twice'), {}, stop.signal)
      await assert.rejects(client.create(configMaps, configMap('twice'), {}, stop.signal), isAlreadyExists)
      await client.replace(configMaps, { ...made, data: { a: '1' } }, {}, stop.signal)
      await assert.rejects(client.replace(configMaps, { ...made, data: { a: '2' } }, {}, stop.signal), isConflict)
      await assert.rejects(client.replace(configMaps, configMap('nothing'), {}, stop.signal), isNotFound)
    })

    test('objects come without managedFields and with their kind, also from a list', async () => {
      await client.apply(configMaps, configMap('plain'), { fieldManager: 'contract' }, stop.signal)
      const { items } = await client.list(configMaps, { namespace, fields: 'metadata.name=plain' }, stop.signal)
      assert.deepEqual(
        items.map((item) => [item.apiVersion, item.kind, 'managedFields' in item.metadata]),
        [['v1', 'ConfigMap', false]],
      )
    })

    test('a list of more than one page is whole, also when it expires between two pages', async function () {
      this.timeout(120_000)
      const names = Array.from({ length: 210 }, (_, i) => `page-${i}`)
      for (let i = 0; i < names.length; i += 30) {
        await Promise.all(
          names
            .slice(i, i + 30)
            .map((each) => client.create(configMaps, configMap(each, {}, { test: 'pages' }), {}, stop.signal)),
        )
      }
      const where = { namespace, labels: 'test=pages' }
      const { items } = await client.list(configMaps, where, stop.signal)
      assert.deepEqual(items.map((item) => item.metadata.name).sort(), names.sort())

      let requests = 0
      const token: Connection['token'] = async (last) => {
        requests++
        if (requests === 2) await world.forget()
        return world.connection.token(last)
      }
      await using another = kube({ ...world.connection, token }, quiet)
      const { store, done } = reflect(another, configMaps, where, stop.signal)
      await store.whenSynced(stop.signal)
      assert.deepEqual(
        store
          .list()
          .map((item) => item.metadata.name)
          .sort(),
        names,
      )
      // A page, the one that was refused, and three of a new list; the watch may have begun.
      assert.ok(requests >= 5, `${requests} requests`)
      stop.abort()
      await done
    })

    test('server-side apply creates, changes, takes away what we no longer name, and leaves the fields of others', async () => {
      const ours = { fieldManager: 'contract-ours' }
      await client.apply(configMaps, configMap('shared', { a: '1', b: '1' }), ours, stop.signal)
      await client.apply(configMaps, configMap('shared', { theirs: '1' }), { fieldManager: 'contract-theirs' }, stop.signal)
      const after = await client.apply(configMaps, configMap('shared', { a: '2' }), ours, stop.signal)
      assert.deepEqual(after.data, { a: '2', theirs: '1' })
    })

    test('an apply without force of what another manager holds is a conflict that names the field', async () => {
      await client.apply(configMaps, configMap('held', { a: '1' }), { fieldManager: 'contract-first' }, stop.signal)
      const second = client.apply(
        configMaps,
        configMap('held', { a: '2' }),
        { fieldManager: 'contract-second', force: false },
        stop.signal,
      )
      await assert.rejects(second, (error) => isConflict(error) && error.details?.causes?.[0]?.field === '.data.a')
    })

    test('an apply that changes nothing leaves the resource version alone', async () => {
      const first = await client.apply(configMaps, configMap('still', { a: '1' }), { fieldManager: 'contract' }, stop.signal)
      const second = await client.apply(configMaps, configMap('still', { a: '1' }), { fieldManager: 'contract' }, stop.signal)
      assert.equal(second.metadata.resourceVersion, first.metadata.resourceVersion)
    })

    test('a dry run answers as if and changes nothing', async () => {
      const made = await client.apply(
        configMaps,
        configMap('dry', { a: '1' }),
        { fieldManager: 'contract', dryRun: true },
        stop.signal,
      )
      assert.deepEqual(made.data, { a: '1' })
      assert.equal(await client.get(configMaps, { namespace, name: 'dry' }, stop.signal), undefined)
    })

    test('status is written apart from the rest', async () => {
      const object = service('with-status')
      await client.apply(services, object, { fieldManager: 'contract' }, stop.signal)
      const status = { ...object, status: { conditions } }
      await client.apply(services, status, { fieldManager: 'contract', subresource: 'status' }, stop.signal)
      const after = await client.get(services, { namespace, name: 'with-status' }, stop.signal)
      assert.deepEqual(after?.status?.conditions, conditions)
      assert.deepEqual(after.spec?.selector, { app: 'none' })
    })

    test('a status is written to the object that was seen, also when it has changed since', async () => {
      const have = await client.create(services, service('changed'), {}, stop.signal)
      await client.patch(services, keyOf(have), { metadata: { labels: { changed: 'since' } } }, {}, stop.signal)
      await applyPlan(client, ready(have), 'contract', stop.signal)
      assert.equal(conditionOf(await client.get(services, keyOf(have), stop.signal)), 'Ready')
    })

    test('a status is not written to what was made anew under the name, and that is well', async () => {
      const have = await client.create(services, service('made-anew'), {}, stop.signal)
      await client.delete(services, keyOf(have), {}, stop.signal)
      await client.create(services, service('made-anew'), {}, stop.signal)
      await applyPlan(client, ready(have), 'contract', stop.signal)
      assert.equal(conditionOf(await client.get(services, keyOf(have), stop.signal)), undefined)
    })

    test('a delete with the uid of another incarnation is a conflict', async () => {
      const made = await client.create(configMaps, configMap('reborn'), {}, stop.signal)
      const key = { namespace, name: 'reborn' }
      await assert.rejects(client.delete(configMaps, key, { uid: 'another' }, stop.signal), isConflict)
      await client.delete(configMaps, key, { uid: made.metadata.uid ?? '' }, stop.signal)
      assert.equal(await client.get(configMaps, key, stop.signal), undefined)
    })

    test('a reflection hears puts, changes and deletions, only of what its selector selects', async () => {
      const { store, done } = reflect(client, configMaps, { namespace, labels: 'test=reflect' }, stop.signal)
      await store.whenSynced(stop.signal)
      const heard: string[] = []
      store.onChange((object, old) => heard.push(`${old?.data?.v ?? '-'} → ${object?.data?.v ?? '-'}`))
      const labels = { test: 'reflect' }
      const apply = (data: Record<string, string>, with_: Record<string, string>) =>
        client.apply(configMaps, configMap('seen', data, with_), { fieldManager: 'contract' }, stop.signal)
      await apply({ v: '1' }, labels)
      await apply({ v: '2' }, labels)
      await apply({ v: '3' }, {})
      await apply({ v: '4' }, labels)
      await client.delete(configMaps, { namespace, name: 'seen' }, {}, stop.signal)
      await eventually(() => assert.deepEqual(heard, ['- → 1', '1 → 2', '2 → -', '- → 4', '4 → -']))
      stop.abort()
      await done
    })

    test('a watch gets a bookmark before it ends, which is past what happened to objects it does not select', async function () {
      this.timeout(30_000)
      const { resourceVersion } = await client.list(configMaps, { namespace, labels: 'test=bookmark' }, stop.signal)
      const query = { watch: true, allowWatchBookmarks: true, resourceVersion, timeoutSeconds: 5, labelSelector: 'test=bookmark' }
      const ask = { method: 'GET', path: pathOf(configMaps, { namespace }), query } as const
      const events: { readonly type: string; readonly object: ConfigMap }[] = []
      const read = async () => {
        for await (const line of client.stream(ask, 20_000, stop.signal)) events.push(line as (typeof events)[number])
      }
      const watching = read()
      // While it is open: of what was before, an apiserver has nothing to tell.
      await sleep(1000)
      const unseen = await client.create(configMaps, configMap('unseen'), {}, stop.signal)
      await watching
      assert.deepEqual([...new Set(events.map(({ type }) => type))], ['BOOKMARK'])
      const version = (object: ConfigMap | undefined) => BigInt(object?.metadata.resourceVersion ?? 0)
      assert.ok(version(events.at(-1)?.object) >= version(unseen))
    })

    test('a watch that comes back when its history is forgotten is refused, lists anew, and the store is swapped whole', async function () {
      this.timeout(120_000)
      const labels = { test: 'forgotten' }
      const named = (name: string, v: string) => configMap(name, { v }, labels)
      for (const name of ['stays', 'goes']) await client.create(configMaps, named(name, '1'), {}, stop.signal)
      const wire = interruptible(client)
      const { store, done } = reflect(wire.kube, configMaps, { namespace, labels: 'test=forgotten' }, stop.signal)
      await store.whenSynced(stop.signal)
      const heard: string[] = []
      store.onChange((object, old) => {
        heard.push(`${(object ?? old)?.metadata.name ?? ''} ${old?.data?.v ?? '-'} → ${object?.data?.v ?? '-'}`)
      })
      wire.cut()
      await client.delete(configMaps, { namespace, name: 'goes' }, {}, stop.signal)
      await client.apply(configMaps, named('stays', '2'), { fieldManager: 'contract' }, stop.signal)
      await client.create(configMaps, named('comes', '1'), {}, stop.signal)
      await world.forget()
      assert.equal(heard.length, 0)
      wire.mend()
      await eventually(() => assert.deepEqual(heard.toSorted(), ['comes - → 1', 'goes 1 → -', 'stays 1 → 2']))
      assert.deepEqual([wire.expired(), wire.lists()], [1, 2])
      // And it goes on from there.
      await client.delete(configMaps, { namespace, name: 'comes' }, {}, stop.signal)
      await eventually(() => assert.equal(heard.at(-1), 'comes 1 → -'))
      assert.equal(wire.lists(), 2)
      stop.abort()
      await done
    })

    test('a plan writes only what differs from what is there', async () => {
      const plan = (have: ConfigMap | undefined, data: Record<string, string>) =>
        ({ steps: [{ do: 'apply', kind: configMaps, object: configMap('planned', data), have }], next: settled }) as const
      const read = () => client.get(configMaps, { namespace, name: 'planned' }, stop.signal)
      await applyPlan(client, plan(undefined, { a: '1', b: '1' }), 'contract', stop.signal)
      const first = await read()
      await applyPlan(client, plan(first, { a: '1', b: '1' }), 'contract', stop.signal)
      assert.deepEqual(await read(), first)
      await applyPlan(client, plan(first, { a: '1' }), 'contract', stop.signal)
      assert.deepEqual((await read())?.data, { a: '1' })
    })

    test('a finalizer holds a deleted object until it is taken off', async () => {
      const key = { namespace, name: 'finalized' }
      const made = await client.create(configMaps, configMap('finalized'), {}, stop.signal)
      const held = await addFinalizer(client, configMaps, made, 'example.com/hold', stop.signal)
      await client.delete(configMaps, key, {}, stop.signal)
      const dying = await client.get(configMaps, key, stop.signal)
      assert.equal(lifeOf(held, 'example.com/hold'), 'held')
      assert.ok(dying !== undefined)
      assert.equal(lifeOf(dying, 'example.com/hold'), 'dying')
      await removeFinalizer(client, configMaps, dying, 'example.com/hold', stop.signal)
      assert.equal(await client.get(configMaps, key, stop.signal), undefined)
    })

    test('an event said again is counted in a series and not written again', async () => {
      const regarding = await client.create(configMaps, configMap('spoken-of'), {}, stop.signal)
      const say = recorder({ kube: client, component: 'contract', instance: 'contract-1' }, stop.signal)
      const event = { regarding, type: 'Normal', reason: 'Tested', action: 'Testing', note: 'it was tested' } as const
      for (let i = 0; i < 4; i++) await say(event)
      const { items } = await client.list(events, { namespace }, stop.signal)
      const ours = items.filter((item) => item.regarding?.uid === regarding.metadata.uid)
      assert.deepEqual(
        ours.map((item) => [item.reason, item.note, item.series?.count]),
        [['Tested', 'it was tested', 4]],
      )
    })

    test('one of two candidates leads; when it stops, the other takes over with a higher term', async () => {
      const said: string[] = []
      const candidate = (identity: string, signal: AbortSignal) =>
        elect(
          {
            kube: client,
            namespace,
            name: 'contract',
            identity,
            leaseSeconds: 4,
            renewSeconds: 0.3,
            onChange: (now: Leadership) => said.push(`${identity} ${now.role} ${now.term}`),
          },
          signal,
        )
      const first = new AbortController()
      const running = [candidate('a', AbortSignal.any([first.signal, stop.signal]))]
      await eventually(() => assert.deepEqual(said, ['a leader 0']))
      running.push(candidate('b', stop.signal))
      await sleep(1000)
      assert.deepEqual(said, ['a leader 0', 'b follower 0'])
      first.abort()
      await eventually(() => assert.deepEqual(said, ['a leader 0', 'b follower 0', 'a follower 0', 'b leader 1']))
      stop.abort()
      await Promise.all(running)
      const lease = await client.get(leases, { namespace, name: 'contract' }, new AbortController().signal)
      assert.equal(lease?.spec?.holderIdentity ?? '', '')
    })
  })
}

/** A client whose streams can be cut, and are not opened again until they are mended; it counts lists, and streams that had expired. */
function interruptible(client: Kube) {
  let [expired, lists] = [0, 0]
  let cut = new AbortController()
  let gap = Promise.withResolvers<undefined>()
  gap.resolve(undefined)
  const kube: Pick<Kube, 'list' | 'stream' | 'log'> = {
    log: client.log,
    list: (kind, where, signal) => {
      lists++
      return client.list(kind, where, signal)
    },
    stream: async function* (ask, ms, signal) {
      await gap.promise
      for await (const line of client.stream(ask, ms, AbortSignal.any([signal, cut.signal]))) {
        const { type, object } = line as { readonly type: string; readonly object: { readonly code?: number } }
        if (type === 'ERROR' && object.code === 410) expired++
        yield line
      }
    },
  }
  return {
    kube,
    expired: () => expired,
    lists: () => lists,
    cut: () => {
      gap = Promise.withResolvers<undefined>()
      cut.abort()
    },
    mend: () => {
      cut = new AbortController()
      gap.resolve(undefined)
    },
  }
}
