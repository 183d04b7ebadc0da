import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '#test/kit/eventually.ts'
import { logger } from '#lib/std/log.ts'
import type { Controller, Next } from './controller.ts'
import { again, blocked, controller, settled, source } from './controller.ts'
import type { ConfigMap } from './kinds.ts'
import { configMaps } from './kinds.ts'
import type { Key } from './object.ts'
import { keyOf, keyText } from './object.ts'
import type { Run } from './runs.ts'
import { onRuns } from './runs.ts'
import { store } from './store.ts'

const quiet = logger('test', 'silent')
const map = (name: string, version = '1', owner = name): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, uid: name, resourceVersion: version },
  data: { owner },
})

/** A controller over one store, with a scripted reconciler. */
function world(reconcile: (key: string, signal: AbortSignal) => Promise<Next>, workers = 1, calmMs = 0) {
  const { store: maps, writer } = store(configMaps, quiet)
  const stop = new AbortController()
  const runs: Run[] = []
  const deaf = onRuns((run) => runs.push(run))
  stop.signal.addEventListener('abort', deaf)
  const made = controller({
    name: 'test',
    sources: [source(maps, (object) => [keyOf(object), { name: object.data?.owner ?? '' }])],
    reconcile: (key, signal) => reconcile(keyText(key), signal),
    workers,
    calmMs: () => calmMs,
    log: quiet,
  })
  const sync = (...objects: ConfigMap[]) => {
    writer.take({ type: 'reset' })
    for (const object of objects) writer.take({ type: 'put', object })
    writer.take({ type: 'synced' })
  }
  return { made, writer, stop, runs, sync, running: made.run(stop.signal) }
}

suite('controller', () => {
  test('runs nothing before its stores are synced, then every object once', async () => {
    const seen: string[] = []
    const { sync, stop, running } = world((key) => Promise.resolve(settled).finally(() => seen.push(key)))
    await sleep(5)
    assert.deepEqual(seen, [])
    sync(map('a'), map('b'))
    await eventually(() => assert.deepEqual(seen, ['a', 'b']))
    stop.abort()
    await running
  })

  test('gives way to one that is busy, until a moment after it was, or for so long at most', async () => {
    const order: string[] = []
    const releases: (() => void)[] = []
    const first = world((key) => new Promise((done) => releases.push(() => done((order.push(`first ${key}`), settled)))))
    first.sync(map('a'), map('b'))
    await eventually(() => assert.deepEqual([first.made.busy, releases.length], [true, 1]))
    const giving = (mostMs: number) => {
      const { store: maps, writer } = store(configMaps, quiet)
      for (const event of [{ type: 'reset' }, { type: 'put', object: map('c') }, { type: 'synced' }] as const) writer.take(event)
      return controller({
        name: 'giving',
        sources: [source(maps, (object) => [keyOf(object)])],
        reconcile: () => Promise.resolve((order.push(`for ${mostMs}`), settled)),
        givesWay: { to: [first.made], mostMs: () => mostMs },
        log: quiet,
      }).run(first.stop.signal)
    }
    const running = [0, 150, 60_000].map(giving)
    await eventually(() => assert.deepEqual(order, ['for 0', 'for 150']))
    releases.shift()?.()
    await eventually(() => assert.equal(releases.length, 1))
    releases.shift()?.()
    await eventually(() => assert.equal(order.at(-1), 'for 60000'), 5000)
    assert.deepEqual(order, ['for 0', 'for 150', 'first a', 'first b', 'for 60000'])
    first.stop.abort()
    await Promise.all([first.running, ...running])
  })

  const giveWay = (to: Controller, run: () => Promise<Next>, mostMs = 60_000) => {
    const { store: maps, writer } = store(configMaps, quiet)
    for (const event of [{ type: 'reset' }, { type: 'put', object: map('c') }, { type: 'synced' }] as const) writer.take(event)
    return controller({
      name: 'giving',
      sources: [source(maps, (object) => [keyOf(object)])],
      reconcile: run,
      givesWay: { to: [to], mostMs: () => mostMs },
      log: quiet,
    })
  }

  for (const [how, run] of [
    ['fails', () => Promise.reject(new Error('no'))],
    ['hangs', () => new Promise<Next>((done) => setTimeout(() => done(settled), 30_000).unref())],
  ] as const)
    test(`gives way to none whose work ${how}, however much waits there`, async () => {
      const first = world(run)
      first.sync(map('a'), map('b'), map('d'))
      let isDone = false
      await eventually(() => assert.equal(first.runs.length > 0 || how === 'hangs', true))
      const stop = new AbortController()
      const giving = giveWay(first.made, () => Promise.resolve(((isDone = true), settled))).run(stop.signal)
      await eventually(() => assert.ok(isDone), 10_000)
      stop.abort()
      first.stop.abort()
      await giving
    })

  test('what failed has waited: it does not give way once more', async () => {
    const hold: (() => void)[] = []
    const first = world(() => new Promise((done) => hold.push(() => done(settled))))
    first.sync(map('a'), map('b'))
    await eventually(() => assert.equal(first.made.busy, true))
    const at: number[] = []
    const stop = new AbortController()
    const giving = giveWay(
      first.made,
      () => {
        at.push(performance.now())
        return at.length < 3 ? Promise.reject(new Error('no')) : Promise.resolve(settled)
      },
      400,
    ).run(stop.signal)
    await eventually(() => assert.equal(at.length, 3), 5000)
    assert.equal(first.made.busy, true)
    assert.ok((at[2] ?? 0) - (at[0] ?? 0) < 350, String(at))
    stop.abort()
    first.stop.abort()
    for (const done of hold) done()
    await giving
  })

  test('is busy with one flow alone, where that is said', async () => {
    const adds: ((key: Key, flow?: string) => void)[] = []
    const stop = new AbortController()
    const made = controller({
      name: 'flows',
      busyWith: 'own',
      sources: [{ whenSynced: () => Promise.resolve(), follow: (add) => (adds.push(add), () => undefined) }],
      reconcile: () => Promise.resolve(settled),
      log: quiet,
    })
    const running = made.run(stop.signal)
    await eventually(() => assert.equal(adds.length, 1))
    const [add] = adds
    for (const name of ['a', 'b', 'c']) add?.({ name }, 'other')
    await sleep(20)
    assert.equal(made.busy, false)
    add?.({ name: 'd' }, 'own')
    assert.equal(made.busy, true)
    stop.abort()
    await running
  })

  test('a change of what nobody looks at wakes nobody', () => {
    const { store: maps, writer } = store(configMaps, quiet)
    const seen: string[] = []
    const from = source(maps, (object) => [keyOf(object)], { sees: ({ data }) => data })
    from.follow((key) => seen.push(keyText(key)))
    for (const object of [
      map('a'),
      map('a', '2'),
      { ...map('a', '3'), metadata: { ...map('a', '3').metadata, labels: { x: 'y' } } },
    ])
      writer.take({ type: 'put', object })
    assert.deepEqual(seen, ['a'])
    writer.take({ type: 'put', object: map('a', '4', 'other') })
    writer.take({ type: 'gone', object: map('a', '5', 'other') })
    assert.deepEqual(seen, ['a', 'a', 'a', 'a'])
  })

  test('a change wakes the keys of the old state and of the new', async () => {
    const seen: string[] = []
    const { sync, writer, stop, running } = world((key) => Promise.resolve(settled).finally(() => seen.push(key)))
    sync(map('a', '1', 'old'))
    await eventually(() => assert.equal(seen.length, 2))
    seen.length = 0
    writer.take({ type: 'put', object: map('a', '2', 'new') })
    await eventually(() => assert.deepEqual(seen.sort(), ['a', 'new', 'old']))
    stop.abort()
    await running
  })

  test('a calm one runs a key once for all changes that come together, so long after the first of them', async () => {
    const seen: (readonly [string, number])[] = []
    const calmMs = 200
    const { made, sync, stop, running } = world(
      (key) => Promise.resolve(settled).finally(() => seen.push([key, performance.now()])),
      1,
      calmMs,
    )
    sync()
    const began = performance.now()
    for (let i = 0; i < 20; i++) made.add({ name: `key-${i % 2}` })
    await sleep(10)
    for (let i = 0; i < 20; i++) made.add({ name: `key-${i % 2}` })
    await eventually(() => assert.deepEqual(seen.map(([key]) => key).sort(), ['key-0', 'key-1']))
    assert.ok(seen.every(([, at]) => at - began >= calmMs - 1))
    made.add({ name: 'key-0' })
    await eventually(() => assert.equal(seen.length, 3))
    stop.abort()
    await running
  })

  test('a key never runs twice at once, other keys do', async () => {
    let [now, most] = [0, 0]
    const perKey = new Map<string, number>()
    const { made, sync, stop, running, runs } = world(async (key) => {
      now++
      most = Math.max(most, now)
      perKey.set(key, (perKey.get(key) ?? 0) + 1)
      assert.equal(perKey.get(key), 1)
      await sleep(20)
      perKey.set(key, 0)
      now--
      return settled
    }, 3)
    sync()
    for (let i = 0; i < 60; i++) {
      made.add({ name: `key-${i % 5}` })
      await sleep(1)
    }
    stop.abort()
    await running
    assert.equal(most, 3)
    assert.ok(runs.every((run) => run.outcome === 'settled'))
  })

  test('what throws comes back, later each time; what is blocked does not; what says again does when it said', async () => {
    const times: Record<string, number[]> = { fails: [], blocked: [], again: [] }
    const { made, sync, stop, running } = world((key) => {
      times[key]?.push(performance.now())
      if (key === 'fails') return Promise.reject(new Error('broken'))
      return Promise.resolve(key === 'blocked' ? blocked('NoGateway', 'label a node') : again(30, 'waiting for the gateway'))
    })
    sync()
    for (const name of Object.keys(times)) made.add({ name })
    await eventually(() => assert.ok((times.fails?.length ?? 0) >= 6 && (times.again?.length ?? 0) >= 3))
    stop.abort()
    await running
    const gaps = (times.fails ?? []).slice(1).map((at, i) => at - (times.fails?.[i] ?? 0))
    assert.ok((gaps[4] ?? 0) > (gaps[0] ?? Infinity), gaps.join())
    assert.equal(times.blocked?.length, 1)
    assert.ok((times.again?.[1] ?? 0) - (times.again?.[0] ?? 0) >= 29)
  })

  test('stops when told: a run under way hears it and is waited for', async () => {
    let ended = false
    const { made, sync, stop, running } = world(async (_, signal) => {
      await sleep(60_000, undefined, { signal }).catch(() => undefined)
      await sleep(5)
      ended = true
      return settled
    })
    sync()
    made.add({ name: 'a' })
    await sleep(5)
    stop.abort()
    await running
    assert.ok(ended)
  })
})
