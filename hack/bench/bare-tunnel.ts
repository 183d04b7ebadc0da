// The floor of the data plane: wireguard-go started by hand between two new network namespaces, which hang on the same two bridges of the
// rig as the nodes of its clusters, with a namespace behind each as a pod is behind its node. One route, no packet filter, nothing of ours.
//
//   pod ─veth─ node ═ wireguard-go ═ node ─veth─ pod
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { linuxHost } from '#lib/host/linux.ts'
import type { Peer } from '#lib/host/wg.ts'
import { parseUapi, uapiEnd, uapiSetDevice, uapiSetPeers } from '#lib/host/wg.ts'
import { PrivateKey } from '#lib/net/keys.ts'
import { layoutOf } from '#test/rig/layout.ts'
import { inNetns } from '#test/rig/network.ts'
import { readRecord, runDirOf } from '#test/rig/record.ts'
import type { Rig } from '#test/rig/rig.ts'
import { programPath } from '../setup/programs.ts'
import { run } from '../setup/run.ts'
import { shareCpuWith } from './cpu-share.ts'

export interface BareTunnel extends AsyncDisposable {
  readonly ends: readonly [TunnelEnd, TunnelEnd]
}
type Namespace = { readonly netns: string; readonly address: string }
export type TunnelEnd = { readonly node: Namespace; readonly pod: Namespace }

/** No node has this number. */
const host = 200
const port = 51_820

/** `likes`: the processes whose share of CPU its two ends get, or the floor would be that of another machine. */
export async function bareTunnel(
  rig: Rig,
  mtu: number,
  likes: readonly [number, number],
  signal: AbortSignal,
): Promise<BareTunnel> {
  await using stack = new AsyncDisposableStack()
  const [near, far] = [endOf(rig, 0), endOf(rig, 1)]
  for (const [end, like] of [
    [near, likes[0]],
    [far, likes[1]],
  ] as const) {
    await wire(end, mtu, signal)
    stack.defer(() => unwire(end, new AbortController().signal))
    stack.use(await startWireGuard(end, mtu, like, signal))
  }
  await speak(near, far, signal)
  await speak(far, near, signal)
  const owned = stack.move()
  return { ends: [shown(near), shown(far)], [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

type End = ReturnType<typeof endOf>
const shown = ({ netns, address, pod }: End): TunnelEnd => ({ node: { netns, address }, pod })

/** Its namespace is named like the rig's own, so that whoever takes the rig down takes it along. */
function endOf({ run: name }: Rig, index: 0 | 1) {
  const record = readRecord(name)
  if (record === undefined) throw new Error(`there is no rig ${name}`)
  const { wan, clusters } = layoutOf(record.spec, { ...record, runDir: runDirOf(name) })
  const cluster = clusters[index]
  const underlay = cluster?.underlay[0]
  if (cluster === undefined || underlay === undefined) throw new Error('the floor needs two clusters')
  return {
    wan,
    netns: `tmb-${name}-floor${index}`,
    bridge: cluster.bridge,
    portName: `floor${index}`,
    router: underlay.router,
    underlayAddress: underlay.router.replace(/\d+$/, String(host)),
    prefix: underlay.prefix,
    /** On this machine sockets of all wireguard-go lie in one folder, so the name has the rig in it. */
    device: `tmb${index}-${name}`,
    address: `192.168.73.${index + 1}`,
    pod: { netns: `tmb-${name}-floor${index}pod`, address: `192.168.${74 + index}.2`, router: `192.168.${74 + index}.1` },
    key: PrivateKey.generate(),
  }
}

async function wire(end: End, mtu: number, signal: AbortSignal): Promise<void> {
  const { pod } = end
  await ip([`netns add ${end.netns}`, `netns add ${pod.netns}`], signal)
  await ip([`link add eth0 netns ${end.netns} type veth peer name ${end.portName} netns ${end.wan}`], signal)
  await ip([`link set ${end.portName} master ${end.bridge} up`], signal, end.wan)
  await ip(
    [
      'link set lo up',
      `addr add ${end.underlayAddress}/${end.prefix} dev eth0`,
      'link set eth0 up',
      `route add default via ${end.router}`,
      `link add pod mtu ${mtu} type veth peer name eth0 mtu ${mtu} netns ${pod.netns}`,
      `addr add ${pod.router}/24 dev pod`,
      'link set pod up',
    ],
    signal,
    end.netns,
  )
  await ip([`addr add ${pod.address}/24 dev eth0`, 'link set eth0 up', `route add default via ${pod.router}`], signal, pod.netns)
  const [enter = '', ...args] = inNetns(end.netns)
  await run(enter, [...args, 'sh', '-ec', 'echo 1 >/proc/sys/net/ipv4/ip_forward'], {}, signal)
}

/** The link first: by itself it would go some time after its namespace. */
async function unwire(end: End, signal: AbortSignal): Promise<void> {
  await ip([`link del ${end.portName}`], signal, end.wan)
  await ip([`netns del ${end.pod.netns}`, `netns del ${end.netns}`], signal)
}

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
    allowedIPs: [`${to.address}/32`, `${to.pod.address}/32`],
    keepaliveSeconds: 0,
  }
  await answers(from, uapiSetPeers([{ do: 'put', peer, replaceAllowed: true }]), signal)
  await ip([`route add ${to.pod.address} dev ${from.device}`], signal, from.netns)
}

/** Runs `ip` commands, in one process. */
async function ip(commands: readonly string[], signal: AbortSignal, netns?: string): Promise<void> {
  const args = netns === undefined ? ['-batch', '-'] : ['-n', netns, '-batch', '-']
  await run('ip', args, { stdin: `${commands.join('\n')}\n` }, signal)
}
