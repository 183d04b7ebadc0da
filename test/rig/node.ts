// A node: containerd, kubelet and kube-proxy in its network namespace, and a mount and host name namespace that the first two share.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { copyStore } from '#hack/setup/image/store.ts'
import { findProgram } from '#hack/setup/packages.ts'
import { programPath } from '#hack/setup/programs.ts'
import { run as runProgram } from '#hack/setup/run.ts'
import type { Output } from './exec.ts'
import { runFor } from './exec.ts'
import { cniConfig, containerdConfig, containerdSocket, kubeconfig, kubeletConfig, proxyConfig } from './files.ts'
import type { ClusterLayout, NodeLayout } from './layout.ts'
import { inNetns } from './network.ts'
import type { Piece, Process } from './piece.ts'
import { identify, piece, processOf, waitFor } from './piece.ts'
import { loginOf, pkiOf, users } from './pki.ts'

export interface Node {
  readonly name: string
  /** Name of its network namespace, as `ip netns` knows it. */
  readonly netns: string
  /** On the underlay; the first of its families. */
  readonly address: string
  readonly addresses: readonly string[]
  readonly containerd: Piece
  readonly kubelet: Piece
  readonly kubeProxy: Piece
  /** The command line that runs `command` on the node, as its root. */
  enter(command: readonly string[]): readonly string[]
  /** Runs it for what it answers. */
  exec(command: readonly string[], signal?: AbortSignal): Promise<Output>
  /** The first process of a container; throws when the node has no such container. */
  container(id: string): Process
  /** Gives an image of the node's store one more name. */
  tagImage(name: string, as: string, signal?: AbortSignal): Promise<void>
}

/** The node with the handles of what runs on it; starts nothing. */
export function nodeOf(node: NodeLayout): Node & { readonly holder: Piece } {
  const daemon = (name: string, command: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    piece({
      name: `${node.name}/${name}`,
      command,
      env,
      log: join(node.dir, `${name}.log`),
      pidFile: join(node.runDir, `${name}.pid`),
    })
  const holder = daemon('holder', [...inNetns(node.netns), 'unshare', '--mount', '--uts', 'sh', '-ec', holderScript(node)])
  // By our own pid file and not by number: the command must be the same after a restart of the holder.
  const inNode = (command: readonly string[]) => [
    'sh',
    '-ec',
    'pid=$(sed "s/[^0-9]*\\([0-9]*\\).*/\\1/" "$0"); exec nsenter --target "$pid" --mount --uts --net -- "$@"',
    join(node.runDir, 'holder.pid'),
    ...command,
  ]
  const path = [join(programPath('containerd'), '..'), process.env.PATH ?? '', '/usr/sbin', '/sbin'].join(':')
  return {
    name: node.name,
    netns: node.netns,
    address: node.addresses[0] ?? '',
    addresses: node.addresses,
    holder,
    containerd: daemon(
      'containerd',
      inNode([programPath('containerd'), '--config', join(node.dir, 'containerd.toml'), '--log-level', 'warn']),
      { PATH: path },
    ),
    kubelet: daemon(
      'kubelet',
      inNode([
        programPath('kubelet'),
        ...['--config', join(node.dir, 'kubelet.yaml'), '--kubeconfig', join(node.dir, 'kubelet.conf')],
        ...['--root-dir', join(node.runDir, 'kubelet'), '--hostname-override', node.name],
        ...['--node-ip', node.addresses.join(','), '--v', '1'],
      ]),
      { PATH: path },
    ),
    kubeProxy: daemon('kube-proxy', [
      ...inNetns(node.netns),
      programPath('kube-proxy'),
      '--config',
      join(node.dir, 'kube-proxy.yaml'),
    ]),
    enter: inNode,
    exec: (command, signal) => runFor('sh', inNode(command).slice(1), signal),
    container: (id) => {
      const pidFile = join(node.runDir, 'containerd/io.containerd.runtime.v2.task/k8s.io', id, 'init.pid')
      const identity = identify(Number(readFileSync(pidFile, 'utf8')))
      return processOf(`${node.name}/container ${id.slice(0, 12)}`, () => identity)
    },
    tagImage: async (name, as, signal = new AbortController().signal) => {
      const tag = ['-a', containerdSocket(node), '-n', 'k8s.io', 'images', 'tag', '--force', name, as]
      await runProgram(programPath('ctr'), tag, {}, signal)
    },
  }
}

/** Writes the configuration and copies the image store `images`. */
export async function prepareNode(node: NodeLayout, images: string, signal: AbortSignal): Promise<void> {
  for (const folder of ['cni', 'pods', 'var-lib-tombolo']) mkdirSync(join(node.dir, folder), { recursive: true })
  mkdirSync(node.runDir, { recursive: true })
  const runc = findProgram('runc')
  if (runc === undefined) throw new Error('runc is not installed: run the set-up again')
  await copyStore(images, join(node.dir, 'containerd'), signal)
  writeFileSync(join(node.dir, 'containerd.toml'), containerdConfig(node, runc, '/usr/lib/cni'))
  writeFileSync(join(node.dir, 'cni', '10-rig.conflist'), cniConfig(node))
}

/** Writes what needs the certificates. */
export function configureNode(cluster: ClusterLayout, node: NodeLayout): void {
  const config = (user: string) => kubeconfig([loginOf(cluster, user)])
  writeFileSync(join(node.dir, 'kubelet.conf'), config(node.name), { mode: 0o600 })
  writeFileSync(join(node.dir, 'kube-proxy.conf'), config(users.proxy), { mode: 0o600 })
  writeFileSync(join(node.dir, 'kubelet.yaml'), kubeletConfig(cluster, node, pkiOf(cluster)))
  writeFileSync(join(node.dir, 'kube-proxy.yaml'), proxyConfig(cluster, node, join(node.dir, 'kube-proxy.conf')))
}

/** Starts containerd; resolves when it listens. */
export async function startContainerd(layout: NodeLayout, node: ReturnType<typeof nodeOf>, signal: AbortSignal): Promise<void> {
  node.holder.start()
  const ready = join(layout.runDir, 'holder.ready')
  await waitFor(() => existsSync(ready), node.holder, signal)
  node.containerd.start()
  await waitFor(() => accepts(containerdSocket(layout)), node.containerd, signal)
}

/** The mounts a node has for itself; then it only holds the namespaces. */
function holderScript(node: NodeLayout): string {
  return [
    'mount --make-rprivate /',
    `hostname ${node.name}`,
    // Pods' network namespaces are mounts: here they end with the node, and nobody sees the names of another rig's.
    'mkdir -p /run/netns && mount -t tmpfs -o mode=755 tmpfs /run/netns',
    'mkdir -p /run/lock && mount -t tmpfs tmpfs /run/lock',
    // The one path that a kubelet does not let itself be told: of two that start at once one found the other's socket there, and ended.
    'mkdir -p /var/lib/kubelet/device-plugins && mount -t tmpfs tmpfs /var/lib/kubelet/device-plugins',
    // What a component keeps on its node, it keeps on its node.
    `mkdir -p /var/lib/tombolo && mount --bind ${join(node.dir, 'var-lib-tombolo')} /var/lib/tombolo`,
    ...(node.lacks.includes('tun') ? ['mount -t tmpfs tmpfs /dev/net'] : []),
    `touch ${join(node.runDir, 'holder.ready')}`,
    'exec sleep infinity',
  ].join('\n')
}

/** The socket's file is there before anybody listens. */
const accepts = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path)
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
