import assert from 'node:assert/strict'
import fc from 'fast-check'
import { numbers, preferred } from './numbers.ts'

const most = 8

suite('the numbers of what is published', () => {
  test('one content has one number, below the most there may be, however often it is asked for', () => {
    fc.assert(
      fc.property(fc.string(), (content) => {
        const some = numbers(most, () => false)
        const given = some.numberFor('shop/web', content)
        assert.equal(given, String(preferred(most, content)))
        assert.equal(some.numberFor('shop/web', content), given)
        assert.ok(Number(given) < most)
      }),
    )
  })

  test('no two contents that are given or there have the same one, and when all are gone there is none', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string(), { maxLength: most }), fc.uniqueArray(fc.nat(most - 1)), (contents, taken) => {
        const some = numbers(most, (name) => taken.includes(Number(name)))
        const given = contents.flatMap((content, n) => some.numberFor(`owner ${n % 3}`, content) ?? [])
        assert.equal(given.length, Math.min(contents.length, most - taken.length))
        assert.equal(new Set([...given, ...taken.map(String)]).size, given.length + taken.length)
      }),
    )
  })

  test('what is settled is nobody’s until an object has it', () => {
    const objects = new Set<string>()
    const some = numbers(1, (name) => objects.has(name))
    assert.equal(some.numberFor('a', 'x'), '0')
    assert.equal(some.numberFor('b', 'x'), undefined)
    some.settled('a')
    assert.equal(some.numberFor('b', 'x'), '0')
    objects.add('0')
    some.settled('b')
    assert.equal(some.numberFor('a', 'x'), undefined)
  })
})
