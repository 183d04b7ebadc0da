// What two programs feel that talk to each other without a pause: a datagram every millisecond or few, and a small message on one TCP
// connection every five. Each runs in the network of a pod (stream-main.ts).
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export type Felt = {
  /** The longest time in which no datagram that was sent came back, ms. */
  readonly silentMs: number
  /** The longest that a datagram took there and back, of those that were not lost, ms. */
  readonly slowestMs: number
  readonly sent: number
  readonly lost: number
  /** The longest time between two answers on the TCP connection, ms. */
  readonly stalledMs: number
  /** Times that the connection ended. */
  readonly broken: number
}

export interface Stream extends AsyncDisposable {
  /** What was felt since the last time. */
  felt(): Promise<Felt>
}

const port = 7301

/**
 * From the pod of process `from` to that of process `to`, which is reached at `address`; a datagram every `everyMs`. What waits for long
 * comes at once, and of more than some 200 datagrams the socket that receives them drops what its program is too slow for.
 */
export function openStream(from: number, to: number, address: string, everyMs = 1): Stream {
  const start = (pid: number, role: 'echo' | 'ask') => {
    const program = [process.execPath, join(import.meta.dirname, 'stream-main.ts'), role, address, String(port), String(everyMs)]
    const child = spawn('nsenter', ['--target', String(pid), '--net', '--', ...program], { stdio: ['pipe', 'pipe', 'inherit'] })
    child.stdin.on('error', () => undefined)
    return { child, ended: once(child, 'exit') }
  }
  const [echo, ask] = [start(to, 'echo'), start(from, 'ask')]
  const lines = createInterface({ input: ask.child.stdout })[Symbol.asyncIterator]()
  return {
    felt: async () => {
      ask.child.stdin.write('felt\n')
      const line = await lines.next()
      if (line.done === true) throw new Error('the program that sends has ended')
      return JSON.parse(line.value) as Felt
    },
    [Symbol.asyncDispose]: async () => {
      for (const { child, ended } of [ask, echo]) {
        child.stdin.end()
        await ended
      }
    },
  }
}
