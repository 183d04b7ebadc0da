import assert from 'node:assert/strict'
import { differs, same } from './differs.ts'

suite('differs', () => {
  const cases: readonly [string, unknown, unknown, boolean][] = [
    ['equal values', { a: 1 }, { a: 1 }, false],
    ['another value', { a: 1 }, { a: 2 }, true],
    ['a missing entry', { a: 1 }, {}, true],
    ['an entry that somebody else added', { a: 1 }, { a: 1, b: 2 }, false],
    ['a default inside an element of a list', { ports: [{ port: 80 }] }, { ports: [{ port: 80, protocol: 'TCP' }] }, false],
    ['a longer list', { ports: [1] }, { ports: [1, 2] }, true],
    ['another order', [1, 2], [2, 1], true],
    ['undefined, which wants nothing', { a: undefined }, { a: 1 }, false],
    ['an empty map where there is none', { a: {} }, {}, true],
    ['a map where there is a list', { a: {} }, { a: [] }, true],
  ]
  for (const [what, want, have, answer] of cases) {
    test(`${what}: ${answer ? 'write' : 'do not write'}`, () => assert.equal(differs(want, have), answer))
  }

  test('same is equality both ways', () => {
    assert.ok(same({ a: [{ b: 1 }] }, { a: [{ b: 1 }] }))
    assert.ok(!same({ a: [{ b: 1 }] }, { a: [{ b: 1, c: 2 }] }))
  })
})
