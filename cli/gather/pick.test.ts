import assert from 'node:assert/strict'
import { pick } from './pick.ts'

suite('picking fields', () => {
  const object = {
    a: { b: 1, c: { d: 'x', secret: 's' } },
    list: [{ name: 'n', token: 't' }, { token: 'u' }],
    plain: ['p', 'q'],
    none: null,
    mixed: ['p', { token: 't' }],
  }
  const cases: readonly [string, readonly string[], unknown][] = [
    ['one value', ['a.b'], { a: { b: 1 } }],
    ['several by braces', ['a.{b,c.d}'], { a: { b: 1, c: { d: 'x' } } }],
    ['a branch gives nothing: what is in it must be named', ['a', 'a.c'], undefined],
    ['lists are walked through, and items without the field fall out', ['list.name'], { list: [{ name: 'n' }] }],
    ['a list of plain values', ['plain'], { plain: ['p', 'q'] }],
    ['a list gives its plain values and no branch', ['mixed'], { mixed: ['p'] }],
    ['a name that is not there', ['x.y', 'a.b.c'], undefined],
    ['what every object inherits is not there', ['toString', 'constructor.name'], undefined],
  ]
  for (const [name, paths, wanted] of cases)
    test(name, () => {
      assert.deepEqual(pick(object, paths), wanted)
    })
})
