import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { maxWaiting, Outbox } from './outbox.ts'

/** A connection that takes nothing until it is let. */
function slow() {
  const taken: string[] = []
  let go: (() => void) | undefined
  const take = (text: string, done: () => void) => {
    taken.push(text)
    go = done
  }
  const socket = new Writable({
    highWaterMark: 1,
    decodeStrings: true,
    write: (chunk: Buffer, _, done) => take(chunk.toString(), done),
    writev: (chunks, done) => take(chunks.map(({ chunk }: { chunk: unknown }) => String(chunk)).join(','), done),
  })
  const letGo = async () => {
    await new Promise(setImmediate)
    go?.()
    await new Promise(setImmediate)
  }
  return { taken, socket, letGo }
}

suite('what waits for a connection', () => {
  test('is the newest datagrams, behind the newest of what must arrive', async () => {
    const { taken, socket, letGo } = slow()
    const outbox = new Outbox(socket)
    outbox.push(Buffer.from('first'))
    outbox.tell('Ping', Buffer.from('old ping'))
    outbox.tell('Here', Buffer.from('here'))
    outbox.tell('Ping', Buffer.from('ping'))
    for (let i = 0; i < maxWaiting + 2; i++) outbox.push(Buffer.from(`d${i}`))
    assert.equal(outbox.dropped, 2)
    for (let i = 0; i < 3 + maxWaiting; i++) await letGo()
    const all = taken.join(',').split(',')
    assert.deepEqual(all.slice(0, 3), ['first', 'ping', 'here'])
    assert.deepEqual([all[3], all.at(-1)], ['d2', `d${maxWaiting + 1}`])
    assert.equal(all.length, 3 + maxWaiting)
  })
})
