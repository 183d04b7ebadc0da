// A thread that does nothing but write, over as many connections at once as it is told, until it is ended. It answers a message with how
// long its writes took, in ms.
import { Agent, request } from 'node:https'
import { parentPort, workerData } from 'node:worker_threads'

export type Flood = {
  readonly url: string
  readonly ca: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly connections: number
}

const { url, ca, headers, body, connections } = workerData as Flood
const agent = new Agent({ keepAlive: true, maxSockets: connections, ca })
const took: number[] = []
parentPort?.on('message', () => parentPort?.postMessage(took))

function write(): void {
  const began = performance.now()
  const again = () => {
    took.push(performance.now() - began)
    write()
  }
  request(url, { method: 'POST', agent, headers: { ...headers, 'content-type': 'application/json' } }, (response) => {
    response.resume().once('end', again)
  })
    .once('error', again)
    .end(body)
}

for (let i = 0; i < connections; i++) write()
