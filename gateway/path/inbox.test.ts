import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { eventually } from '#test/kit/eventually.ts'
import type { Frame, GatewayID } from './frame.ts'
import { encodeFrame, hereFrame } from './frame.ts'
import { frameCost, hear } from './inbox.ts'

const { signal } = new AbortController()
const gateway = 'ab'.repeat(16) as GatewayID
const datagram = encodeFrame({ type: 'Datagram', gateway, bytes: Buffer.alloc(1) })

function hearing(bytesPerSecond: number) {
  const socket = new PassThrough()
  const heard = { taken: [] as Frame['type'][], refused: 0, malformed: 0 }
  const take = ({ type }: Frame) => heard.taken.push(type)
  hear(socket, { bytesPerSecond, take, refuse: () => heard.refused++, malformed: () => heard.malformed++ }, signal)
  return { socket, heard }
}

suite('what a connection brings', () => {
  test('is taken as far as the rate goes, a small datagram for as much as it is work', async () => {
    // 200 ms of it at once: ten frames of one byte.
    const { socket, heard } = hearing(50 * (frameCost + 1))
    socket.write(Buffer.concat(Array.from({ length: 30 }, () => datagram)))
    await eventually(() => assert.deepEqual([heard.taken.length, heard.refused], [10, 20]))
  })

  test('is not read for a while from who is over the rate, and then goes on', async () => {
    const { socket, heard } = hearing(frameCost)
    const began = performance.now()
    for (let i = 0; i < 4; i++) {
      socket.write(datagram)
      await new Promise(setImmediate)
    }
    assert.ok(socket.isPaused())
    assert.equal(heard.refused, 1)
    await eventually(() => assert.equal(heard.refused, 4))
    assert.ok(performance.now() - began >= 20)
  })

  test('is heard over the rate too where it is no datagram: who is busy is not gone', async () => {
    const { socket, heard } = hearing(frameCost)
    socket.write(
      Buffer.concat([datagram, encodeFrame({ type: 'Ping', bytes: Buffer.alloc(8) }), encodeFrame(hereFrame([gateway]))]),
    )
    await eventually(() => assert.deepEqual(heard, { taken: ['Ping', 'Here'], refused: 1, malformed: 0 }))
  })

  test('that is no frame is said to be', async () => {
    const { socket, heard } = hearing(1000)
    socket.write('GET / HTTP/1.1')
    await eventually(() => assert.equal(heard.malformed, 1))
  })
})
