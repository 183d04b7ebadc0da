// Requests that do not stop, from a pod: each resolves the name anew and opens a connection anew, as curl in a loop would.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { isIP } from 'node:net'
import { createInterface } from 'node:readline'
import { programPath } from '#hack/setup/programs.ts'
import type { Cluster } from '#test/rig/cluster.ts'

export interface Request {
  /** When it began, by `Date.now()`. */
  readonly at: number
  readonly ms: number
  /** Undefined: answered. Where nothing came: what was waited for to the last. */
  readonly lost?: string
  /** What was answered. */
  readonly answer: string
  /** Where it went, and after how long that was known. */
  readonly address?: string
  readonly lookupMs?: number
  /** Of the client's end, as long as it was open when this was said. */
  readonly port?: number
}

export interface Traffic extends AsyncDisposable {
  /** So far. */
  readonly requests: readonly Request[]
  /** Those that began from `from` to `to`. Of one it is known only after `lostMs` whether it was lost. */
  between(from: number, to: number): readonly Request[]
  /** The lost ones of them. */
  lostBetween(from: number, to: number): readonly Request[]
}

/** What has no answer by then is lost, unless a test says otherwise. */
export const lostMs = 4000

type Flow = { readonly pod: string; readonly url: string; readonly everyMs?: number; readonly lostMs?: number }

/** One request every `everyMs`, whether the last was answered or not; lost is what has no answer after `lostMs`. */
export async function traffic(cluster: Cluster, { pod, url, everyMs = 50, lostMs: limitMs = lostMs }: Flow): Promise<Traffic> {
  const [namespace = '', name = ''] = pod.split('/')
  const child = spawn(
    programPath('kubectl'),
    ['--kubeconfig', cluster.kubeconfig, '-n', namespace, 'exec', '-i', name, '--', 'node', '-e', program(url, everyMs, limitMs)],
    // Its end of input is the program's sign to end: a killed kubectl would leave it behind in the pod.
    { stdio: ['pipe', 'pipe', 'inherit'] },
  )
  const requests: Request[] = []
  const lines = createInterface({ input: child.stdout })
  const first = once(lines, 'line')
  const ended = once(child, 'exit')
  const looking: Promise<void>[] = []
  lines.on('line', (line) => {
    const request = JSON.parse(line) as Request
    requests.push(request)
    if (request.lost !== undefined && looking.length < told) looking.push(tellOf(request, cluster).catch(untold))
  })
  await Promise.race([first, ended.then(() => Promise.reject(new Error(`no traffic from ${pod} in ${cluster.id}`)))])
  const between = (from: number, to: number) => requests.filter((r) => r.at >= from && r.at < to)
  return {
    requests,
    between,
    lostBetween: (from, to) => between(from, to).filter((r) => r.lost !== undefined),
    [Symbol.asyncDispose]: async () => {
      child.stdin.end()
      await ended
      await Promise.all(looking)
    },
  }
}

/** Of so many lost requests it is told what became of them: where all are lost, one is like the other. */
const told = 5

/** What cannot be asked, as of a node that was killed, fails no test. */
const untold = (error: unknown): void => {
  process.stdout.write(`      lost, and its connection cannot be looked at: ${String(error)}\n`)
}

/** Prints what the nodes' kernels know of it, as nobody can ask them once the test has failed. */
async function tellOf(request: Request, { nodes }: Cluster): Promise<void> {
  const tracked = await Promise.all(
    // Of a connection that was refused the port is not known any more, nor anything else.
    (request.port === undefined ? [] : nodes).map(async (node) => {
      const { stdout } = await node.exec(['grep', `sport=${request.port} `, '/proc/net/nf_conntrack'])
      return stdout.split('\n').flatMap((line) => (line === '' ? [] : [`        ${node.name}: ${line}\n`]))
    }),
  )
  process.stdout.write(`      lost: ${JSON.stringify(request)}\n${tracked.flat().join('')}`)
}

const program = (url: string, everyMs: number, limitMs: number): string => `
const { get } = require('node:http')
const named = ${isIP(new URL(url).hostname.replace(/^\[|\]$/g, '')) === 0}
const one = () => {
  const at = Date.now()
  const say = (lost) => {
    if (said) return
    said = true
    console.log(JSON.stringify({ at, ms: Date.now() - at, lost, answer, address, lookupMs, port: request.socket?.localPort }))
  }
  let said = false
  let answer = ''
  let address, lookupMs
  let awaited = named ? 'no address of the name' : 'no connection'
  const limit = setTimeout(() => { say(awaited); request.destroy() }, ${limitMs})
  const request = get(${JSON.stringify(url)}, { agent: false }, (response) => {
    response.setEncoding('utf8').on('data', (text) => (answer += text))
    response.on('end', () => { clearTimeout(limit); say(response.statusCode === 200 ? undefined : 'status ' + response.statusCode) })
  }).on('error', (error) => { clearTimeout(limit); say(error.code ?? error.message) })
  request.on('socket', (socket) => {
    socket.on('lookup', (error, ip) => {
      awaited = 'no connection'
      address = ip
      lookupMs = Date.now() - at
    })
    socket.on('connect', () => (awaited = 'no answer'))
  })
}
setInterval(one, ${everyMs})
process.stdin.on('end', () => process.exit(0)).resume()
`
