import assert from 'node:assert/strict'
import fc from 'fast-check'
import { parse } from 'yaml'
import { yaml } from './yaml.ts'

suite('objects as YAML', () => {
  test('are plain where there is nothing to hide', () => assert.equal(yaml({ a: ['yes', 'b c'] }), 'a:\n  - "yes"\n  - b c\n'))

  test('show what would speak to a terminal, and stay the same data', () => {
    assert.equal(yaml({ a: '\u202eb\x9b' }), '"a": "\\u202eb\\u009b"\n')
    const text = fc.string({
      unit: fc.oneof(fc.constantFrom('\x1b', '\x85', '\u202e', '\u2029', '\u{e0001}', '\n'), fc.string()),
    })
    fc.assert(
      fc.property(fc.dictionary(text, fc.array(text), { noNullPrototype: true }), (value) => {
        const document = yaml(value)
        assert.deepEqual(parse(document, { version: '1.1' }), value)
        assert.doesNotMatch(document, /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
      }),
    )
  })
})
