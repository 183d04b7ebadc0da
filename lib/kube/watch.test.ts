// The real client and watch against a server that misbehaves in every way that was ever seen.
import assert from 'node:assert/strict'
import type { ApiServer, Fault, Seen } from '#test/kit/apiserver.ts'
import { apiserver } from '#test/kit/apiserver.ts'
import { eventually } from '#test/kit/eventually.ts'
import { logger } from '#lib/std/log.ts'
import type { Kube } from './client.ts'
import { kube } from './client.ts'
import { UnreachableError } from './errors.ts'
import type { ConfigMap } from './kinds.ts'
import { configMaps } from './kinds.ts'
import { reflect } from './reflector.ts'
import { watch } from './watch.ts'

const quiet = logger('test', 'silent')
const map = (name: string, v = '1'): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'n' },
  data: { v },
})
const isList = ({ verb }: Seen) => verb === 'list'
const isWatch = ({ verb }: Seen) => verb === 'watch'

suite('watch', () => {
  let server: ApiServer
  let client: Kube
  let stop: AbortController

  setup(async () => {
    server = await apiserver()
    client = kube(server.connection, quiet)
    stop = new AbortController()
  })
  teardown(async () => {
    stop.abort()
    await client[Symbol.asyncDispose]()
    await server[Symbol.asyncDispose]()
  })

  const start = () => reflect(client, configMaps, { namespace: 'n' }, stop.signal)
  const count = (match: (seen: Seen) => boolean) => server.requests.filter(match).length
  const only = () => [...server.watches][0]!
  /** Names in the store are these, soon. */
  const holds = (store: ReturnType<typeof start>['store'], ...names: string[]) =>
    eventually(() =>
      assert.deepEqual(
        store.list().map(({ metadata }) => metadata.name),
        names,
      ),
    )

  const faults: readonly [string, (seen: Seen) => boolean, Fault][] = [
    ['a 500 on the list', isList, { do: 'status', code: 500, reason: 'InternalError' }],
    ['a 503 in prose on the list', isList, { do: 'status', code: 503, text: 'upstream connect error' }],
    ['a 429 on the list', isList, { do: 'status', code: 429, retryAfterSeconds: 0 }],
    ['a reset on the list', isList, { do: 'reset' }],
    ['a 500 on the watch', isWatch, { do: 'status', code: 500, reason: 'InternalError' }],
    ['a 429 on the watch', isWatch, { do: 'status', code: 429, retryAfterSeconds: 0 }],
    ['a 410 on the watch', isWatch, { do: 'status', code: 410, reason: 'Gone' }],
    ['a 410 inside the watch', isWatch, { do: 'error-event', code: 410, reason: 'Expired' }],
    ['a 500 inside the watch', isWatch, { do: 'error-event', code: 500, reason: 'InternalError' }],
    ['a reset on the watch', isWatch, { do: 'reset' }],
  ]
  for (const [what, match, fault] of faults) {
    test(`goes on after ${what}, twice`, async () => {
      server.put(configMaps, map('a'))
      server.fault(match, fault, 2)
      const { store } = start()
      await holds(store, 'a')
      await eventually(() => assert.equal(server.watches.size, 1))
      server.put(configMaps, map('b'))
      await holds(store, 'a', 'b')
    })
  }

  test('a reset in the middle resumes from the last version: nothing is listed again, nothing is lost', async () => {
    const { store } = start()
    await store.whenSynced(stop.signal)
    server.put(configMaps, map('a'))
    await holds(store, 'a')
    only().reset()
    server.remove(configMaps, { namespace: 'n', name: 'a' })
    server.put(configMaps, map('b'))
    await holds(store, 'b')
    assert.equal(count(isList), 1)
  })

  test('a bookmark moves the version, so that a quiet watch resumes after history was forgotten', async () => {
    const { store } = start()
    await store.whenSynced(stop.signal)
    await eventually(() => assert.equal(server.watches.size, 1))
    server.compact()
    only().bookmark()
    only().end()
    await eventually(() => assert.equal(count(isWatch), 2))
    server.put(configMaps, map('a'))
    await holds(store, 'a')
    assert.equal(count(isList), 1)
  })

  test('when its version is too old, it lists again and swaps: what went unseen is gone', async () => {
    server.put(configMaps, map('a'))
    server.put(configMaps, map('b'))
    const { store } = start()
    await holds(store, 'a', 'b')
    await eventually(() => assert.equal(server.watches.size, 1))
    const gone: string[] = []
    store.onChange((object, old) => object === undefined && gone.push(old?.metadata.name ?? ''))
    only().silence()
    server.remove(configMaps, { namespace: 'n', name: 'a' })
    server.compact()
    only().reset()
    await holds(store, 'b')
    assert.deepEqual([gone, count(isList)], [['a'], 2])
  })

  test('an object deleted and made again between two watches is gone, then new', async () => {
    server.put(configMaps, map('a'))
    const { store } = start()
    await holds(store, 'a')
    await eventually(() => assert.equal(server.watches.size, 1))
    const heard: string[] = []
    store.onChange((object) => heard.push(object === undefined ? 'gone' : 'new'))
    only().silence()
    server.remove(configMaps, { namespace: 'n', name: 'a' })
    server.put(configMaps, map('a'))
    server.compact()
    only().reset()
    await eventually(() => assert.deepEqual(heard, ['gone', 'new']))
  })

  test('Retry-After is waited for', async () => {
    server.fault(isWatch, { do: 'status', code: 429, retryAfterSeconds: 1 })
    start()
    await eventually(() => assert.equal(count(isWatch), 1))
    const began = performance.now()
    await eventually(() => assert.equal(server.watches.size, 1))
    assert.ok(performance.now() - began > 900)
  })

  test('what is not JSON breaks one watch, not the reflection', async () => {
    const { store } = start()
    await eventually(() => assert.equal(server.watches.size, 1))
    only().send('<html>\n')
    await eventually(() => assert.equal(count(isWatch), 2))
    server.put(configMaps, map('a'))
    await holds(store, 'a')
  })

  test('a line cut into any chunks, and many lines in one chunk, are whole objects', async () => {
    const { store } = start()
    await eventually(() => assert.equal(server.watches.size, 1))
    const line = (name: string) =>
      `${JSON.stringify({ type: 'ADDED', object: { ...map(name, 'ü'.repeat(9)), metadata: { name, namespace: 'n', uid: name, resourceVersion: '2000' } } })}\n`
    const text = Buffer.from(line('a'))
    for (let i = 0; i < text.length; i += 7) {
      only().send(text.subarray(i, i + 7))
      if (i % 49 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    }
    only().send(line('b') + line('c'))
    await holds(store, 'a', 'b', 'c')
    assert.equal(store.get({ namespace: 'n', name: 'a' })?.data?.v, 'ü'.repeat(9))
  })

  test('ends with the signal, whatever it is waiting for', async () => {
    const { done } = start()
    await eventually(() => assert.equal(server.watches.size, 1))
    stop.abort()
    await done
    await eventually(() => assert.equal(server.watches.size, 0))
  })

  test('ends with the signal also while the server does not answer', async () => {
    server.fault(isList, { do: 'silence' })
    const { done } = start()
    await eventually(() => assert.equal(count(isList), 1))
    stop.abort()
    await done
  })

  test('a watch asks the server for its end and is given up soon after: silence is noticed within 45 s', async () => {
    const asked: { timeoutMs: number; limitMs: number }[] = []
    const silent: Pick<Kube, 'list' | 'stream' | 'log'> = {
      log: quiet,
      list: () => Promise.resolve({ items: [], resourceVersion: '5' }),
      stream: async function* (ask, ms) {
        assert.equal(ask.query?.resourceVersion, '5')
        asked.push({ timeoutMs: Number(ask.query.timeoutSeconds) * 1000, limitMs: ms })
        if (asked.length === 3) stop.abort()
        await Promise.resolve()
        throw new UnreachableError('GET', new Error('not done in time'))
      },
    }
    const lists: string[] = []
    for await (const event of watch(silent, configMaps, {}, stop.signal)) lists.push(event.type)
    assert.deepEqual(lists, ['reset', 'synced'])
    for (const { timeoutMs, limitMs } of asked) assert.ok(timeoutMs >= 30_000 && limitMs > timeoutMs && limitMs <= 45_000)
  })

  test('a stream that is still open when its time is up is cut', async () => {
    server.fault(isWatch, { do: 'silence' })
    const ask = { method: 'GET', path: '/api/v1/configmaps', query: { watch: true } } as const
    const began = performance.now()
    await assert.rejects(async () => {
      for await (const _ of client.stream(ask, 100, stop.signal)) assert.fail('silent')
    }, UnreachableError)
    assert.ok(performance.now() - began < 2000)
    await eventually(() => assert.equal(server.watches.size, 0))
  })
})
