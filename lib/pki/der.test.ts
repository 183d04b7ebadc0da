import assert from 'node:assert/strict'
import fc from 'fast-check'
import { bitString, integer, octetString, oid, readDer, sequence, time, utf8String } from './der.ts'

const hex = (bytes: Buffer) => bytes.toString('hex')

suite('DER', () => {
  // Values from X.690 and from `openssl asn1parse -genstr`.
  const written: readonly (readonly [string, Buffer, string])[] = [
    ['zero', integer(0n), '020100'],
    ['a number whose highest bit is set', integer(128n), '02020080'],
    ['a number of nine bytes', integer(2n ** 64n), '0209010000000000000000'],
    ['an object id with long arcs', oid('1.2.840.10045.4.3.2'), '06082a8648ce3d040302'],
    ['a bit string', bitString(Buffer.from([0x80]), 7), '03020780'],
    ['text', utf8String('é'), '0c02c3a9'],
    ['a time before 2050', time(new Date('2049-12-31T23:59:59.900Z')), `170d${hex(Buffer.from('491231235959Z'))}`],
    ['a time from 2050', time(new Date('2050-01-01T00:00:00Z')), `180f${hex(Buffer.from('20500101000000Z'))}`],
    ['a length of two bytes', octetString(Buffer.alloc(200)), `0481c8${'00'.repeat(200)}`],
  ]
  for (const [what, bytes, want] of written) test(`writes ${what}`, () => assert.equal(hex(bytes), want))

  test('what was written is read again, whole', () => {
    const bytes = sequence(integer(5n), sequence(oid('2.5.4.3'), utf8String('east')))
    const read = readDer(bytes)
    assert.ok(read.ok)
    assert.deepEqual(
      read.value.items.map((i) => i.tag),
      [0x02, 0x30],
    )
    assert.ok(read.value.raw.equals(bytes))
  })

  const refused: readonly (readonly [string, string])[] = [
    ['nothing', ''],
    ['a value that is cut off', '0203010'.padEnd(8, '0')],
    ['something behind the value', '02010000'],
    ['an indefinite length', '30800201000000'],
    ['a length that could be shorter', '02810100'],
    ['a length of more bytes than there are', '30ffffff'],
    ['a part that reaches over its whole', '3003020200'],
    ['a tag of several bytes', '3f810100'],
    ['a whole made of wholes without end', '3080'.repeat(40)],
  ]
  for (const [what, bytes] of refused) test(`refuses ${what}`, () => assert.ok(!readDer(Buffer.from(bytes, 'hex')).ok))

  test('refuses depth that would take the stack', () => {
    let bytes: Buffer = Buffer.alloc(0)
    for (let i = 0; i < 2000; i++) bytes = sequence(bytes)
    assert.ok(!readDer(bytes).ok)
  })

  test('no bytes whatever make it throw, and what it takes it can spell only so', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const read = readDer(Buffer.from(bytes))
        return !read.ok || read.value.raw.equals(Buffer.from(bytes))
      }),
    )
  })
})
