import assert from 'node:assert/strict'
import { exportedService, type ExportedService } from '#crds/exported-service.ts'
import { store } from '#lib/kube/store.ts'
import { logger } from '#lib/std/log.ts'
import { eventually } from '#test/kit/eventually.ts'
import { constituent } from '#test/kit/services.ts'
import { doubts } from './doubt.ts'

const at = (uid: string, generation: number): ExportedService => {
  const object = constituent('east')
  return { ...object, metadata: { ...object.metadata, uid, generation, resourceVersion: `${uid}${generation}` } }
}

suite('doubt about what the broker says', () => {
  let admitted: boolean
  let told: string[]
  let hear: (how: 'list' | 'put' | 'gone', ...objects: readonly ExportedService[]) => void
  let has: () => boolean
  const stop = new AbortController()
  suiteTeardown(() => stop.abort())
  const begin = (ms: number) => {
    admitted = true
    told = []
    const { store: services, writer } = store(exportedService, logger('test', 'silent'))
    const doubted = doubts(
      [services],
      () => ({ clusterID: 'east', key: 'shop/web' }),
      () => admitted,
      ms,
      stop.signal,
    )
    doubted.source.follow(({ namespace = '', name }) => told.push(`${namespace}/${name}`))
    has = () => doubted.has('shop/web')
    hear = (how, ...objects) => {
      if (how === 'list') writer.take({ type: 'reset' })
      for (const object of objects) writer.take({ type: how === 'list' ? 'put' : how, object })
      if (how === 'list') writer.take({ type: 'synced' })
    }
    hear('list', at('a', 2))
    assert.equal(has(), false)
  }

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
      act()
      assert.equal(has(), doubtful)
    })

  test('ends by itself, and says so, each time', async () => {
    begin(20)
    for (const times of [1, 2]) {
      hear('list')
      assert.equal(has(), true)
      await eventually(() => assert.equal(told.length, times))
      assert.equal(has(), false)
      hear('put', at('a', 2))
    }
    assert.deepEqual(told, ['shop/web', 'shop/web'])
  })
})
