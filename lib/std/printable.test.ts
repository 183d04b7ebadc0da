import assert from 'node:assert/strict'
import fc from 'fast-check'
import { printable, printableJSON } from './printable.ts'

const speaksToTerminals = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u

suite('printable text', () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ['an escape sequence', 'a\x1b[2Jb', 'a\\x1b[2Jb'],
    ['a control of eight bits', 'a\x9b2Jb', 'a\\x9b2Jb'],
    ['a bell, a backspace, a delete', 'a\x07\b\x7f', 'a\\x07\\x08\\x7f'],
    ['a change of direction', 'a\u202eb\u2066', 'a\\u202eb\\u2066'],
    ['what is zero wide', 'a\u200b\ufeffb', 'a\\u200b\\ufeffb'],
    ['a tag', 'a\u{e0041}', 'a\\U000e0041'],
    ['line breaks and tabs', 'a\r\nb\tc\u2028d', 'a b c\\u2028d'],
    ['words of any script', 'çé 東京 🙂', 'çé 東京 🙂'],
  ]
  for (const [what, text, want] of cases) test(`shows ${what}`, () => assert.equal(printable(text), want))

  test('hides nothing, whatever the text', () =>
    fc.assert(fc.property(anyText, (text) => assert.doesNotMatch(printable(text), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u))))

  test('JSON stays the same data', () =>
    fc.assert(
      fc.property(fc.dictionary(anyText, anyText, { noNullPrototype: true }), (value) => {
        const document = printableJSON(JSON.stringify(value, null, 2))
        assert.deepEqual(JSON.parse(document), value)
        assert.doesNotMatch(document, speaksToTerminals)
      }),
    ))
})

const anyText = fc.string({ unit: fc.oneof(fc.constantFrom('\x1b', '\x85', '\u202e', '\u2029', '\u{e0001}', '\n'), fc.string()) })
