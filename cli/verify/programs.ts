// The two programs that run in the pods of `tombolo verify`: one answers, one asks. Node runs them, which every image of ours has.
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
