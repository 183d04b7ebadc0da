// Questions that do not stop, over UDP from a pod: from ports that stay, as resolvers have them, and from a new one each time.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { programPath } from '#hack/setup/programs.ts'
import type { Cluster } from '#test/rig/cluster.ts'

/** Of one server. Lost: no answer until two seconds after the last question. */
export type Asked = { readonly asked: number; readonly lost: number }

export interface Queries extends AsyncDisposable {
  /** Stops asking; by server. */
  end(): Promise<Readonly<Record<string, Asked>>>
}

/** Asks each of the servers, by address, for the IPv4 addresses of `name`, some 400 times a second. Resolves when it asks. */
export async function queries(cluster: Cluster, pod: string, servers: readonly string[], name: string): Promise<Queries> {
  const [namespace = '', client = ''] = pod.split('/')
  const child = spawn(
    programPath('kubectl'),
    [
      ...['--kubeconfig', cluster.kubeconfig, '-n', namespace, 'exec', '-i', client, '--'],
      ...['node', '-e', program, name, ...servers],
    ],
    // Its end of input is the program's sign to end: a killed kubectl would leave it behind in the pod.
    { stdio: ['pipe', 'pipe', 'inherit'] },
  )
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
  const ended = once(child, 'close')
  await Promise.race([
    once(child.stdout, 'data'),
    ended.then(() => Promise.reject(new Error(`no queries from ${pod} in ${cluster.id}`))),
  ])
  const end = async () => {
    child.stdin.end()
    await ended
    return JSON.parse(said.split('\n').at(-2) ?? '') as Readonly<Record<string, Asked>>
  }
  return {
    end,
    [Symbol.asyncDispose]: async () => {
      await end()
    },
  }
}

const program = `
const { createSocket } = require('node:dgram')
const [name, ...servers] = process.argv.slice(1)
const labels = name.split('.').flatMap((label) => [label.length, ...Buffer.from(label)])
const question = Buffer.from([0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, 1, 0, 1])
const counted = Object.fromEntries(servers.map((server) => [server, { asked: 0, lost: 0 }]))
function socketFor(server) {
  const open = new Set()
  const socket = createSocket('udp4')
  socket.on('message', (answer) => open.delete(answer.readUInt16BE(0)) && counted[server].lost--)
  socket.on('error', () => undefined)
  return () => {
    const query = Buffer.from(question)
    const id = counted[server].asked++ & 0xffff
    query.writeUInt16BE(id)
    open.add(id)
    counted[server].lost++
    socket.send(query, 53, server, () => undefined)
    return socket
  }
}
const lasting = servers.map((server) => Array.from({ length: 16 }, () => socketFor(server)))
let turn = 0
const asking = setInterval(() => {
  for (const [i, server] of servers.entries()) {
    lasting[i][turn++ % 16]()
    const once = socketFor(server)()
    setTimeout(() => once.close(), 4000)
  }
}, 5)
console.log('asking')
process.stdin.on('end', () => {
  clearInterval(asking)
  setTimeout(() => { console.log(JSON.stringify(counted)); process.exit(0) }, 2000)
}).resume()
`
