// Machines made of namespaces, for tests of the data plane without Kubernetes: a network and a mount namespace each, a Host to enter it.
// Names carry the process id, so that runs side by side do not meet; disposing takes everything down.
import { execFile, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Host } from '#lib/host/host.ts'
import { linuxHost } from '#lib/host/linux.ts'

export interface Machine {
  readonly name: string
  /** Name of its network namespace, as `ip netns` knows it. */
  readonly netns: string
  readonly host: Host
  /** A directory of its own, for state. */
  readonly dir: string
  /** Runs a shell script in it and returns what it printed; throws if it fails. */
  sh(script: string): Promise<string>
}

export interface Machines extends AsyncDisposable {
  add(name: string): Promise<Machine>
  /** A virtual cable between two of them. */
  join(a: Machine, devA: string, b: Machine, devB: string): Promise<void>
  /** Gives it a device of this machine's own; it comes back when the other is taken down. */
  take(machine: Machine, dev: string): Promise<void>
}

const cache = (): string => join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'tombolo')

/** Where set-up has put wireguard-go, or what TOMBOLO_WIREGUARD_GO names; undefined if nowhere. */
export function findWireguardGo(): string | undefined {
  const under = (dir: string) => (existsSync(dir) ? readdirSync(dir).map((entry) => join(dir, entry)) : [])
  const places = [
    process.env.TOMBOLO_WIREGUARD_GO ?? '',
    join(process.env.TOMBOLO_ASSETS ?? '', 'bin/wireguard'),
    ...[...under(join(cache(), 'assets')), ...under(cache())].map((dir) => join(dir, 'bin/wireguard')),
  ]
  return places.find((path) => path !== '' && existsSync(path))
}

/** Where set-up has put strongSwan as the image has it (`usr/lib`, `usr/sbin`), or what TOMBOLO_STRONGSWAN names; undefined if nowhere. */
export function findStrongSwan(): string | undefined {
  const images = join(cache(), 'images')
  const bases = existsSync(images) ? readdirSync(images).filter((name) => name.startsWith('base-')) : []
  const places = [process.env.TOMBOLO_STRONGSWAN ?? '', ...bases.map((base) => join(images, base, 'strongswan'))]
  return places.find((path) => path !== '' && existsSync(join(path, 'usr/sbin/charon-systemd')))
}

/** Why such machines cannot be made here; undefined if they can. */
export function noMachines(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root'
  if (findWireguardGo() === undefined) return 'needs wireguard-go'
  return existsSync('/dev/net/tun') ? undefined : 'needs /dev/net/tun'
}

/** Then the driver makes the kernel's device and starts no wireguard-go. */
export const kernelHasWireGuard = (): boolean => kernelMakes('wireguard')

/** Then ESP is the kernel's, and charon makes no device. */
export const kernelHasEsp = (): boolean => kernelMakes('xfrm', 'if_id', '1')

function kernelMakes(...type: readonly string[]): boolean {
  const netns = `tmb-test-probe-${process.pid}`
  const ip = (...args: readonly string[]) => spawnSync('ip', args, { stdio: 'ignore' }).status === 0
  ip('netns', 'add', netns)
  const made = ip('-n', netns, 'link', 'add', 'probe', 'type', ...type)
  ip('netns', 'del', netns)
  return made
}

const exec = promisify(execFile)

/** Begins with taking down what runs left that were killed. `label`: letters and hyphens. */
export function machines(label: string): Machines {
  sweepMachines()
  const run = `tmb-test-${label}-${process.pid}`
  const dir = mkdtempSync(join(tmpdir(), `${run}-`))
  const holders: { readonly kill: () => void; readonly ended: Promise<unknown> }[] = []
  const names: string[] = []
  const wireguardGo = findWireguardGo() ?? '/bin/false'
  const strongSwan = findStrongSwan()

  return {
    add: async (name) => {
      const netns = `${run}-${name}`
      await exec('ip', ['netns', 'add', netns])
      names.push(netns)
      // A process that holds the mount namespace: sockets of wireguard-go are files, so each machine needs its own place for them.
      const holder = spawn(
        'nsenter',
        [
          `--net=/run/netns/${netns}`,
          'unshare',
          '-m',
          'sh',
          '-c',
          `${mounts(wireguardGo, strongSwan)} && echo up && exec sleep infinity`,
        ],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      )
      const ended = once(holder, 'exit')
      holders.push({ kill: () => holder.kill('SIGKILL'), ended })
      await Promise.race([once(holder.stdout, 'data'), ended.then(() => Promise.reject(new Error(`no namespace for ${name}`)))])
      const enter = ['nsenter', `--net=/run/netns/${netns}`, `--mount=/proc/${holder.pid ?? 0}/ns/mnt`]
      const host = linuxHost({ inside: { enter, root: `/proc/${holder.pid ?? 0}/root` } })
      const sh = (script: string) => host.run('sh', ['-ec', script], {}, AbortSignal.timeout(30_000))
      await sh('ip link set lo up')
      return { name, netns, host, sh, dir: join(dir, name) }
    },
    join: async (a, devA, b, devB) => {
      await exec('ip', ['-n', a.netns, 'link', 'add', devA, 'type', 'veth', 'peer', 'name', devB, 'netns', b.netns])
      await exec('ip', ['-n', a.netns, 'link', 'set', devA, 'up'])
      await exec('ip', ['-n', b.netns, 'link', 'set', devB, 'up'])
    },
    take: async ({ netns }, dev) => {
      await exec('ip', ['link', 'set', dev, 'netns', netns])
    },
    [Symbol.asyncDispose]: async () => {
      for (const netns of names) for (const pid of pidsIn(netns)) kill(pid)
      for (const { kill } of holders) kill()
      await Promise.all(holders.map(({ ended }) => ended))
      for (const netns of names) execFileSync('ip', ['netns', 'del', netns])
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** No run of the rig has a name like this, so neither sweeps what is the other's. */
const ownerIn = /^tmb-test-[a-z-]+-(\d+)/

/** Takes down the machines of processes that are gone. */
export function sweepMachines(): void {
  const leftIn = (dir: string) =>
    (existsSync(dir) ? readdirSync(dir) : []).filter((name) => {
      const owner = ownerIn.exec(name)?.[1]
      return owner !== undefined && !existsSync(`/proc/${owner}`)
    })
  const left = leftIn('/run/netns')
  for (const netns of left) for (const pid of pidsIn(netns)) kill(pid)
  for (const netns of left) execFileSync('ip', ['netns', 'del', netns])
  for (const dir of leftIn(tmpdir())) rmSync(join(tmpdir(), dir), { recursive: true, force: true })
}

/** The processes of a machine, without those of other machines, and those that end meanwhile. */
export const processesIn = ({ netns }: Pick<Machine, 'netns'>): readonly Process[] =>
  pidsIn(netns).flatMap((pid) => {
    try {
      const [command, args] = ['comm', 'cmdline'].map((file) => readFileSync(`/proc/${pid}/${file}`, 'utf8'))
      return [{ pid, command: command?.trim() ?? '', args: args?.split('\0') ?? [] }]
    } catch {
      return []
    }
  })
type Process = { readonly pid: number; readonly command: string; readonly args: readonly string[] }

const mounts = (wireguardGo: string, strongSwan: string | undefined): string =>
  [
    'mount --make-rprivate /',
    'mount -t tmpfs tmpfs /run && mkdir /run/wireguard',
    `mount -t tmpfs tmpfs /usr/local/sbin && ln -s '${wireguardGo}' /usr/local/sbin/wireguard-go`,
    ...(strongSwan === undefined
      ? []
      : [
          `mount -t overlay -o 'lowerdir=${strongSwan}/usr/lib:/usr/lib' overlay /usr/lib`,
          `ln -s '${strongSwan}/usr/sbin/charon-systemd' /usr/local/sbin/`,
        ]),
  ].join(' && ')

const pidsIn = (netns: string): readonly number[] =>
  execFileSync('ip', ['netns', 'pids', netns], { encoding: 'utf8' }).trim().split('\n').filter(Boolean).map(Number)

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself in the meantime.
  }
}
