import assert from 'node:assert/strict'
import { exportedService, type ExportedService } from '#crds/exported-service.ts'
import { store } from '#lib/kube/store.ts'
import { cell } from '#lib/std/cell.ts'
import { logger } from '#lib/std/log.ts'
import { pause } from '#lib/std/pause.ts'
import { eventually } from '#test/kit/eventually.ts'
import { constituent } from '#test/kit/services.ts'
import type { Doubts } from './doubt.ts'
import { doubts } from './doubt.ts'
import { exportedServiceContent } from './names.ts'

const at = (uid: string, generation: number, name = 'web'): ExportedService => {
  const object = constituent('east', { name })
  const metadata = { ...object.metadata, name: exportedServiceContent({ namespace: 'shop', name }) }
  return { ...object, metadata: { ...metadata, uid, generation, resourceVersion: `${uid}${generation}` } }
}
const many = Array.from({ length: 20 }, (_, n) => at(`u${n}`, 1, `s${n}`))

suite('doubt about what the broker says', () => {
  let admitted: boolean
  let told: string[]
  let accepted: ReturnType<typeof cell<readonly string[]>>
  let doubted: Doubts
  let hear: (how: 'list' | 'put' | 'gone', ...objects: readonly ExportedService[]) => void
  const has = (name = 'web') => doubted.has(`shop/${name}`)
  const stop = new AbortController()
  suiteTeardown(() => stop.abort())
  /** `here`: the names of what was imported from it before. */
  const begin = (ms: number, here: readonly string[] = ['web']) => {
    admitted = true
    told = []
    accepted = cell<readonly string[]>([])
    const { store: services, writer } = store(exportedService, logger('test', 'silent'))
    doubted = doubts(
      {
        stores: [services],
        local: [],
        said: ({ spec }) => ({ clusterID: 'east', key: `shop/${(spec as ExportedService['spec']).name}` }),
        believed: () => admitted,
        here: () => new Map([['east', here.map((name) => `shop/${name}`)]]),
        toll: ({ key }) => ({
          here: 1,
          lost: services.list().some(({ spec }) => `shop/${spec.name}` === key) ? 0 : 1,
        }),
        accepted,
        ms,
      },
      stop.signal,
    )
    doubted.source.follow(({ namespace = '', name }) => told.push(`${namespace}/${name}`))
    hear = (how, ...objects) => {
      if (how === 'list') writer.take({ type: 'reset' })
      for (const object of objects) writer.take({ type: how === 'list' ? 'put' : how, object })
      if (how === 'list') writer.take({ type: 'synced' })
    }
  }
  const names = many.map(({ spec }) => spec.name)
  const held = () => doubted.held().map(({ source, here, lost }) => `${lost} of ${here} of ${source}`)

  const rewritten = () => {
    hear('list')
    hear('put', at('b', 1))
  }
  const thrownOut = () => {
    hear('list')
    admitted = false
  }
  const cases: readonly (readonly [string, () => void, boolean])[] = [
    ['a list that lacks it', () => hear('list'), true],
    ['a list that has it as it was before', () => hear('list', at('a', 1)), true],
    ['a list that has a newer one', () => hear('list', at('a', 3)), false],
    ['a list that has another of its name', () => hear('list', at('b', 1)), false],
    ['a watch that says it went', () => hear('gone', at('a', 2)), false],
    ['a member that writes it again', rewritten, false],
    ['a member that was thrown out', thrownOut, false],
  ]
  for (const [what, act, doubtful] of cases)
    test(`${what} is ${doubtful ? 'doubted' : 'believed'}`, () => {
      begin(60_000)
      hear('list', at('a', 2))
      assert.equal(has(), false)
      act()
      assert.equal(has(), doubtful)
    })

  test('of little ends by itself, and says so, each time', async () => {
    begin(20)
    hear('list', at('a', 2))
    for (const times of [1, 2]) {
      hear('list')
      assert.equal(has(), true)
      await eventually(() => assert.equal(told.length, times))
      assert.equal(has(), false)
      hear('put', at('a', 2))
    }
    assert.deepEqual(told, ['shop/web', 'shop/web'])
    assert.deepEqual(held(), [])
  })

  test('of much lasts until a person has accepted it', async () => {
    begin(20, names)
    hear('list', ...many)
    hear('list')
    await pause(100, stop.signal)
    assert.deepEqual(held(), ['20 of 20 of east'])
    assert.ok(names.every(has))
    accepted.set(['another'])
    assert.ok(names.every(has))
    accepted.set([doubted.held()[0]?.token ?? ''])
    assert.deepEqual([held(), names.some(has), told.length], [[], false, 20])
  })

  test('of much becomes one of little as it is written again, and then ends', async () => {
    begin(40, names)
    hear('list', ...many)
    hear('list')
    await pause(100, stop.signal)
    hear('put', ...many.slice(0, 15).map((object) => at('new', 1, object.spec.name)))
    assert.deepEqual([has('s3'), has('s17')], [false, true])
    await eventually(() => assert.deepEqual([held(), has('s17')], [[], false]))
  })

  test('after a start the first list is measured by what is here', () => {
    begin(60_000, names)
    hear('list', ...many.slice(0, 8))
    assert.deepEqual([has('s3'), has('s17'), held()], [false, true, ['12 of 20 of east']])
    hear('put', at('new', 1, 's17'))
    assert.equal(has('s17'), false)
  })

  test('after a start what was withdrawn before it could be measured is no doubt', () => {
    begin(60_000, names)
    hear('list', ...many)
    hear('gone', ...many.slice(0, 12))
    assert.deepEqual([has('s3'), held()], [false, []])
  })

  test('after a start little of what is here goes at once: it was withdrawn while we were down', () => {
    begin(60_000, names)
    hear('list', ...many.slice(0, 10))
    assert.deepEqual([has('s17'), held()], [false, []])
  })

  test('a cluster that was thrown out has nothing that is held', () => {
    begin(60_000, names)
    hear('list')
    assert.deepEqual([has('s1'), held()], [true, ['20 of 20 of east']])
    admitted = false
    assert.equal(has('s1'), false)
    doubted.reconsider('east')
    assert.deepEqual([held(), told.length], [[], 20])
    // Nothing of it is here when it comes back, and others export what it did.
    admitted = true
    assert.equal(has('s1'), false)
  })
})
