// What one node says when it is asked: its routes, and whether names and addresses answer from there. One program in the agent's pod,
// which is in the node's own network, does all of it at once. It reads no key and changes nothing.
import { z } from 'zod'
import { overlayDevice } from '#gateway/data-plane.ts'
import type { Route, Rule } from '#lib/host/ip.ts'
import { ourProtocol, parseRoutes, parseRules } from '#lib/host/ip.ts'

export const tcpOutcomes = ['open', 'refused', 'silent', 'unreachable'] as const
export type TcpOutcome = (typeof tcpOutcomes)[number]

export type NodeReading = {
  readonly node: string
  /** Those that are ours, and our rules. */
  readonly routes: readonly Route[]
  readonly rules: readonly Rule[]
  readonly dns: readonly {
    readonly server: string
    readonly addresses: readonly string[]
    readonly failure: string | undefined
  }[]
  readonly tcp: readonly { readonly address: string; readonly port: number; readonly outcome: TcpOutcome }[]
  /** Whether the other end of the overlay was heard; undefined where none was listened for. */
  readonly overlay: boolean | undefined
}

export type Questions = {
  readonly name: string | undefined
  readonly servers: readonly string[]
  readonly connect: readonly { readonly address: string; readonly port: number }[]
  /** Link-local addresses on the overlay: this node's, and that of the node it sends to. */
  readonly overlay: { readonly self: string; readonly peer: string } | undefined
}

export const nodeCommand = (questions: Questions): readonly string[] => [
  'node',
  '-e',
  script,
  JSON.stringify({ ...questions, device: overlayDevice, protocol: ourProtocol, port: overlayProbePort }),
]

const overlayProbePort = 4792

const answer = z.object({
  routes4: z.string(),
  routes6: z.string(),
  rules4: z.string(),
  rules6: z.string(),
  dns: z.array(z.object({ server: z.string(), addresses: z.array(z.string()), failure: z.string().optional() })),
  tcp: z.array(z.object({ address: z.string(), port: z.int(), outcome: z.enum(tcpOutcomes) })),
  overlay: z.boolean().optional(),
})

/** Throws when it is not what the program prints. */
export function parseReading(node: string, printed: string): NodeReading {
  const { routes4, routes6, rules4, rules6, dns, tcp, overlay } = answer.parse(JSON.parse(printed))
  return {
    node,
    routes: [...parseRoutes(routes4, 'IPv4'), ...parseRoutes(routes6, 'IPv6')],
    rules: [...parseRules(rules4, 'IPv4'), ...parseRules(rules6, 'IPv6')],
    dns: dns.map((d) => ({ ...d, failure: d.failure })),
    tcp,
    overlay,
  }
}

// Two nodes that send to each other let each other's packets in as answers, so nothing has to be opened for the test.
const script = `
const { execFile } = require('node:child_process')
const { Resolver } = require('node:dns').promises
const net = require('node:net')
const { createSocket } = require('node:dgram')
const asked = JSON.parse(process.argv[1])
const run = (...args) => new Promise((done) => execFile('ip', args, { timeout: 1500 }, (error, out) => done(error ? '' : out)))
const dns = async (server) => {
  const resolver = new Resolver({ timeout: 900, tries: 1 })
  resolver.setServers([server])
  let failure = 'ENODATA'
  for (const family of ['resolve4', 'resolve6'])
    try { return { server, addresses: await resolver[family](asked.name) } }
    catch (error) { failure = error.code ?? String(error); if (failure !== 'ENODATA') break }
  return { server, addresses: [], failure }
}
const tcp = ({ address, port }) => new Promise((done) => {
  const socket = net.connect({ host: address, port })
  const end = (outcome) => { clearTimeout(timer); socket.destroy(); done({ address, port, outcome }) }
  const timer = setTimeout(() => end('silent'), 1300)
  socket.on('connect', () => end('open'))
  socket.on('error', ({ code }) => end(code === 'ECONNREFUSED' ? 'refused' : code === 'ETIMEDOUT' ? 'silent' : 'unreachable'))
})
const overlay = ({ self, peer }) => new Promise((done) => {
  const socket = createSocket('udp6')
  let heard = false
  let after = 0
  const end = (result) => { clearInterval(timer); clearTimeout(last); try { socket.close() } catch {} done(result) }
  const send = () => {
    socket.send('tombolo', asked.port, peer + '%' + asked.device, () => undefined)
    if (heard && ++after > 6) end(true)
  }
  let timer
  const last = setTimeout(() => end(heard), 1700)
  socket.on('error', () => end(false))
  socket.on('message', () => { heard = true })
  socket.bind(asked.port, self + '%' + asked.device, () => { send(); timer = setInterval(send, 40) })
})
const each = (items, work) => Promise.all(items.map(work))
Promise.all([
  ...['-4', '-6'].map((family) => run(family, '-j', 'route', 'show', 'table', 'all', 'proto', String(asked.protocol))),
  run('-4', '-j', 'rule', 'show'), run('-6', '-j', 'rule', 'show'),
  asked.name === undefined ? [] : each(asked.servers, dns), each(asked.connect, tcp),
  asked.overlay === undefined ? undefined : overlay(asked.overlay),
]).then(([routes4, routes6, rules4, rules6, dns, tcp, overlay]) => {
  process.stdout.write(JSON.stringify({ routes4, routes6, rules4, rules6, dns, tcp, overlay }), () => process.exit(0))
})
`
