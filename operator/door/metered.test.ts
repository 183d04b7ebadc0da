import assert from 'node:assert/strict'
import { mostOfAMember } from '#crds/limits.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import { queue } from '#lib/kube/queue.ts'
import type { WatchEvent } from '#lib/kube/watch.ts'
import type { Budget } from './budget.ts'
import { budgetOf } from './budget.ts'
import type { Throttled } from './metered.ts'
import { metered, shareOf } from './metered.ts'

/** An object of `source`, in its `version`th state; `bytes` longer than it would be. */
const object = (source: string, name: string, version = 1, bytes = 0): KubeObject => ({
  apiVersion: 'tombolo.dev/v1alpha1',
  kind: 'ExportedService',
  metadata: { name, namespace: source, resourceVersion: String(version), annotations: { padding: 'x'.repeat(bytes) } },
})

const endpointsOf = (source: string, name: string, service: string, count: number, version = 1): KubeObject => ({
  ...object(source, name, version),
  kind: 'ExportedEndpoints',
  ...{ spec: { namespace: 'shop', name: service, endpoints: Array.from({ length: count }, () => ({})) } },
})

/** A meter on a clock of the test's, and what stands in the store behind it. */
class Bed {
  readonly store = new Map<string, string>()
  /** What reached the store, in order: `source/name`. */
  readonly taken: { readonly what: string; readonly atMs: number }[] = []
  readonly #due = new Map<string, number>()
  readonly #meter
  over: readonly Throttled[] = []
  /** Asked for again, in order: `source/name`. */
  readonly asked: string[] = []
  nowMs = 0

  constructor(budget: Budget) {
    let incoming: Map<string, string> | undefined
    const take = (event: WatchEvent<KubeObject>) => {
      if (event.type === 'reset') incoming = new Map()
      if (event.type === 'synced') {
        this.store.clear()
        for (const [name, version] of incoming ?? []) this.store.set(name, version)
        incoming = undefined
      }
      if (event.type === 'put' || event.type === 'gone') {
        const { namespace = '', name, resourceVersion = '' } = event.object.metadata
        const what = `${namespace}/${name}`
        if (event.type === 'gone') this.store.delete(what)
        else (incoming ?? this.store).set(what, resourceVersion)
        this.taken.push({ what, atMs: this.nowMs })
      }
    }
    this.#meter = metered(
      { take },
      {
        kind: 'ExportedService',
        budget,
        sourceOf: ({ metadata }) => (metadata.namespace === 'ours' ? undefined : metadata.namespace),
        shareOf,
        now: () => this.nowMs,
        later: (source, ms) => this.#due.set(source, Math.min(this.#due.get(source) ?? Infinity, this.nowMs + ms)),
        ask: (_, key) => this.asked.push(key),
        told: (_, over) => (this.over = over),
      },
    )
  }

  put(...objects: readonly KubeObject[]): void {
    for (const one of objects) this.#meter.take({ type: 'put', object: one })
  }

  answer(key: string, one: KubeObject | undefined): void {
    this.#meter.answer('west', key, one)
  }

  unanswered(key: string): void {
    this.#meter.unanswered('west', key)
  }

  gone(one: KubeObject): void {
    this.#meter.take({ type: 'gone', object: one })
  }

  list(...objects: readonly KubeObject[]): void {
    this.listAll(objects)
  }

  listAll(objects: readonly KubeObject[]): void {
    this.#meter.take({ type: 'reset' })
    for (const one of objects) this.put(one)
    this.#meter.take({ type: 'synced' })
  }

  /** Lets the time go on to `ms`. */
  until(ms: number): void {
    for (;;) {
      const [next] = [...this.#due].filter(([, at]) => at <= ms).toSorted(([, a], [, b]) => a - b)
      if (next === undefined) break
      this.nowMs = Math.max(this.nowMs, next[1])
      this.#due.delete(next[0])
      this.#meter.wake(next[0])
    }
    this.nowMs = ms
  }

  get shorts(): readonly string[] {
    return this.over.map(({ clusterID, short }) => `${clusterID}: ${short}`)
  }
}

const small: Budget = { objects: 3, bytes: 4000, changesPerSecond: 10, burst: 2, endpointsOfAService: 1000 }

suite('T11: the budget of another cluster', () => {
  test('changes beyond it wait, of one object the last counts, and nobody else’s wait', () => {
    const bed = new Bed(small)
    bed.put(object('west', 'a'), object('west', 'a', 2), object('west', 'a', 3), object('west', 'a', 4), object('south', 'a'))
    assert.deepEqual(Object.fromEntries(bed.store), { 'west/a': '2', 'south/a': '1' })
    assert.deepEqual(bed.shorts, ['west: changes'])
    bed.until(100)
    assert.deepEqual(Object.fromEntries(bed.store), { 'west/a': '4', 'south/a': '1' })
    bed.until(9_900)
    assert.deepEqual(bed.shorts, ['west: changes'], 'it may be between two of a flood')
    bed.until(10_100)
    assert.deepEqual(bed.shorts, [], 'it clears by itself')
  })

  test('objects beyond it wait for room, which what goes makes at once', () => {
    const bed = new Bed({ ...small, burst: 100 })
    bed.put(...['a', 'b', 'c', 'd'].map((name) => object('west', name)), object('south', 'a'))
    assert.deepEqual([...bed.store.keys()], ['west/a', 'west/b', 'west/c', 'south/a'])
    assert.deepEqual(bed.shorts, ['west: objects'])
    bed.put(object('west', 'a', 2))
    assert.equal(bed.store.get('west/a'), '2', 'what is there already may change')
    bed.gone(object('west', 'b'))
    assert.deepEqual([...bed.store.keys()].toSorted(), ['south/a', 'west/a', 'west/c', 'west/d'])
    bed.until(20_000)
    assert.deepEqual(bed.shorts, [])
  })

  test('of 100 000 exports of one cluster so many are held as it may have, it is told, and another’s are all there', () => {
    const most = mostOfAMember.exportedservices
    const flood = Array.from({ length: 100_000 }, (_, n) => object('west', `s${n}`))
    const theirs = Array.from({ length: 100 }, (_, n) => object('south', `s${n}`))
    const counted = (bed: Bed) =>
      ['west', 'south'].map((source) => [...bed.store.keys()].filter((name) => name.startsWith(`${source}/`)).length)
    const listed = new Bed(budgetOf(most))
    listed.listAll([...flood, ...theirs])
    assert.deepEqual([counted(listed), listed.shorts], [[most, 100], ['west: objects']])
    const heard = new Bed(budgetOf(most))
    for (const one of [...flood, ...theirs]) heard.put(one)
    assert.deepEqual(counted(heard), [budgetOf(most).burst, 100])
    heard.until(60_000)
    assert.deepEqual([counted(heard), heard.shorts], [[most, 100], ['west: objects']])
  })

  test('an object that grows beyond it keeps its last good state, and whatever shrinks makes room', () => {
    const bed = new Bed({ ...small, burst: 100 })
    bed.put(object('west', 'a', 1, 2000), object('west', 'b', 1, 1000), object('west', 'b', 2, 3000))
    assert.deepEqual([bed.store.get('west/b'), bed.shorts], ['1', ['west: bytes']])
    bed.list(object('west', 'a', 1, 2000), object('west', 'b', 2, 3000))
    assert.equal(bed.store.get('west/b'), '1', 'a list is no way around it')
    bed.put(object('west', 'b', 3, 100))
    assert.deepEqual([bed.store.get('west/b'), bed.store.size], ['3', 2])
  })

  test('a list takes nothing away that is still there, whatever comes before it in the list', () => {
    const bed = new Bed({ ...small, burst: 100 })
    const [a, b, c] = ['a', 'b', 'c'].map((name) => object('west', name)) as [KubeObject, KubeObject, KubeObject]
    bed.list(b, c)
    bed.list(object('west', 'aa'), a, b, c)
    assert.deepEqual([...bed.store.keys()], ['west/aa', 'west/b', 'west/c'])
    bed.list(b)
    assert.deepEqual([[...bed.store.keys()], bed.shorts], [['west/b'], ['west: objects']])
    bed.until(20_000)
    assert.deepEqual(bed.shorts, [])
  })

  test('what goes does so at once, however much its cluster floods: a revoked member is gone everywhere', () => {
    const bed = new Bed(small)
    bed.put(object('west', 'a'), object('west', 'b'), object('west', 'c'))
    for (const name of ['a', 'b', 'c']) bed.gone(object('west', name))
    bed.until(60_000)
    assert.deepEqual([...bed.store], [], 'and what waited comes no more')
  })

  test('of one huge service so many endpoints come in as a service may have; its other services, and other clusters, do not notice', () => {
    const bed = new Bed({ ...budgetOf(4000), burst: 4000 })
    const huge = Array.from({ length: 1350 }, (_, n) => endpointsOf('west', `db-${n}`, 'db', 200))
    const beside = [endpointsOf('west', 'web', 'web', 200), endpointsOf('south', 'db', 'db', 200)]
    const counted = () => [...bed.store.keys()].filter((name) => name.startsWith('west/db-')).length
    bed.put(...huge, ...beside)
    assert.deepEqual([counted(), bed.store.has('west/web'), bed.store.has('south/db')], [50, true, true])
    assert.deepEqual(
      bed.over.map(({ clusterID, short, service }) => [clusterID, short, service]),
      [['west', 'endpoints', 'shop/db']],
    )
    bed.listAll([...huge, ...beside])
    assert.equal(counted(), 50, 'a list is no way around it')
    bed.put(endpointsOf('west', 'db-0', 'db', 201, 2))
    assert.equal(bed.store.get('west/db-0'), '1', 'what is there does not grow')
    bed.put(endpointsOf('west', 'db-0', 'db', 100, 3))
    assert.equal(bed.store.get('west/db-0'), '3', 'and may shrink')
    bed.gone(endpointsOf('west', 'db-1', 'db', 200))
    assert.equal(counted(), 50, 'what goes makes room for one that waits')
    bed.put(endpointsOf('west', 'db-2', 'other', 200, 2))
    assert.equal(bed.store.get('west/db-2'), '2', 'an object may turn to another service')
  })

  suite('what waits and is too much to be kept', () => {
    const budget = { ...small, bytes: 4000, objects: 2, burst: 100 }
    const big = (name: string, version = 1) => object('west', name, version, 1800)
    const full = () => {
      const bed = new Bed(budget)
      bed.put(...['a', 'b', 'c', 'd', 'e', 'f'].map((name) => object('west', name, 1, 1500)))
      return bed
    }

    test('is asked for again when its turn comes, after what was kept', () => {
      const bed = full()
      assert.deepEqual([[...bed.store.keys()], bed.asked], [['west/a', 'west/b'], []])
      // Two of them fit into the bytes of a budget: c and d.
      bed.gone(object('west', 'a'))
      bed.gone(object('west', 'b'))
      assert.deepEqual([[...bed.store.keys()], bed.asked], [['west/c', 'west/d'], []])
      bed.gone(object('west', 'c'))
      assert.deepEqual([[...bed.store.keys()], bed.asked], [['west/d'], ['west/e']])
      bed.answer('west/e', object('west', 'e', 7, 1500))
      assert.equal(bed.store.get('west/e'), '7')
      bed.gone(object('west', 'd'))
      bed.answer('west/f', undefined)
      assert.deepEqual([[...bed.store.keys()], bed.asked], [['west/e'], ['west/e', 'west/f']])
      bed.until(30_000)
      assert.deepEqual(bed.shorts, [])
    })

    test('has gone where it was told so before the answer', () => {
      const bed = full()
      for (const name of ['a', 'b', 'c']) bed.gone(object('west', name))
      bed.gone(object('west', 'e'))
      bed.answer('west/e', object('west', 'e', 7))
      assert.deepEqual([...bed.store.keys()], ['west/d'])
    })

    test('is asked for once more after an answer that did not come', () => {
      const bed = full()
      for (const name of ['a', 'b', 'c']) bed.gone(object('west', name))
      bed.unanswered('west/e')
      bed.until(20_000)
      assert.deepEqual(bed.asked, ['west/e', 'west/f'])
    })

    test('is not asked for again and again where it does not fit', () => {
      const bed = full()
      for (const name of ['a', 'b', 'c']) bed.gone(object('west', name))
      bed.answer('west/e', big('e'))
      bed.put(object('west', 'd', 2, 2400))
      bed.answer('west/f', big('f'))
      bed.until(60_000)
      assert.ok(bed.asked.length <= 3, bed.asked.join(' '))
    })
  })

  test('our own objects have none', () => {
    const bed = new Bed(small)
    bed.put(...Array.from({ length: 50 }, (_, n) => object('ours', `s${n}`)))
    assert.deepEqual([bed.store.size, bed.shorts], [50, []])
  })

  test('a flood of 20 000 changes of one cluster delays another one’s roll-out by less than a tenth, and costs what it may', async () => {
    const rollOut = async (flooded: boolean) => {
      const bed = new Bed(budgetOf(2000))
      for (let ms = 0; ms < 10_000; ms++) {
        bed.until(ms)
        if (flooded) bed.put(object('west', `s${ms % 100}`, 2 * ms), object('west', `s${(ms + 50) % 100}`, 2 * ms + 1))
        // A roll-out: 800 changes of other objects in 4 s, twice as fast as the budget is in the long run.
        if (ms % 5 === 0 && ms < 4000) bed.put(object('south', `s${ms / 5}`))
      }
      bed.until(20_000)
      const done = await imported(bed.taken, 2)
      const [souths, wests] = ['south/', 'west/'].map((of) => done.filter(({ what }) => what.startsWith(of)))
      return { last: souths?.at(-1)?.atMs ?? NaN, souths: souths?.length, wests: wests?.length ?? NaN }
    }
    const [alone, beside] = [await rollOut(false), await rollOut(true)]
    assert.deepEqual([alone.souths, beside.souths], [800, 800])
    assert.ok(beside.last <= 1.1 * alone.last, `${beside.last} ms instead of ${alone.last} ms`)
    const { burst, changesPerSecond } = budgetOf(2000)
    assert.ok(beside.wests <= burst + 11 * changesPerSecond + 1, `${beside.wests} runs for 20 000 changes`)
  })

  test('what a budget lets in at once is a backlog of its own cluster: a change of another comes in its turn', async () => {
    const bed = new Bed(budgetOf(2000))
    bed.until(0)
    bed.put(...Array.from({ length: 600 }, (_, n) => object('west', `s${n}`)))
    bed.until(5)
    bed.put(object('south', 'web'))
    const done = await imported(bed.taken, 20)
    assert.equal(done.length, 501)
    // After the run under way and one in west's turn, not after 500.
    assert.equal(done.find(({ what }) => what === 'south/web')?.atMs, 60)
  })
})

type Event = Bed['taken'][number]

/** What the importer behind the store makes of it, with one worker whose runs take `runMs` each. */
async function imported(taken: readonly Event[], runMs: number): Promise<readonly Event[]> {
  using work = queue()
  const done: Event[] = []
  let atMs = 0
  const workUntil = async (ms: number) => {
    while (work.size > 0 && atMs < ms) {
      const what = (await work.take(new AbortController().signal)) ?? ''
      atMs += runMs
      done.push({ what, atMs })
      work.done(what)
    }
  }
  for (const event of taken) {
    await workUntil(event.atMs)
    atMs = Math.max(atMs, event.atMs)
    work.add(event.what, event.what.split('/')[0])
  }
  await workUntil(Infinity)
  return done
}
