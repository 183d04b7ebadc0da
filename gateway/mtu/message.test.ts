import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Probe } from './message.ts'
import { decodeProbe, encodeProbe, headers } from './message.ts'

const probes: fc.Arbitrary<Probe> = fc.record(
  {
    kind: fc.constantFrom('probe', 'answer'),
    size: fc.integer({ min: 100, max: 9000 }),
    round: fc.nat(0xffffffff),
    bootID: fc.stringMatching(/^[0-9a-f]{16}$/),
  },
  { noNullPrototype: true },
)

suite('probes of size on the wire', () => {
  test('what is encoded is decoded again, and a probe is as long as it says', () =>
    fc.assert(
      fc.property(probes, (probe) => {
        const bytes = encodeProbe(probe)
        assert.deepEqual(decodeProbe(bytes), { ok: true, value: probe })
        if (probe.kind === 'probe') assert.equal(bytes.length + headers, probe.size)
      }),
    ))

  test('one that was cut, or lies about its size, proves nothing', () =>
    fc.assert(
      fc.property(probes, fc.nat(), (probe, at) => {
        const bytes = encodeProbe({ ...probe, kind: 'probe' })
        assert.equal(decodeProbe(bytes.subarray(0, at % bytes.length)).ok, false)
      }),
    ))

  test('no bytes whatever make it throw', () =>
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void decodeProbe(Buffer.from(bytes)))))
})
