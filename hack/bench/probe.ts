// A user in a pod: when does a name resolve for him, when does a port answer? Asked from the pod's own network (probe-main.ts).
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** `some`: until there is an answer. `none`: until there is none any more. */
type Wanted = 'some' | 'none'

export type Question = { readonly id: number; readonly withinMs: number; readonly wanted: Wanted } & (
  | { readonly ask: 'name'; readonly name: string; readonly server: string }
  | { readonly ask: 'port'; readonly address: string; readonly port: number }
)
/** `at` by the machine's clock (`now` of bench.ts); null: not in time. */
export type Found = { readonly id: number; readonly at: number | null }

export interface Probe extends AsyncDisposable {
  /** When the name first had an address, or none. Throws if that does not come within 20 s. */
  name(name: string, server: string, wanted: Wanted): Promise<number>
  /** When a TCP connection first came about, or failed. Throws likewise. */
  port(address: string, port: number, wanted: Wanted): Promise<number>
}

const withinMs = 20_000

/** In the network of the process `pid`. */
export function probeIn(pid: number): Probe {
  const enter = ['--target', String(pid), '--net', '--', process.execPath, join(import.meta.dirname, 'probe-main.ts')]
  const child = spawn('nsenter', enter, { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  // One that has ended is told to whoever asks.
  child.stdin.on('error', () => undefined)
  const waiting = new Map<number, (at: number | null) => void>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { id, at } = JSON.parse(line) as Found
    waiting.get(id)?.(at)
    waiting.delete(id)
  })
  let last = 0
  const ask = async (what: string, question: (id: number) => Question) => {
    const id = ++last
    const answer = new Promise<number | null>((resolve) => waiting.set(id, resolve))
    child.stdin.write(`${JSON.stringify(question(id))}\n`)
    const at = await Promise.race([answer, ended.then(() => null)])
    if (at === null) throw new Error(`${what} did not come about within ${withinMs / 1000} s`)
    return at
  }
  return {
    name: (name, server, wanted) =>
      ask(`${wanted} address of ${name}`, (id) => ({ id, withinMs, ask: 'name', name, server, wanted })),
    port: (address, port, wanted) =>
      ask(`${wanted} answer of ${address}:${port}`, (id) => ({ id, withinMs, ask: 'port', address, port, wanted })),
    [Symbol.asyncDispose]: async () => {
      child.stdin.end()
      await ended
    },
  }
}
