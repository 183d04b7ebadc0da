import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Message } from './message.ts'
import { decode, encode } from './message.ts'

const label = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,40}[a-z0-9])?$/)
const bootID = fc.stringMatching(/^[0-9a-f]{16}$/)
const time = fc.double({ min: 0, max: 1e12, noNaN: true })
/** As parsed: with an ordinary prototype. */
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record<T>(model, { noNullPrototype: true })
const messages: fc.Arbitrary<Message> = record<Message>({
  clusterID: label,
  node: label,
  bootID,
  claim: record<Message['claim']>({ role: fc.constantFrom('Active', 'Standby'), term: fc.nat(0xffffffff) }),
  standing: fc.constantFrom('Ready', 'Reserve', 'NotYet', 'Never'),
  carrying: fc.boolean(),
  cutOff: fc.boolean(),
  doubled: fc.boolean(),
  sequence: fc.nat(0xffffffff),
  sentAt: time,
  echo: fc.option(record<NonNullable<Message['echo']>>({ bootID, sentAt: time, heldFor: time }), { nil: undefined }),
  takes: fc.option(fc.nat(0xffffffff), { nil: undefined }),
})

suite('the pulse on the wire', () => {
  test('what is encoded is decoded again', () =>
    fc.assert(fc.property(messages, (message) => assert.deepEqual(decode(encode(message)), { ok: true, value: message }))))

  test('no bytes whatever make it throw, and what they say is short', () =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        const decoded = decode(Buffer.from(bytes))
        assert.ok(decoded.ok || decoded.error.value.length <= 32)
      }),
    ))

  test('nor does a good one with any byte changed, or cut anywhere', () =>
    fc.assert(
      fc.property(messages, fc.nat(), fc.nat(255), (message, at, byte) => {
        const bytes = encode(message)
        bytes[at % bytes.length] = byte
        decode(bytes)
        decode(bytes.subarray(0, at % bytes.length))
      }),
    ))

  test('a later version may append', () =>
    fc.assert(
      fc.property(messages, fc.uint8Array({ maxLength: 50 }), (message, more) =>
        assert.deepEqual(decode(Buffer.concat([encode(message), more])), { ok: true, value: message }),
      ),
    ))

  test('names that are none end nowhere', () => {
    const good = {
      clusterID: 'east',
      node: 'n1',
      bootID: '00'.repeat(8),
      claim: { role: 'Active', term: 1 },
      standing: 'Ready',
      carrying: false,
      cutOff: false,
      doubled: false,
      sequence: 1,
      sentAt: 0,
      echo: undefined,
      takes: undefined,
    } as const
    for (const clusterID of ['', 'East', 'a b', 'x\n', '../x', 'é'])
      assert.equal(decode(encode({ ...good, clusterID })).ok, false, clusterID)
  })
})
