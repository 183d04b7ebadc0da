import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Frame, GatewayID } from './frame.ts'
import { encodeFrame, FrameReader, gatewayIDOf, gatewaysIn, hereFrame, maxDatagram } from './frame.ts'

const bytes = (min: number, max: number) => fc.uint8Array({ minLength: min, maxLength: max }).map((array) => Buffer.from(array))
const id = bytes(16, 16).map((b) => b.toString('hex') as GatewayID)
const frame: fc.Arbitrary<Frame> = fc.oneof(
  fc.tuple(id, bytes(1, 1500)).map(([gateway, sealed]) => ({ type: 'Datagram' as const, gateway, bytes: sealed })),
  fc.tuple(fc.constantFrom('Ping' as const, 'Pong' as const), bytes(8, 8)).map(([type, body]) => ({ type, bytes: body })),
  fc.array(id, { maxLength: 20 }).map(hereFrame),
)

suite('frames of relays', () => {
  test('come out of the stream as they went in, however it is cut', () => {
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1 }),
        (frames, cuts) => {
          const stream = Buffer.concat(frames.map(encodeFrame))
          const reader = new FrameReader()
          const read: Frame[] = []
          for (let at = 0, i = 0; at < stream.length; i++) {
            const cut = cuts[i % cuts.length] ?? 1
            read.push(...(reader.push(stream.subarray(at, at + cut)) ?? assert.fail('malformed')))
            at += cut
          }
          assert.deepEqual(read, frames)
        },
      ),
    )
  })

  test('of who is here have them all, in order', () => {
    fc.assert(fc.property(fc.array(id, { maxLength: 20 }), (ids) => assert.deepEqual(gatewaysIn(hereFrame(ids).bytes), ids)))
  })

  test('are refused by their first three bytes where no frame begins so', () => {
    for (const [length, type] of [
      [16, 1],
      [16 + maxDatagram + 1, 1],
      [7, 2],
      [9, 3],
      [17, 4],
      [65_535, 4],
      [0, 0],
      [8, 9],
    ] as const)
      assert.equal(new FrameReader().push(Buffer.from([length >> 8, length & 255, type])), undefined, `${length} ${type}`)
  })

  test('any bytes are frames or refused, and never an error', () => {
    fc.assert(
      fc.property(fc.array(bytes(0, 300), { maxLength: 5 }), (chunks) => {
        const reader = new FrameReader()
        for (const chunk of chunks) if (reader.push(chunk) === undefined) break
      }),
      { numRuns: 1000 },
    )
  })

  test('name a gateway by its certificate’s name', () => {
    assert.match(gatewayIDOf('n1.east.gateway.tombolo.dev'), /^[0-9a-f]{32}$/)
    assert.notEqual(gatewayIDOf('n1.east'), gatewayIDOf('n2.east'))
  })
})
