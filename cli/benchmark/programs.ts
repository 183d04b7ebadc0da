// The programs that run in the pods of `tombolo benchmark`: one answers, one sends as much as it can, one counts round trips. Node runs
// them, which every image of ours has. What Node itself can move is a bound of the figures: see `sendCommand`.
import { z } from 'zod'

export const serverPort = 8080

/** The first byte of a connection says what it is for: L, to be sent back whatever comes; else to be told at the end how much came. */
export const server = `
require('node:net').createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
  let kind
  let bytes = 0
  socket.on('data', (data) => {
    kind ??= String.fromCharCode(data[0])
    if (kind === 'L') socket.write(data)
    else bytes += data.length
  })
  socket.on('end', () => socket.end(String(bytes))).on('error', () => socket.destroy())
}).listen(Number(process.argv[1]), '::')
`

/** Ends the process, so that no pod is left waiting: nothing of a connection that stalls would. */
const frame = `
const { connect } = require('node:net')
const say = (what) => { console.log(JSON.stringify(what)); process.exit(0) }
const none = (why) => say({ kind: 'none', why })
`

const sender = `${frame}
const [host, ...numbers] = process.argv.slice(1)
const [port, seconds, connections] = numbers.map(Number)
const chunk = Buffer.alloc(1 << 20, 'T')
const heard = []
setTimeout(() => none(heard.length + ' of ' + connections + ' connections ended in time'), seconds * 1000 + 10000)
const began = performance.now()
for (let i = 0; i < connections; i++) {
  const socket = connect({ host, port, allowHalfOpen: true, highWaterMark: 2 * chunk.length })
  const more = () => {
    while (performance.now() - began < seconds * 1000) if (!socket.write(chunk)) return void socket.once('drain', more)
    socket.end()
  }
  let text = ''
  socket.on('connect', more).on('error', (error) => none(error.message)).setEncoding('utf8').on('data', (part) => (text += part))
  socket.on('end', () => {
    heard.push(Number(text))
    if (heard.length === connections) say({ kind: 'sent', bytes: heard.reduce((a, b) => a + b, 0), ms: performance.now() - began })
  })
}
`

const echoer = `${frame}
const [host, port, seconds] = process.argv.slice(1)
const micros = []
const over = () => say({ kind: 'echoed', micros })
setTimeout(() => (micros.length > 0 ? over() : none('no answer')), Number(seconds) * 1000 + 5000)
const socket = connect({ host, port: Number(port), noDelay: true })
let began
let sent
const send = () => { sent = process.hrtime.bigint(); socket.write('L') }
socket.on('connect', () => { began = performance.now(); send() }).on('error', (error) => none(error.message)).on('close', () => none('the connection ended'))
socket.on('data', () => {
  micros.push(Number(process.hrtime.bigint() - sent) / 1000)
  if (performance.now() - began >= Number(seconds) * 1000 || micros.length === 50000) over()
  else setTimeout(send, 2)
})
`

export type Target = { readonly host: string; readonly port: number }

/**
 * Sends through `connections` at once; counts what the far end says it has had, and stops the clock when it has said so.
 * Node is a bound of its own. Beside iperf3 in the rig, one connection, both clusters on two busy cores: through the tunnel the same
 * (257 to 295 Mbit/s, iperf3 211 to 336); inside of a cluster, where the network is faster, less (1.8 to 2.7 Gbit/s, iperf3 4.5 to 5.7).
 */
export const sendCommand = ({ host, port }: Target, seconds: number, connections: number): readonly string[] => [
  ...['node', '-e', sender, host],
  ...[port, seconds, connections].map(String),
]

/**
 * Sends one byte, waits until it is back, and 2 ms more; 50 000 times at most. Node's own part is in it: in the rig 0.4 ms inside of a
 * cluster where ping has 0.15 ms.
 */
export const echoCommand = ({ host, port }: Target, seconds: number): readonly string[] => [
  ...['node', '-e', echoer, host],
  ...[port, seconds].map(String),
]

const measured = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('sent'), bytes: z.number(), ms: z.number().positive() }),
  z.object({ kind: z.literal('echoed'), micros: z.array(z.number()).min(1) }),
  z.object({ kind: z.literal('none'), why: z.string() }),
])
export type Measured = z.infer<typeof measured>

/** What a program printed; something else is none. */
export function parseMeasured(printed: string): Measured {
  try {
    return measured.parse(JSON.parse(printed))
  } catch {
    return { kind: 'none', why: 'the program in the pod printed something else' }
  }
}
