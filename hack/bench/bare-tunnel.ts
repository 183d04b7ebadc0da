// The floor of the data plane: wireguard-go started by hand in the namespaces of two nodes of the rig, between the same two pods, which get
// a second address each. One route and nothing of ours on the way; what the nodes have of their own, such as connection tracking and
// kube-proxy's rules, is in both.
//
//   pod ─veth─ node ═ wireguard-go ═ node ─veth─ pod
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { linuxHost } from '#lib/host/linux.ts'
import type { Peer } from '#lib/host/wg.ts'
import { parseUapi, uapiEnd, uapiSetDevice, uapiSetPeers } from '#lib/host/wg.ts'
import { PrivateKey } from '#lib/net/keys.ts'
import { inNetns } from '#test/rig/network.ts'
import type { Node } from '#test/rig/node.ts'
import { programPath } from '../setup/programs.ts'
import { run } from '../setup/run.ts'
import { shareCpuWith } from './cpu-share.ts'

export interface BareTunnel extends AsyncDisposable {
  readonly ends: readonly [TunnelEnd, TunnelEnd]
}
/** Addresses at which the node itself and the pod are reached through it. */
export type TunnelEnd = { readonly node: string; readonly pod: string }

export type Between = {
  readonly node: Node
  /** Any process of a pod on that node. */
  readonly pod: number
  /** The process whose share of CPU this end gets, or the floor would be that of another machine. */
  readonly like: number
}

/** Beside the port of the cables. */
const port = 51_830

export async function bareTunnel(
  name: string,
  mtu: number,
  between: readonly [Between, Between],
  signal: AbortSignal,
): Promise<BareTunnel> {
  await using stack = new AsyncDisposableStack()
  const [near, far] = [endOf(name, between[0], 0), endOf(name, between[1], 1)]
  for (const end of [near, far]) {
    await wire(end, signal)
    stack.defer(() => unwire(end, new AbortController().signal))
    stack.use(await startWireGuard(end, mtu, end.like, signal))
  }
  await speak(near, far, signal)
  await speak(far, near, signal)
  const owned = stack.move()
  return {
    ends: [
      { node: near.address, pod: near.podAddress },
      { node: far.address, pod: far.podAddress },
    ],
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

type End = ReturnType<typeof endOf>

const endOf = (name: string, { node, pod, like }: Between, index: 0 | 1) => ({
  netns: node.netns,
  underlayAddress: node.address,
  /** On this machine sockets of all wireguard-go lie in one folder, so the name has the rig in it. */
  device: `tmb${index}-${name}`,
  address: `192.168.73.${index + 1}`,
  pod,
  podAddress: `192.168.${74 + index}.2`,
  like,
  key: PrivateKey.generate(),
})

/** The pod's second address, and the way to it: the device on which the node has the pod's own. */
async function wire({ netns, pod, podAddress }: End, signal: AbortSignal): Promise<void> {
  await inPod(pod, ['addr', 'add', `${podAddress}/32`, 'dev', 'eth0'], signal)
  const own = /inet (10\.[0-9.]+)\//.exec(await inPod(pod, ['-4', '-o', 'addr', 'show', 'eth0'], signal))?.[1]
  const [enter = '', ...args] = inNetns(netns)
  const [, device] = / dev (\S+)/.exec(await run(enter, [...args, 'ip', 'route', 'get', own ?? ''], {}, signal)) ?? []
  if (device === undefined) throw new Error(`the node has no way to its pod ${own ?? ''}`)
  await ip([`route add ${podAddress} dev ${device}`], signal, netns)
}

async function unwire({ netns, pod, podAddress }: End, signal: AbortSignal): Promise<void> {
  await ip([`route del ${podAddress}`], signal, netns)
  await inPod(pod, ['addr', 'del', `${podAddress}/32`, 'dev', 'eth0'], signal)
}

const inPod = (pid: number, command: readonly string[], signal: AbortSignal): Promise<string> =>
  run('nsenter', ['--target', String(pid), '--net', 'ip', ...command], {}, signal)

async function startWireGuard(end: End, mtu: number, like: number, signal: AbortSignal): Promise<AsyncDisposable> {
  const [enter = '', ...args] = inNetns(end.netns)
  const child = spawn(enter, [...args, programPath('wireguard'), '-f', end.device], {
    stdio: ['ignore', 'ignore', 'inherit'],
    // The second one also keeps it from praising the kernel's own device.
    env: { ...process.env, LOG_LEVEL: 'error', WG_PROCESS_FOREGROUND: '1' },
  })
  const ended = once(child, 'exit')
  const daemon = {
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL')
      await ended
      rmSync(socketOf(end), { force: true })
    },
  }
  try {
    await answers(end, uapiSetDevice(end.key, port), signal)
    const device = [`addr add ${end.address}/24 dev ${end.device}`, `link set ${end.device} mtu ${mtu} up`]
    await ip(device, signal, end.netns)
    if (child.pid !== undefined) shareCpuWith(child.pid, like)
    return daemon
  } catch (error) {
    await daemon[Symbol.asyncDispose]()
    throw error
  }
}

const socketOf = ({ device }: End): string => `/var/run/wireguard/${device}.sock`

/** It listens a moment after it was started. */
async function answers(end: End, request: string, signal: AbortSignal): Promise<void> {
  const machine = linuxHost()
  const limit = AbortSignal.any([signal, AbortSignal.timeout(5_000)])
  for (;;) {
    const reply = await machine.ask(socketOf(end), request, uapiEnd, signal).catch(() => undefined)
    if (reply !== undefined) {
      parseUapi(reply)
      return
    }
    limit.throwIfAborted()
    await new Promise((resolve) => setImmediate(resolve))
  }
}

async function speak(from: End, to: End, signal: AbortSignal): Promise<void> {
  const peer: Peer = {
    publicKey: to.key.publicKey,
    address: `${to.underlayAddress}:${port}`,
    allowedIPs: [`${to.address}/32`, `${to.podAddress}/32`],
    keepaliveSeconds: 0,
  }
  await answers(from, uapiSetPeers([{ do: 'put', peer, replaceAllowed: true }]), signal)
  await ip([`route add ${to.podAddress} dev ${from.device}`], signal, from.netns)
}

/** Runs `ip` commands, in one process. */
async function ip(commands: readonly string[], signal: AbortSignal, netns?: string): Promise<void> {
  const args = netns === undefined ? ['-batch', '-'] : ['-n', netns, '-batch', '-']
  await run('ip', args, { stdin: `${commands.join('\n')}\n` }, signal)
}
