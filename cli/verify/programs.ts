// The programs that run in the pods of `tombolo verify`: one answers, one asks once, one asks without end. Node runs them, which every image of ours has.
import { z } from 'zod'

export const serverPort = 8080

/** Answers with the name of its pod and the address that the question came from. */
export const server = `
const { createServer } = require('node:http')
const pod = require('node:os').hostname()
createServer((request, response) => {
  const from = request.socket.remoteAddress.replace(/^::ffff:/, '')
  response.setHeader('connection', 'close')
  response.end(JSON.stringify({ kind: 'answer', pod, from }))
}).listen(Number(process.argv[1]), '::')
`

const client = `
const { get } = require('node:http')
const [host, port, ms] = process.argv.slice(1)
const say = (what) => { console.log(typeof what === 'string' ? what : JSON.stringify(what)); process.exit(0) }
const none = (why) => say({ kind: 'none', why })
setTimeout(() => none('no answer within ' + ms + ' ms'), Number(ms))
get({ host, port: Number(port), agent: false }, (response) => {
  let text = ''
  response.setEncoding('utf8').on('data', (part) => (text += part)).on('end', () => say(text))
}).on('error', (error) => (error.code === 'ENOTFOUND' ? say({ kind: 'unknown name' }) : none(error.message)))
`

/** How long one question may take. */
const askMs = 3000

export type Target = { readonly host: string; readonly port: number }

/** The program that asks once, with its arguments. */
export const askCommand = ({ host, port }: Target): readonly string[] => ['node', '-e', client, host, String(port), String(askMs)]

const said = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('answer'), pod: z.string(), from: z.string() }),
  z.object({ kind: z.literal('none'), why: z.string() }),
  /** The DNS says that there is no such name. */
  z.object({ kind: z.literal('unknown name') }),
])
export type Said = z.infer<typeof said>

/** What the asking program printed. Whoever answers may be anybody. */
export function parseSaid(printed: string): Said {
  try {
    return said.parse(JSON.parse(printed))
  } catch {
    return { kind: 'none', why: 'something else answered' }
  }
}

const watcher = `
const { get } = require('node:http')
const [host, ...numbers] = process.argv.slice(1)
const [port, everyMs, limitMs, leastMs, calmMs, mostMs] = numbers.map(Number)
const began = performance.now()
const now = () => Math.round(performance.now() - began)
const requests = []
let troubled = 0
const ask = () => {
  const request = [now(), null]
  requests.push(request)
  const asked = get({ host, port, agent: false }, (response) => {
    response.resume().on('end', () => {
      clearTimeout(limit)
      request[1] = now() - request[0]
      if (request[1] > 500) troubled = now()
    })
  }).on('error', () => { clearTimeout(limit); troubled = now() })
  const limit = setTimeout(() => asked.destroy(new Error('no answer')), limitMs)
}
const asking = setInterval(() => {
  const over = now() >= mostMs || (now() >= leastMs && now() - troubled >= calmMs)
  if (!over) return ask()
  clearInterval(asking)
  setTimeout(() => { console.log(JSON.stringify({ requests, ms: now() })); process.exit(0) }, limitMs + 100)
}, everyMs)
`

/** Twenty requests a second, each with a connection of its own; one without an answer after 2 s is lost. */
const watching = { everyMs: 50, limitMs: 2000, leastMs: 15_000, calmMs: 5000 }

/** The program that asks for 15 s, and then until nothing was lost or late for 5 s or `mostMs` are over. */
export function watchCommand({ host, port }: Target, mostMs: number): readonly string[] {
  const { everyMs, limitMs, leastMs, calmMs } = watching
  return ['node', '-e', watcher, host, ...[port, everyMs, limitMs, leastMs, calmMs, mostMs].map(String)]
}

const watched = z.object({
  /** When each began, in ms since the program did, and how long it took; null: it was lost. */
  requests: z.array(z.tuple([z.number(), z.number().nullable()])),
  ms: z.number(),
})
export type Watched = z.infer<typeof watched>

/** Throws when it is not what the watching program prints. */
export const parseWatched = (printed: string): Watched => watched.parse(JSON.parse(printed))
