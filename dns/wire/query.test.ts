// The reader of queries against whatever anybody may send.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { parseQuery, questionName } from './query.ts'

const octets = (...parts: readonly (string | readonly number[])[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part))))

/** A header with id 1, no flags, and the four counts. */
const header = (questions: number, answers = 0, authority = 0, additional = 0) =>
  [0, 1, 0, 0, 0, questions, 0, answers, 0, authority, 0, additional] as const
const question = octets([3], 'web', [0, 0, 1, 0, 1])
const opt = (data: readonly number[] = [], version = 0) => octets([0, 0, 41, 4, 208, 0, version, 0x80, 0, 0, data.length], data)

type Row = readonly [about: string, message: Buffer, want: 'query' | 'malformed' | 'other-opcode' | 'ignore']

const rows: readonly Row[] = [
  ['one question', octets(header(1), [...question]), 'query'],
  ['the root', octets(header(1), [0, 0, 2, 0, 1]), 'query'],
  ['a question and EDNS', octets(header(1, 0, 0, 1), [...question], [...opt()]), 'query'],
  ['EDNS with an option that nobody knows', octets(header(1, 0, 0, 1), [...question], [...opt([255, 1, 0, 2, 7, 7])]), 'query'],
  [
    'EDNS with an option that ends too late',
    octets(header(1, 0, 0, 1), [...question], [...opt([255, 1, 0, 9, 7, 7])]),
    'malformed',
  ],
  ['EDNS with half an option', octets(header(1, 0, 0, 1), [...question], [...opt([255, 1, 0])]), 'malformed'],
  ['EDNS twice', octets(header(1, 0, 0, 2), [...question], [...opt()], [...opt()]), 'malformed'],
  ['EDNS at a name', octets(header(1, 0, 0, 1), [...question], [1, 97], [...opt()]), 'malformed'],
  ['EDNS at a pointer', octets(header(1, 0, 0, 1), [...question], [0xc0, 12], [...opt().subarray(1)]), 'malformed'],
  ['EDNS among the authority', octets(header(1, 0, 1, 0), [...question], [...opt()]), 'malformed'],
  ['a promised EDNS that does not come', octets(header(1, 0, 0, 1), [...question]), 'malformed'],
  [
    'an additional record that is not EDNS',
    octets(header(1, 0, 0, 1), [...question], [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0]),
    'query',
  ],
  ['no question', octets(header(0)), 'malformed'],
  ['two questions', octets(header(2), [...question], [...question]), 'malformed'],
  ['a question with an answer', octets(header(1, 1), [...question]), 'malformed'],
  ['a name that points at itself', octets(header(1), [0xc0, 12, 0, 1, 0, 1]), 'malformed'],
  ['a name that points into the header', octets(header(1), [3], 'web', [0xc0, 0, 0, 1, 0, 1]), 'malformed'],
  ['an extended label', octets(header(1), [0x41, 97, 0, 0, 1, 0, 1]), 'malformed'],
  ['a name without an end', octets(header(1), [3], 'web'), 'malformed'],
  ['a label longer than the message', octets(header(1), [63], 'web', [0, 0, 1, 0, 1]), 'malformed'],
  ['a name of 255 octets', octets(header(1), long(255), [0, 1, 0, 1]), 'query'],
  ['a name of 256 octets', octets(header(1), long(256), [0, 1, 0, 1]), 'malformed'],
  ['a type without a class', octets(header(1), [3], 'web', [0, 0, 1]), 'malformed'],
  ['a byte after the end', octets(header(1), [...question], [0]), 'malformed'],
  ['half a header', octets([0, 1, 0, 0, 0, 1]), 'ignore'],
  ['nothing', octets(), 'ignore'],
]

function long(length: number): readonly number[] {
  const labels = Math.floor((length - 1) / 2)
  const short = Array.from({ length: labels }, () => [1, 97]).flat()
  return (length - 1) % 2 === 0 ? [...short, 0] : [2, 97, 97, ...short.slice(2), 0]
}

suite('reading queries', () => {
  for (const [about, message, want] of rows)
    test(`${about}: ${want}`, () => {
      assert.equal(parseQuery(message).kind, want)
    })

  test('labels come out octet by octet, dots and all', () => {
    const read = parseQuery(octets(header(1), [3], 'a.b', [1, 0xe9, 0, 0, 1, 0, 1]))
    assert.ok(read.kind === 'query')
    assert.deepEqual(questionName(read), ['a.b', '\u00e9'])
  })

  test('what EDNS says is read', () => {
    const read = parseQuery(octets(header(1, 0, 0, 1), [...question], [...opt([], 3)]))
    assert.deepEqual(read.kind === 'query' ? read.edns : undefined, { size: 1232, version: 3, dnssecOk: true })
  })

  test('any bytes are read without throwing, and what is accepted is whole', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const read = parseQuery(Buffer.from(bytes))
        return (
          read.kind !== 'query' || (read.questionEnd <= bytes.length && questionName(read).every((label) => label.length <= 63))
        )
      }),
      { numRuns: 2000 },
    )
  })
})
