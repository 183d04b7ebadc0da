import assert from 'node:assert/strict'
import { logger } from '#lib/std/log.ts'
import type { ConfigMap } from './kinds.ts'
import { configMaps } from './kinds.ts'
import { store } from './store.ts'

const quiet = logger('test', 'silent')
const map = (name: string, version: string, more: { uid?: string; app?: string } = {}): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    name,
    namespace: 'n',
    uid: more.uid ?? `uid-${name}`,
    resourceVersion: version,
    labels: { app: more.app ?? 'none' },
  },
})

function world() {
  const { store: objects, writer } = store(configMaps, quiet)
  const heard: string[] = []
  const text = (object: ConfigMap | undefined) =>
    object === undefined ? '-' : `${object.metadata.name}@${object.metadata.resourceVersion ?? ''}`
  objects.onChange((object, old) => heard.push(`${text(old)} → ${text(object)}`))
  const swap = (...list: ConfigMap[]) => {
    writer.take({ type: 'reset' })
    for (const object of list) writer.take({ type: 'put', object })
    writer.take({ type: 'synced' })
  }
  return { objects, writer, heard, swap }
}

suite('store', () => {
  test('a list swaps the whole: what is new, changed and gone is told, what stayed is not', () => {
    const { objects, heard, swap } = world()
    swap(map('a', '1'), map('b', '1'), map('c', '1'))
    heard.length = 0
    swap(map('a', '1'), map('b', '2'), map('d', '2'))
    assert.deepEqual(heard, ['c@1 → -', 'b@1 → b@2', '- → d@2'])
    assert.deepEqual(
      objects.list().map((object) => object.metadata.name),
      ['a', 'b', 'd'],
    )
  })

  test('until a list is whole, readers see what was there before it', () => {
    const { objects, writer, swap } = world()
    swap(map('a', '1'))
    writer.take({ type: 'reset' })
    writer.take({ type: 'put', object: map('b', '2') })
    assert.deepEqual([objects.get({ namespace: 'n', name: 'a' })?.metadata.name, objects.list().length], ['a', 1])
  })

  test('the first listener already sees everything of a swap', () => {
    const { objects, swap } = world()
    objects.addIndex('app', (object) => [object.metadata.labels?.app ?? ''])
    const sizes: number[] = []
    objects.onChange(() => sizes.push(objects.list().length, objects.by('app', 'x').length))
    swap(map('a', '1', { app: 'x' }), map('b', '1', { app: 'x' }))
    assert.deepEqual(sizes, [2, 2, 2, 2])
  })

  test('another uid under the same name is gone, then new', () => {
    for (const how of ['watch', 'list'] as const) {
      const { writer, heard, swap } = world()
      swap(map('a', '1'))
      heard.length = 0
      if (how === 'watch') writer.take({ type: 'put', object: map('a', '2', { uid: 'other' }) })
      else swap(map('a', '2', { uid: 'other' }))
      assert.deepEqual(heard, ['a@1 → -', '- → a@2'], how)
    }
  })

  test('an index follows changes and deletions, and can come late', () => {
    const { objects, writer, swap } = world()
    swap(map('a', '1', { app: 'x' }), map('b', '1', { app: 'x' }))
    objects.addIndex('app', (object) => [object.metadata.labels?.app ?? ''])
    const names = (app: string) => objects.by('app', app).map((object) => object.metadata.name)
    assert.deepEqual(names('x'), ['a', 'b'])
    writer.take({ type: 'put', object: map('a', '2', { app: 'y' }) })
    assert.deepEqual([names('x'), names('y')], [['b'], ['a']])
    writer.take({ type: 'gone', object: map('b', '3') })
    assert.deepEqual(names('x'), [])
    assert.throws(() => objects.by('unheard', ''))
  })

  test('a listener or an index that throws stops nobody else', () => {
    const { objects, writer, swap } = world()
    objects.addIndex('bad', () => {
      throw new Error('index')
    })
    objects.onChange(() => {
      throw new Error('listener')
    })
    const heard: string[] = []
    objects.onChange((object) => heard.push(object?.metadata.name ?? '-'))
    swap(map('a', '1'))
    writer.take({ type: 'gone', object: map('a', '1') })
    assert.deepEqual(heard, ['a', '-'])
  })

  test('waiting for the first list ends with it, or with the signal', async () => {
    const { objects, swap } = world()
    const stop = new AbortController()
    const gaveUp = objects.whenSynced(stop.signal)
    const waited = objects.whenSynced(new AbortController().signal)
    stop.abort()
    await gaveUp
    assert.equal(objects.synced, false)
    swap()
    await waited
    assert.equal(objects.synced, true)
  })
})
