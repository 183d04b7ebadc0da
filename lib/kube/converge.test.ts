import assert from 'node:assert/strict'
import type { ApiServer } from '#test/kit/apiserver.ts'
import { apiserver, writes } from '#test/kit/apiserver.ts'
import { logger } from '#lib/std/log.ts'
import { pause } from '#lib/std/pause.ts'
import type { Kube } from './client.ts'
import { kube } from './client.ts'
import { settled } from './controller.ts'
import { converge } from './converge.ts'
import { configMaps, services } from './kinds.ts'
import type { KubeObject } from './object.ts'
import { ownedBy } from './object.ts'
import type { Plan, Step } from './plan.ts'
import { reflect } from './reflector.ts'
import type { Store } from './store.ts'

const map = (name: string, data: Record<string, string> = { a: '1' }, metadata: object = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'n', ...metadata },
  data,
})
const key = (name: string) => ({ namespace: 'n', name })
const put = (object: KubeObject, have?: KubeObject): Step => ({ do: 'apply', kind: configMaps, object, have })

suite('converge', () => {
  let server: ApiServer
  let client: Kube
  let stop: AbortController
  let store: Store
  setup(async () => {
    server = await apiserver()
    client = kube(server.connection, logger('test', 'silent'))
    stop = new AbortController()
    store = reflect(client, configMaps, {}, stop.signal).store
    await store.whenSynced(stop.signal)
  })
  teardown(async () => {
    stop.abort()
    await client[Symbol.asyncDispose]()
    await server[Symbol.asyncDispose]()
  })
  const run = (plan: (have: readonly KubeObject[]) => Plan, have: readonly KubeObject[] = []) =>
    converge({ kube: client, fieldManager: 'test', stores: [store], have, plan }, stop.signal)
  const steps = (...some: Step[]): Plan => ({ steps: some, next: settled })
  const named = (have: readonly KubeObject[], name: string) => have.find((object) => object.metadata.name === name)

  /** A child needs the uid of its parent. */
  const family = (have: readonly KubeObject[]): Plan => {
    const [parent, child] = [named(have, 'parent'), named(have, 'child')]
    return parent === undefined
      ? steps(put(map('parent')))
      : steps(put(map('child', { a: '1' }, { ownerReferences: [ownedBy(parent)] }), child))
  }

  test('a write’s answer counts at once: what needs an owner is written in the same run', async () => {
    assert.equal((await run(family)).kind, 'settled')
    assert.equal(server.read(configMaps, key('child'))?.metadata.ownerReferences?.[0]?.name, 'parent')
  })

  test('it ends when the store has heard its writes, so that a run after it writes nothing', async () => {
    await run(family)
    const before = writes(server).length
    assert.deepEqual(
      store
        .list()
        .map((object) => object.metadata.name)
        .sort(),
      ['child', 'parent'],
    )
    await run(family, store.list())
    assert.equal(writes(server).length, before)
  })

  test('steps of one plan go side by side: a slow one does not hold the others up', async () => {
    server.fault((seen) => seen.name === 'a' && seen.verb === 'apply', { do: 'silence' })
    const slow = run((have) => steps(put(map('a'), named(have, 'a')), put(map('b'), named(have, 'b'))))
    while (store.get(key('b')) === undefined) await pause(5, stop.signal)
    assert.equal(server.read(configMaps, key('a')), undefined)
    stop.abort()
    await assert.rejects(slow)
  })

  test('one that fails stops what comes after, and not what is beside it', async () => {
    server.fault((seen) => seen.name === 'a', { do: 'status', code: 422, reason: 'Invalid' })
    const plan = (have: readonly KubeObject[]) =>
      named(have, 'b') === undefined ? steps(put(map('a')), put(map('b'))) : steps(put(map('c')))
    await assert.rejects(run(plan), /422/)
    assert.notEqual(server.read(configMaps, key('b')), undefined)
    assert.equal(server.read(configMaps, key('c')), undefined)
  })

  test('what the apiserver will never take keeps nothing stale in place; what it may take later does', async () => {
    const plan = (have: readonly KubeObject[]) => {
      const [a, stale] = [named(have, 'a'), named(have, 'stale')]
      if (a === undefined) return steps(put(map('a')))
      return steps(
        ...(stale === undefined ? [] : [{ do: 'delete', kind: configMaps, key: key('stale') } as const]),
        put(map('c')),
      )
    }
    for (const [code, left] of [
      [500, true],
      [422, false],
    ] as const) {
      await run((have) => steps(put(map('stale'), named(have, 'stale'))))
      const again = server.fault((seen) => seen.name === 'a', { do: 'status', code })
      await assert.rejects(run(plan, store.list()), new RegExp(String(code)))
      assert.equal(server.read(configMaps, key('stale')) !== undefined, left, String(code))
      assert.equal(server.read(configMaps, key('c')), undefined)
      again()
    }
  })

  test('what is deleted is gone from what the next plan sees, and from the store', async () => {
    await run((have) => steps(put(map('old'), named(have, 'old'))))
    const replace = (have: readonly KubeObject[]): Plan => {
      const old = named(have, 'old')
      if (old !== undefined) return steps({ do: 'delete', kind: configMaps, key: key('old'), uid: old.metadata.uid ?? '' })
      return steps(put(map('new'), named(have, 'new')))
    }
    await run(replace, store.list())
    assert.deepEqual(
      store.list().map((object) => object.metadata.name),
      ['new'],
    )
  })

  test('a plan that is never content ends all the same', async () => {
    let n = 0
    await run((have) => steps(put(map('restless', { n: String(n++) }), named(have, 'restless'))))
    assert.ok(writes(server).length <= 10)
  })

  test('an object of a kind that no store shows is not waited for', async () => {
    const service: KubeObject = { apiVersion: 'v1', kind: 'Service', metadata: { name: 's', namespace: 'n' }, spec: {} }
    const began = performance.now()
    await run((have) => steps({ do: 'apply', kind: services, object: service, have: named(have, 's') }))
    assert.ok(performance.now() - began < 1000)
  })

  test('nothing to write is no wait and no request', async () => {
    const before = server.requests.length
    assert.equal((await run(() => steps())).kind, 'settled')
    assert.equal(server.requests.length, before)
  })
})
