import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Canonical } from './canonical.ts'
import { canonicalBytes } from './canonical.ts'

const leaf = fc.oneof(fc.string(), fc.maxSafeInteger(), fc.boolean())
const { value } = fc.letrec<{ value: Canonical }>((tie) => ({
  value: fc.oneof({ depthSize: 'small' }, leaf, fc.array(tie('value')), fc.dictionary(fc.string(), tie('value'))),
}))

suite('canonical bytes', () => {
  test('the order of keys does not matter, absent fields do not count, that of lists does', () => {
    const bytes = (of: Canonical) => canonicalBytes('c', of).toString()
    assert.equal(bytes({ b: 1, a: ['x', 'y'], c: undefined }), '1:c{"a":["x","y"],"b":1}')
    assert.equal(bytes({ a: ['x', 'y'], b: 1 }), bytes({ b: 1, a: ['x', 'y'] }))
    assert.notEqual(bytes(['x', 'y']), bytes(['y', 'x']))
  })

  test('they say what was signed: the value reads back from them', () => {
    fc.assert(
      fc.property(value, (of) => {
        const text = canonicalBytes('ctx', of).toString()
        // JSON has one zero.
        assert.deepEqual(JSON.parse(text.slice('3:ctx'.length)), JSON.parse(JSON.stringify(of)))
      }),
    )
  })

  test('the context is part of them, and cannot run into the value', () => {
    assert.notDeepEqual(canonicalBytes('a', '1'), canonicalBytes('a"1', ''))
    assert.notDeepEqual(canonicalBytes('join/v1', {}), canonicalBytes('join/v2', {}))
  })

  for (const number of [0.5, NaN, Infinity, 2 ** 53])
    test(`${number} is refused`, () => assert.throws(() => canonicalBytes('c', { number }), /safe integer/))
})
