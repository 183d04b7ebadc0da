// Where a program runs for a measurement: in the network of one place with the files of a toolbox pod, which has iperf3 and ping.
// Entered from outside, and not by kubectl exec: so a pod and a bare namespace are measured by the same process with the same share of CPU.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { inNetns } from '#test/rig/network.ts'
import { run } from '../setup/run.ts'

export interface Place {
  /** The command line that runs `command` there. */
  enter(command: readonly string[]): readonly string[]
  /** How others reach it, and what it sends from. */
  readonly address: string
}

/** `pid` is any process of the pod. */
export const inPod = (pid: number, address: string): Place => ({
  address,
  enter: (command) => ['nsenter', '--target', String(pid), '--mount', '--net', '--', ...command],
})

/** A network namespace, with the files of the pod of `pid`. */
export const inNamespace = (netns: string, pid: number, address: string): Place => ({
  address,
  enter: (command) => [...inNetns(netns), '--target', String(pid), '--mount', '--', ...command],
})

/** Mbit/s of one TCP connection as the receiver counts it, from the second second on. */
export async function tcpThroughput(from: Place, to: Place, seconds: number, signal: AbortSignal): Promise<number> {
  const [program = '', ...args] = to.enter(['iperf3', '--server', '--one-off', '--forceflush', '--bind', to.address])
  const server = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(server, 'close')
  try {
    const listens = once(createInterface({ input: server.stdout }), 'line', { signal })
    await Promise.race([listens, ended.then(() => Promise.reject(new Error(`iperf3 cannot listen on ${to.address}`)))])
    const client = ['iperf3', '--client', to.address, '--bind', from.address, '--time', String(seconds), '--omit', '1', '--json']
    const { end } = JSON.parse(await answerOf(from, client, signal)) as Report
    return end.sum_received.bits_per_second / 1e6
  } finally {
    server.kill('SIGKILL')
    await ended
  }
}

type Report = { readonly end: { readonly sum_received: { readonly bits_per_second: number } } }

/** Round-trip times in ms. Throws when an echo is lost. */
export async function roundTrips(from: Place, to: Place, count: number, signal: AbortSignal): Promise<readonly number[]> {
  const text = await answerOf(from, ['ping', '-n', '-c', String(count), '-i', '0.01', '-I', from.address, to.address], signal)
  const times = [...text.matchAll(/time=([\d.]+) ms/g)].map(([, ms]) => Number(ms))
  if (times.length !== count) throw new Error(`${count - times.length} of ${count} echoes from ${to.address} were lost`)
  return times
}

/** Until echoes come: the first packets of a tunnel wait for its handshake and for neighbours, and some are lost over it. */
export async function warmUp(from: Place, to: Place, signal: AbortSignal): Promise<void> {
  const ping = ['ping', '-n', '-q', '-c', '5', '-i', '0.2', '-w', '10', '-I', from.address, to.address]
  await answerOf(from, ping, signal)
  await roundTrips(from, to, 5, signal)
}

function answerOf(place: Place, command: readonly string[], signal: AbortSignal): Promise<string> {
  const [program = '', ...args] = place.enter(command)
  return run(program, args, {}, signal)
}
