// What is kept slice by slice must be what the slices say, whatever came before.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { childrenOf, slice } from '#test/kit/names.ts'
import { headlessNames } from './headless.ts'
import type { Slice } from './pods.ts'
import type { Node } from './tree.ts'

const root = ['db', 'shop', 'svc', 'clusterset', 'local']
const pg = [{ name: 'pg', port: 5432 }]

/** Every name with its records, in any order of names. */
function* walk(node: Node, path: readonly string[] = []): Generator<readonly [string, unknown]> {
  yield [path.join('.'), node.entries]
  for (const [label, child] of childrenOf(node)) yield* walk(child, [label, ...path])
}
const all = (node: Node | undefined) => (node === undefined ? undefined : new Map(walk(node)))

function namesOf(slices: ReadonlyMap<string, Slice>) {
  const names = headlessNames(root, 5)
  for (const [key, one] of slices) names.put(key, one)
  return names
}

suite('the names of a headless service', () => {
  test('are what its slices say, after whatever changes', () => {
    const endpoint = fc
      .tuple(
        fc.constantFrom('', 'p-0 ', 'p-1 '),
        fc.constantFrom('10.1.0.1', '10.1.0.2', 'fd00::1'),
        fc.constantFrom('', ' unready'),
      )
      .map((words) => words.join(''))
    const ports = fc.subarray([
      { name: 'pg', port: 5432 },
      { name: 'pg', port: 6432 },
      { name: 'http', port: 80 },
    ])
    const some = fc
      .tuple(fc.constantFrom('c-a', 'c-b'), fc.array(endpoint, { maxLength: 4 }), ports)
      .map(([cluster, endpoints, served]) => slice(cluster, endpoints, served))
    const step = fc.tuple(fc.constantFrom('s-1', 's-2', 's-3'), fc.option(some, { nil: undefined }))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const names = headlessNames(root, 5)
        const there = new Map<string, Slice>()
        for (const [key, one] of steps) {
          const before = all(names.node)
          const changed = names.put(key, one)
          if (changed) there.delete(key)
          else assert.deepEqual(all(names.node), before)
          if (one !== undefined && (changed || there.has(key))) there.set(key, one)
          assert.deepEqual(all(names.node), all(namesOf(there).node))
        }
      }),
      { numRuns: 500 },
    )
  })

  test('are made of no more endpoints than a message has room for', () => {
    const thousands = Array.from({ length: 60 }, (_, i) =>
      slice(
        'c-a',
        Array.from({ length: 100 }, (_, k) => `10.1.${i}.${k}`),
        pg,
      ),
    )
    const entries = namesOf(new Map(thousands.map((one, i) => [String(i), one]))).node?.entries ?? []
    const [addresses, targets] = ['A', 'SRV'].map((type) => entries.filter(({ data }) => data.type === type).length)
    // Addresses are looked at by whole slices.
    assert.deepEqual([addresses, targets], [4100, 4096])
  })

  test('change with the one slice alone: no other is read again', () => {
    const read: string[] = []
    const watched = (name: string, endpoints: readonly string[]): Slice => {
      const { endpoints: made, ...rest } = slice('c-a', endpoints, pg)
      return {
        ...rest,
        get endpoints() {
          read.push(name)
          return made ?? null
        },
      }
    }
    const names = namesOf(new Map([1, 2, 3].map((i) => [String(i), watched(`slice ${i}`, [`10.1.0.${i}`])])))
    read.length = 0
    assert.equal(names.put('2', watched('slice 2, changed', ['10.1.0.9'])), true)
    assert.deepEqual(read, ['slice 2, changed'])
    assert.equal(names.put('2', watched('slice 2, the same', ['10.1.0.9'])), false)
  })
})
