import assert from 'node:assert/strict'
import fc from 'fast-check'
import { numbers as numbersOf, preferred } from './numbers.ts'

const most = 8
const numbers = (count: number, isTaken: (name: string) => boolean, unnumbered = () => 0, now = () => 0) =>
  numbersOf({ most: count, isTaken, unnumbered, now })

suite('the numbers of what is published', () => {
  test('one content has one number, below the most there may be, however often it is asked for', () => {
    fc.assert(
      fc.property(fc.string(), (content) => {
        const some = numbers(most, () => false)
        const given = some.numberFor(content)
        assert.equal(given, String(preferred(most, content)))
        assert.equal(some.numberFor(content), given)
        assert.ok(Number(given) < most)
      }),
    )
  })

  test('no two contents that are given or there have the same one, and when all are gone there is none', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string(), { maxLength: most }), fc.uniqueArray(fc.nat(most - 1)), (contents, taken) => {
        const some = numbers(most, (name) => taken.includes(Number(name)))
        const given = contents.flatMap((content) => some.numberFor(content) ?? [])
        assert.equal(given.length, Math.min(contents.length, most - taken.length))
        assert.equal(new Set([...given, ...taken.map(String)]).size, given.length + taken.length)
      }),
    )
  })

  test('what was given stays given while no object of it is seen, and may go to another when nobody asked for three minutes', () => {
    let now = 0
    const some = numbers(
      1,
      () => false,
      undefined,
      () => now,
    )
    assert.equal(some.numberFor('x'), '0')
    some.sweep()
    assert.equal(some.numberFor('y'), undefined)
    now = 179_000
    assert.equal(some.numberFor('x'), '0')
    now = 358_000
    some.sweep()
    assert.equal(some.numberFor('y'), undefined)
    now = 359_000
    assert.equal(some.numberFor('y'), '0')
    assert.equal(some.numberFor('x'), undefined)
  })

  test('what an object had is free as soon as that has gone, and whoever lost its number to another gets the next', () => {
    const objects = new Set<string>()
    const some = numbers(2, (name) => objects.has(name))
    const given = some.numberFor('x') ?? ''
    objects.add(given)
    assert.equal(some.numberFor('x'), String(1 - Number(given)))
    objects.add(String(1 - Number(given)))
    some.sweep()
    assert.equal(some.numberFor('y'), undefined)
    objects.clear()
    assert.equal(some.numberFor('y'), String(preferred(2, 'y')))
  })

  test('objects without a number count as well, as whoever imports counts them', () => {
    const some = numbers(
      4,
      (name) => name === '3',
      () => 2,
    )
    assert.ok(some.numberFor('x') !== undefined)
    assert.equal(some.numberFor('y'), undefined)
  })
})
