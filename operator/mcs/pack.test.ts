import assert from 'node:assert/strict'
import fc from 'fast-check'
import { pack } from './pack.ts'

const address = (n: number) => `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`
const addresses = (count: number) => Array.from({ length: count }, (_, n) => address(n))
const packed = (items: readonly string[], most = 10, there: ReadonlyMap<string, unknown> = new Map()) =>
  pack(
    items,
    (item) => item,
    most,
    (leaf) => there.has(leaf),
  )
const changed = (a: ReadonlyMap<string, unknown>, b: ReadonlyMap<string, unknown>) =>
  [...new Set([...a.keys(), ...b.keys()])].filter((leaf) => JSON.stringify(a.get(leaf)) !== JSON.stringify(b.get(leaf)))
const sets = fc.uniqueArray(fc.nat(0xffffff).map(address), { maxLength: 200 })

suite('pack', () => {
  test('few items make one object, none make none', () => {
    assert.deepEqual([...packed(['b', 'a'])], [['', ['a', 'b']]])
    assert.deepEqual([...packed([])], [])
  })

  test('every item is in exactly one object, and no object has too many', () => {
    fc.assert(
      fc.property(sets, fc.integer({ min: 1, max: 20 }), (items, most) => {
        const leaves = [...packed(items, most).values()]
        assert.deepEqual(leaves.flat().sort(), items.toSorted())
        assert.ok(leaves.every((leaf) => leaf.length > 0 && leaf.length <= most))
      }),
    )
  })

  test('the order in which items come does not matter', () => {
    fc.assert(fc.property(sets, (items) => assert.deepEqual(packed(items), packed(items.toReversed()))))
  })

  test('an item more changes one object, or splits one', () => {
    fc.assert(
      fc.property(sets, fc.nat(0xffffff), (items, more) => {
        const [before, after] = [packed(items), packed([...new Set([...items, address(more)])])]
        const touched = changed(before, after)
        const [shortest = ''] = touched.toSorted((a, b) => a.length - b.length)
        assert.ok(touched.length <= 1 || touched.every((leaf) => leaf.startsWith(shortest)))
      }),
    )
  })

  test('a surge around the limit splits an object once, and then changes one object at a time', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat(0xffffff).map(address), { minLength: 13, maxLength: 13 }),
        fc.array(fc.nat(12)),
        (all, picks) => {
          const items = new Set(all.slice(0, 8))
          let there = packed([...items])
          const writes: number[] = []
          for (const pick of picks) {
            const item = all[pick] ?? ''
            if (items.has(item)) items.delete(item)
            else items.add(item)
            // Between half an object and a bit more than a whole one.
            if (items.size < 6) items.add(item)
            const now = packed([...items], 10, there)
            writes.push(changed(there, now).length)
            there = now
          }
          const several = writes.filter((count) => count > 1).length
          assert.ok(several <= 1, `${several} of ${writes.length} changes wrote several objects`)
        },
      ),
    )
  })

  test('what was split is one object again when it fills no more than half of one', () => {
    const split = packed(addresses(11))
    assert.ok(split.size > 1)
    assert.deepEqual(packed(addresses(6), 10, split).size > 1, true)
    assert.deepEqual([...packed(addresses(5), 10, split).keys()], [''])
  })

  test('what is there does not make an object too big, or empty, or lose an item', () => {
    fc.assert(
      fc.property(sets, sets, (before, after) => {
        const leaves = [...packed(after, 10, packed(before)).values()]
        assert.deepEqual(leaves.flat().sort(), after.toSorted())
        assert.ok(leaves.every((leaf) => leaf.length > 0 && leaf.length <= 10))
      }),
    )
  })

  test('objects are reasonably full: ten thousand addresses of one network fit in a hundred objects of 200', () => {
    const { size } = packed(addresses(10_000), 200)
    assert.ok(size <= 100, `${size} objects`)
  })

  test('items whose keys all hash alike still fit', () => {
    const same = Array.from({ length: 25 }, () => 'x')
    assert.deepEqual(
      [...packed(same).values()].map((leaf) => leaf.length),
      [10, 10, 5],
    )
  })
})
