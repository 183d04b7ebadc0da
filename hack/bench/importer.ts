// An operator that imports, beside a bench, and what it reads from the broker, in bytes.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { processEnv, nodeFlags } from '#operator/install/manifests/pod.ts'
import type { BareBroker } from '#test/kit/bare-broker.ts'

/** What importer-main.ts is told: whose it is, and where its apiservers are. */
export type Importer = {
  readonly id: string
  readonly ca: string
  readonly token: string
  readonly member: string
  readonly broker: string
}

export interface RunningImporter extends AsyncDisposable {
  readonly pid: number
  /** Of the broker, as it came over the wire, TLS and all. */
  bytesRead(): number
  /** When it last had work, by `now()` of bench.ts; resolves when it then has had none for a while. */
  quiet(signal: AbortSignal): Promise<number>
}

/** Of the member `id`, whose apiserver is the broker's. */
export async function startImporter(id: string, { server, ca, token }: BareBroker): Promise<RunningImporter> {
  const { hostname, port } = new URL(server)
  let bytes = 0
  const counter = createServer((near) => {
    const far = connect({ host: hostname, port: Number(port), noDelay: true })
    near.setNoDelay(true)
    far.on('data', (chunk) => (bytes += chunk.length))
    near.pipe(far).pipe(near)
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const)
      one.on('error', () => other.destroy()).on('close', () => other.destroy())
  }).listen(0, '127.0.0.1')
  await once(counter, 'listening')
  const broker = `https://127.0.0.1:${(counter.address() as AddressInfo).port}`
  const told: Importer = { id, ca, token, member: server, broker }
  const child = spawn(process.execPath, [...nodeFlags, join(import.meta.dirname, 'importer-main.ts'), JSON.stringify(told)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...processEnv },
  })
  const ended = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })
  return {
    pid: child.pid ?? 0,
    bytesRead: () => bytes,
    quiet: async (signal) => {
      const [line] = (await once(lines, 'line', { signal })) as [string]
      return Number(line)
    },
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM')
      await ended
      counter.close()
    },
  }
}
