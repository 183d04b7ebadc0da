// Asks again and again until the answer is the wanted one, and says when that was. A program of its own, so that it can be started in a
// pod's network. One question a line of standard input, as JSON; one answer a line of standard output; ends with its input.
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { decode, encode } from 'dns-packet'
import { pause } from '#lib/std/pause.ts'
import type { Found, Question } from './probe.ts'
import { now } from './bench.ts'

/** Between two tries: what a figure can be too large by. */
const everyMs = 1
/** A lost datagram, or a SYN that nobody refused. */
const tryMs = 200

const lines = createInterface({ input: process.stdin })
lines.on('line', (line) => {
  const question = JSON.parse(line) as Question
  void answer(question).then((at) => {
    const found: Found = { id: question.id, at }
    process.stdout.write(`${JSON.stringify(found)}\n`)
  })
})
lines.on('close', () => process.exit(0))

/** When it was so, by `now()`; null if it was not within the question's time. */
async function answer(question: Question): Promise<number | null> {
  const over = new AbortController()
  const deadline = now() + question.withinMs
  const found = Promise.withResolvers<number>()
  const asks = question.ask === 'name' ? resolves(question, over.signal) : connects(question, over.signal)
  void asks.then(found.resolve)
  const late = pause(deadline - now(), over.signal).then(() => null)
  const at = await Promise.race([found.promise, late])
  over.abort()
  return at
}

/** One datagram at a time: the next when it is answered or lost. */
function resolves({ name, server, wanted }: Extract<Question, { ask: 'name' }>, signal: AbortSignal): Promise<number> {
  const socket = createSocket('udp4')
  signal.addEventListener('abort', () => socket.close(), { once: true })
  let id = 0
  let limit: NodeJS.Timeout | undefined
  const send = () => {
    if (signal.aborted) return
    id = (id + 1) % 65_536
    socket.send(encode({ type: 'query', id, questions: [{ type: 'A', name }] }))
    clearTimeout(limit)
    limit = setTimeout(send, tryMs)
  }
  return new Promise((resolve) => {
    socket.on('message', (message) => {
      const at = now()
      const reply = decode(message)
      if (reply.id !== id || signal.aborted) return
      clearTimeout(limit)
      if (((reply.answers ?? []).length > 0 ? 'some' : 'none') === wanted) resolve(at)
      else limit = setTimeout(send, everyMs)
    })
    socket.on('error', () => undefined)
    socket.connect(53, server, send)
  })
}

/** Does not wait for one try before the next: a SYN that was dropped would be sent again only after a second. */
async function connects({ address, port, wanted }: Extract<Question, { ask: 'port' }>, signal: AbortSignal): Promise<number> {
  const done = Promise.withResolvers<number>()
  let refused = 0
  const tried = () => {
    const socket = connect({ host: address, port, timeout: tryMs })
    socket.on('connect', () => {
      if (wanted === 'some') done.resolve(now())
      refused = 0
      socket.destroy()
    })
    const failed = () => {
      // Once may be chance: while rules are exchanged a packet may meet neither.
      if (wanted === 'none' && ++refused >= 3) done.resolve(now())
      socket.destroy()
    }
    socket.on('timeout', failed).on('error', failed)
  }
  const asking = (async () => {
    while (!signal.aborted) {
      tried()
      await pause(everyMs, signal)
    }
  })()
  void asking
  return done.promise
}
