// One end of a stream (stream.ts): `echo ADDRESS PORT` sends back what comes, `ask ADDRESS PORT EVERY_MS` sends and waits. Ends with its input.
import { createSocket } from 'node:dgram'
import { connect, createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { setInterval as ticks } from 'node:timers/promises'
import type { Felt } from './stream.ts'

const messageEveryMs = 5
/** A datagram that is not back by then is lost: longer than any wait that is meant. */
const lostAfterMs = 1_000

const nothing: Felt = { slowestMs: 0, sent: 0, lost: 0, silentMs: 0, stalledMs: 0, broken: 0 }

const [role, address = '', port = '', everyMs = '1'] = process.argv.slice(2)
const datagramEveryMs = Number(everyMs)
const lines = createInterface({ input: process.stdin }).on('close', () => process.exit(0))
if (role === 'echo') echo()
else await ask()

function echo(): void {
  const socket = createSocket('udp4')
  socket.on('message', (message, from) => {
    socket.send(message, from.port, from.address)
  })
  socket.bind(Number(port), address)
  createServer({ noDelay: true }, (client) => client.on('error', () => undefined).pipe(client)).listen(Number(port), address)
}

async function ask(): Promise<void> {
  /** When each datagram was sent, until it is back or given up. */
  const open = new Map<number, number>()
  let counts = nothing
  let lastBack = performance.now()
  let lastAnswer = performance.now()
  const socket = createSocket('udp4')
  socket.on('error', () => undefined)
  let begun = false
  socket.on('message', (message) => {
    const back = message.readUInt32BE(0)
    const sentAt = open.get(back)
    if (sentAt === undefined) return
    open.delete(back)
    // What was sent before the other end listened is nobody's loss.
    if (!begun) for (const earlier of open.keys()) if (earlier < back) open.delete(earlier)
    begun = true
    // By when they were sent: what waited in a queue was not lost.
    const slowestMs = Math.max(counts.slowestMs, performance.now() - sentAt)
    counts = { ...counts, slowestMs, silentMs: Math.max(counts.silentMs, sentAt - lastBack) }
    lastBack = Math.max(lastBack, sentAt)
  })
  const dial = () => {
    const client = connect({ host: address, port: Number(port), noDelay: true })
    client.on('data', () => {
      const now = performance.now()
      counts = { ...counts, stalledMs: Math.max(counts.stalledMs, now - lastAnswer) }
      lastAnswer = now
    })
    client.on('error', () => undefined)
    client.on('close', () => {
      counts = { ...counts, broken: counts.broken + 1 }
      setTimeout(() => {
        tcp = dial()
      }, 100)
    })
    return client
  }
  let tcp = dial()
  lines.on('line', () => {
    const now = performance.now()
    for (const [sequence, sentAt] of open)
      if (now - sentAt > lostAfterMs) {
        open.delete(sequence)
        counts = { ...counts, lost: counts.lost + 1 }
      }
    process.stdout.write(`${JSON.stringify({ ...counts, silentMs: Math.max(counts.silentMs, now - lastBack - lostAfterMs) })}\n`)
    counts = nothing
  })
  let sequence = 0
  for await (const _ of ticks(datagramEveryMs)) {
    const bytes = Buffer.alloc(64)
    bytes.writeUInt32BE(++sequence)
    open.set(sequence, performance.now())
    counts = { ...counts, sent: counts.sent + 1 }
    socket.send(bytes, Number(port), address, () => undefined)
    if (sequence % (messageEveryMs / datagramEveryMs) === 0 && tcp.writable) tcp.write('x')
  }
}
