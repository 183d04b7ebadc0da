// A machine made of text, for tests: it takes the commands that this folder writes, keeps what a kernel would keep, answers readings as
// iproute2, nft and WireGuard do, and prints its state in lines. It knows what kernels do by themselves (a device takes along what
// hangs on it, a replaced route goes) and refuses what they refuse; any command it does not know is an error.
import type { IPFamily } from '#lib/net/ip.ts'
import { FakeTables } from './fake-nft.ts'
import type { Daemon, Host } from './host.ts'
import { CommandFailed, SocketFailed } from './host.ts'
import type { Address, Forwarding, Link, Neighbour, Route, Rule } from './ip.ts'
import { ourProtocol, routeText, ruleText } from './ip.ts'
import type { PeerState } from './wg.ts'
import { keyFromHex, keyToHex, PresharedKey, PrivateKey } from '#lib/net/keys.ts'
import type { PublicKey } from '#lib/net/keys.ts'

export interface FakeHost extends Host {
  /** The machine's network, a line each, sorted; what tests compare. */
  print(): string
  /** Every program that was run, with its arguments; readings left out. */
  readonly ran: readonly string[]
  readonly files: ReadonlyMap<string, { readonly content: string; readonly mode: number }>
  /** The WireGuard device's peers as the device has them. */
  peers(device: string): readonly PeerState[]
  /** Lets a peer answer from somewhere: a handshake at `at` (ms). */
  handshake(device: string, key: PublicKey, address: string, at: number): void
  /** Kills the process behind a device, as SIGKILL does. */
  kill(device: string): void
}

export type FakeOptions = {
  /** Whether `ip link add type wireguard` works. Default false. */
  readonly kernelWireGuard?: boolean
  /** Devices that are there from the start, with their addresses (with prefix length). */
  readonly devices?: Readonly<Record<string, readonly string[]>>
}

type Device = { key: PrivateKey | undefined; listenPort: number; peers: Map<PublicKey, PeerState> }
type Running = { readonly end: (how: string) => void }

export function fakeHost(options: FakeOptions = {}): FakeHost {
  const machine = new FakeMachine(options)
  for (const [dev, addresses] of Object.entries(options.devices ?? {})) {
    machine.links.set(dev, { name: dev, kind: 'veth', mtu: 1500, up: true, mac: '02:00:00:00:00:99' })
    for (const address of addresses) machine.addresses.push({ dev, address })
  }
  return machine
}

class FakeMachine implements FakeHost {
  readonly links = new Map<string, Link>()
  addresses: Address[] = []
  neighbours: Neighbour[] = []
  forwardings: Forwarding[] = []
  rules: Rule[] = []
  routes: Route[] = []
  readonly sysctls = new Map<string, string>()
  readonly tables = new FakeTables()
  readonly files = new Map<string, { readonly content: string; readonly mode: number }>()
  readonly ran: string[] = []
  readonly #devices = new Map<string, Device>()
  readonly #running = new Map<string, Running>()
  readonly #kernelWireGuard: boolean

  constructor(options: FakeOptions) {
    this.#kernelWireGuard = options.kernelWireGuard === true
  }

  print(): string {
    const { links, addresses, neighbours, forwardings, rules, routes, sysctls, tables } = this
    const peers = [...this.#devices].flatMap(([name, device]) =>
      [...device.peers.values()].map(
        (p) =>
          `peer ${name} ${p.publicKey} ${p.address ?? '-'} allowed ${p.allowedIPs.join(',')}${p.keepaliveSeconds === 0 ? '' : ` keepalive ${p.keepaliveSeconds}`}`,
      ),
    )
    return [
      ...[...links.values()].map((l) => `link ${l.name} ${l.kind} mtu ${l.mtu} ${l.up ? 'up' : 'down'}`),
      ...addresses.map((a) => `address ${a.dev} ${a.address}`),
      ...neighbours.map((n) => `neigh ${n.dev} ${n.address} ${n.mac}`),
      ...forwardings.map((f) => `fdb ${f.dev} ${f.mac} ${f.to}`),
      ...rules.map((r) => `rule ${r.family} ${ruleText(r)}`),
      ...routes.map((r) => `route ${routeText(r)}`),
      ...[...sysctls].map(([key, value]) => `sysctl ${key}=${value}`),
      ...tables.names.map((name) => `table inet ${name}`),
      ...peers,
    ]
      .toSorted()
      .join('\n')
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- Host is asynchronous
  async run(
    command: string,
    args: readonly string[],
    { stdin = '' }: { readonly stdin?: string },
    signal: AbortSignal,
  ): Promise<string> {
    signal.throwIfAborted()
    const line = [command, ...args].join(' ')
    const reading = this.#read(line)
    if (reading !== undefined) return reading
    this.ran.push(line)
    const [, batch] = /^(ip|ip -4|ip -6|bridge)(?: -force)? -batch -$/.exec(line) ?? []
    if (batch !== undefined) this.#batch(batch, line, stdin)
    else if (line === 'nft -f -') this.tables.run(stdin)
    else if (command === 'ip') this.#ip(args.join(' '), 'IPv4')
    else if (command === 'wg' && args[0] === 'set') this.#wgSet(args.slice(1))
    else throw new CommandFailed(line, 127, 'the fake machine has no such command')
    return ''
  }

  start(command: string, args: readonly string[]): Daemon {
    const [, name = ''] = args
    this.ran.push([command, ...args].join(' '))
    const { promise, resolve } = Promise.withResolvers<string>()
    const end = (how: string) => {
      this.#running.delete(name)
      this.#dropLink(name)
      resolve(how)
    }
    if (command !== 'wireguard-go') resolve(`spawn ${command} ENOENT`)
    else {
      this.#addLink({ name, kind: 'tun', mtu: 1420, up: false })
      this.#devices.set(name, { key: undefined, listenPort: 0, peers: new Map() })
      this.#running.set(name, { end })
    }
    return {
      ended: promise,
      [Symbol.asyncDispose]: async () => {
        end('signal SIGTERM')
        await promise
      },
    }
  }

  read(path: string): Promise<string | undefined> {
    const sysctl = /^\/proc\/sys\/(.*)$/.exec(path)?.[1]
    if (sysctl === undefined) return Promise.resolve(this.files.get(path)?.content)
    const dev = /^net\/ipv[46]\/(?:conf|neigh)\/([^/]+)\//.exec(sysctl)?.[1]
    if (dev !== undefined && dev !== 'all' && !this.links.has(dev)) return Promise.resolve(undefined)
    return Promise.resolve(`${this.sysctls.get(sysctl) ?? '0'}\n`)
  }

  write(path: string, content: string, { mode }: { readonly mode?: number }): Promise<void> {
    const sysctl = /^\/proc\/sys\/(.*)$/.exec(path)?.[1]
    if (sysctl === undefined) this.files.set(path, { content, mode: mode ?? 0o644 })
    else this.sysctls.set(sysctl, content.trim())
    return Promise.resolve()
  }

  remove(path: string): Promise<void> {
    for (const file of this.files.keys()) if (file === path || file.startsWith(`${path}/`)) this.files.delete(file)
    return Promise.resolve()
  }

  ask(socket: string, request: string): Promise<string> {
    const name = /\/([^/]+)\.sock$/.exec(socket)?.[1] ?? ''
    const device = this.#devices.get(name)
    if (device === undefined || !this.#running.has(name)) return Promise.reject(new SocketFailed(`${socket}: ENOENT`))
    return Promise.resolve(request.startsWith('get=1') ? uapiReading(device) : uapiSet(device, request))
  }

  connect(socket: string): Promise<never> {
    return Promise.reject(new SocketFailed(`${socket}: ENOENT`))
  }

  peers(device: string): readonly PeerState[] {
    return [...(this.#devices.get(device)?.peers.values() ?? [])]
  }

  handshake(device: string, key: PublicKey, address: string, at: number): void {
    const peer = this.#devices.get(device)?.peers.get(key)
    if (peer === undefined) throw new Error(`${device} has no peer ${key}`)
    this.#devices.get(device)?.peers.set(key, { ...peer, address, handshakeAt: at })
  }

  kill(device: string): void {
    this.#running.get(device)?.end('signal SIGKILL')
  }

  /** The answer to a command that changes nothing; undefined if it is another. */
  #read(line: string): string | undefined {
    const words = line.split(' ')
    const dev = words.includes('dev') ? words[words.indexOf('dev') + 1] : undefined
    const of = <T extends { readonly dev: string }>(items: readonly T[]) => items.filter((i) => i.dev === dev)
    const family: IPFamily = line.startsWith('ip -6') ? 'IPv6' : 'IPv4'
    const inFamily = (address: string) => address.includes(':') === (family === 'IPv6')
    if (line.startsWith('ip -j -d link show')) return json(this.#linksNamed(dev, line).map(linkJson))
    if (line.startsWith('ip -j addr show')) return json(this.#linksNamed(dev, line).map((l) => addressJson(l, this.addresses)))
    if (/^ip -[46] -j route show table all proto/.test(line))
      return json(this.routes.filter((r) => inFamily(r.to)).map(routeJson))
    if (/^ip -[46] -j rule show/.test(line))
      return json([{ priority: 0, src: 'all', table: 'local' }, ...this.rules.filter((r) => r.family === family).map(ruleJson)])
    if (line.startsWith('ip -6 -j neigh show'))
      return json(of(this.neighbours).map((n) => ({ dst: n.address, lladdr: n.mac, state: ['PERMANENT'] })))
    if (line.startsWith('bridge -j fdb show'))
      return json(of(this.forwardings).map((f) => ({ mac: f.mac, dst: f.to, flags: ['self'], state: 'permanent' })))
    const table = /^nft -t list table inet (\S+)$/.exec(line)?.[1]
    if (table !== undefined) return this.tables.list(table) ?? refuse(line, 'Error: No such file or directory')
    const dump = /^wg show (\S+) dump$/.exec(line)?.[1]
    if (dump !== undefined) return dumpOf(this.#devices.get(dump) ?? refuse(line, 'Unable to access interface: No such device'))
    return undefined
  }

  #linksNamed(dev: string | undefined, line: string): readonly Link[] {
    if (dev === undefined) return [...this.links.values()]
    const link = this.links.get(dev)
    return link === undefined ? refuse(line, `Device "${dev}" does not exist.`) : [link]
  }

  #batch(program: string, line: string, stdin: string): void {
    const failures: string[] = []
    for (const command of stdin.split('\n').filter((l) => l !== '')) {
      try {
        if (program === 'bridge') this.#bridge(command)
        else this.#ip(command, program === 'ip -6' ? 'IPv6' : 'IPv4')
      } catch (error) {
        if (!(error instanceof CommandFailed)) throw error
        failures.push(error.stderr)
        if (!line.includes('-force')) break
      }
    }
    if (failures.length > 0) refuse(line, failures.join('\n'))
  }

  #ip(command: string, family: IPFamily): void {
    const words = command.split(' ')
    const after = (word: string) => (words.includes(word) ? words[words.indexOf(word) + 1] : undefined)
    const [object, verb, third = ''] = words
    const dev = after('dev') ?? ''
    switch (`${object ?? ''} ${verb ?? ''}`) {
      case 'link add': {
        this.#linkAdd(command, third, after)
        return
      }
      case 'link set': {
        this.#linkSet(command, third, after, words)
        return
      }
      case 'link del':
        if (!this.links.has(third)) refuse(command, `Cannot find device "${third}"`)
        this.#running.get(third)?.end('device deleted')
        {
          this.#dropLink(third)
          return
        }
      case 'address replace':
        this.#need(dev, command)
        this.addresses = [
          ...this.addresses.filter((a) => a.dev !== dev || a.address !== third),
          { dev, address: third, ...(after('scope') === 'link' ? { scope: 'link' as const } : {}) },
        ]
        return
      case 'address del':
        this.addresses = without(this.addresses, (a) => a.dev === dev && a.address === third, command)
        return
      case 'neigh replace':
        this.#need(dev, command)
        this.neighbours = [
          ...this.neighbours.filter((n) => n.dev !== dev || n.address !== third),
          { dev, address: third, mac: after('lladdr') ?? '' },
        ]
        return
      case 'neigh del':
        this.neighbours = without(this.neighbours, (n) => n.dev === dev && n.address === third, command)
        return
      case 'route replace': {
        const route = routeFrom(words.slice(2), after)
        if (route.target.kind === 'device') this.#need(route.target.dev, command)
        this.routes = [...this.routes.filter((r) => !samePlace(r, route)), route]
        return
      }
      case 'route del': {
        const route = routeFrom(words.slice(2), after)
        this.routes = without(this.routes, (r) => routeText(r) === routeText(route), command)
        return
      }
      case 'rule add': {
        const rule = ruleFrom(family, after)
        if (this.rules.some((r) => r.family === family && ruleText(r) === ruleText(rule)))
          refuse(command, 'RTNETLINK answers: File exists')
        this.rules = [...this.rules, rule]
        return
      }
      case 'rule del': {
        const rule = ruleFrom(family, after)
        this.rules = without(this.rules, (r) => r.family === family && ruleText(r) === ruleText(rule), command)
        return
      }
      default:
        refuse(command, 'the fake machine has no such command')
    }
  }

  #bridge(command: string): void {
    const [, verb, mac = '', , dev = '', , to = ''] = command.split(' ')
    this.#need(dev, command)
    const same = (f: Forwarding) => f.dev === dev && f.mac === mac
    if (verb === 'replace') this.forwardings = [...this.forwardings.filter((f) => !same(f)), { dev, mac, to }]
    else this.forwardings = without(this.forwardings, (f) => same(f) && f.to === to, command)
  }

  #wgSet(words: readonly string[]): void {
    const [name = ''] = words
    const device = this.#devices.get(name) ?? refuse('wg set', 'Unable to modify interface: No such device')
    const [own, ...peers] = words
      .slice(1)
      .join(' ')
      .split(/ ?peer /)
    const [, file, port] = /^private-key (\S+) listen-port (\d+)$/.exec(own ?? '') ?? []
    if (file !== undefined) {
      const key = PrivateKey.parse(this.files.get(file)?.content ?? '')
      device.key = key.ok ? key.value : refuse('wg set', 'Key is not the correct length or format')
      device.listenPort = Number(port)
    }
    for (const peer of peers) {
      const [key = '', ...settings] = peer.split(' ')
      const after = (word: string) => (settings.includes(word) ? settings[settings.indexOf(word) + 1] : undefined)
      if (settings.includes('remove')) device.peers.delete(key as PublicKey)
      else if (after('preshared-key') !== undefined) {
        const text = this.files.get(after('preshared-key') ?? '')?.content ?? refuse('wg set', 'fopen: No such file or directory')
        setPresharedKey(device, key as PublicKey, text)
      } else
        putPeer(
          device,
          key as PublicKey,
          after('endpoint'),
          (after('allowed-ips') ?? '').split(','),
          Number(after('persistent-keepalive')),
          true,
        )
    }
  }

  #linkAdd(command: string, name: string, after: (word: string) => string | undefined): void {
    const kind = after('type') ?? ''
    if (this.links.has(name)) refuse(command, 'RTNETLINK answers: File exists')
    if (kind === 'wireguard' && !this.#kernelWireGuard) refuse(command, 'Error: Unknown device type.')
    if (kind === 'wireguard') this.#devices.set(name, { key: undefined, listenPort: 0, peers: new Map() })
    const vxlan = {
      id: Number(after('id')),
      port: Number(after('dstport')),
      local: after('local') ?? '',
      underlay: after('dev') ?? '',
    }
    this.#addLink({ name, kind, mtu: 1500, up: false, ...(kind === 'vxlan' ? { mac: '02:00:00:00:00:01', vxlan } : {}) })
  }

  #linkSet(command: string, name: string, after: (word: string) => string | undefined, words: readonly string[]): void {
    const link = this.links.get(name) ?? refuse(command, `Cannot find device "${name}"`)
    const up = words.includes('down') ? false : words.includes('up') || link.up
    const mac = after('address')
    this.links.set(name, { ...link, mtu: Number(after('mtu') ?? link.mtu), up, ...(mac === undefined ? {} : { mac }) })
    if (!up) this.routes = this.routes.filter((r) => r.target.kind !== 'device' || r.target.dev !== name)
  }

  #addLink(link: Link): void {
    this.links.set(link.name, link)
  }

  #dropLink(name: string): void {
    const stays = ({ dev }: { readonly dev: string }) => dev !== name
    this.links.delete(name)
    this.#devices.delete(name)
    this.addresses = this.addresses.filter(stays)
    this.neighbours = this.neighbours.filter(stays)
    this.forwardings = this.forwardings.filter(stays)
    this.routes = this.routes.filter((r) => r.target.kind !== 'device' || stays(r.target))
    for (const key of this.sysctls.keys()) if (key.includes(`/${name}/`)) this.sysctls.delete(key)
  }

  #need(dev: string, command: string): void {
    if (!this.links.has(dev)) refuse(command, `Cannot find device "${dev}"`)
  }
}

function refuse(command: string, stderr: string): never {
  throw new CommandFailed(command, 1, stderr)
}

function without<T>(items: readonly T[], goes: (item: T) => boolean, command: string): T[] {
  const rest = items.filter((item) => !goes(item))
  return rest.length === items.length ? refuse(command, 'RTNETLINK answers: No such process') : rest
}

const json = (value: readonly object[]): string => JSON.stringify(value)
const samePlace = (a: Route, b: Route): boolean => a.to === b.to && a.table === b.table && a.metric === b.metric

function routeFrom(words: readonly string[], after: (word: string) => string | undefined): Route {
  const unreachable = words[0] === 'unreachable'
  const gateway = after('via') === 'inet6' ? after('inet6') : after('via')
  const source = after('src')
  const mtu = after('mtu')
  return {
    to: (unreachable ? words[1] : words[0]) ?? '',
    table: Number(after('table')),
    metric: Number(after('metric')),
    target: unreachable
      ? { kind: 'unreachable' }
      : {
          kind: 'device',
          dev: after('dev') ?? '',
          ...(gateway === undefined ? {} : { gateway }),
          ...(source === undefined ? {} : { source }),
          ...(mtu === undefined ? {} : { mtu: Number(mtu) }),
        },
  }
}

function ruleFrom(family: IPFamily, after: (word: string) => string | undefined): Rule {
  const iif = after('iif')
  return { family, priority: Number(after('priority')), table: Number(after('lookup')), ...(iif === undefined ? {} : { iif }) }
}

const linkJson = (l: Link): object => ({
  ifname: l.name,
  flags: l.up ? ['UP'] : [],
  mtu: l.mtu,
  link_type: l.mac === undefined ? 'none' : 'ether',
  ...(l.mac === undefined ? {} : { address: l.mac }),
  linkinfo: {
    info_kind: l.kind,
    ...(l.vxlan === undefined
      ? {}
      : { info_data: { id: l.vxlan.id, port: l.vxlan.port, local: l.vxlan.local, link: l.vxlan.underlay } }),
  },
})

const addressJson = (link: Link, addresses: readonly Address[]): object => ({
  ifname: link.name,
  addr_info: addresses
    .filter((a) => a.dev === link.name)
    .map(({ address, scope }) => ({
      family: address.includes(':') ? 'inet6' : 'inet',
      local: address.split('/')[0],
      prefixlen: Number(address.split('/')[1]),
      scope: scope ?? 'global',
    })),
})

const routeJson = ({ to, table, metric, target }: Route): object => ({
  dst: to.replace(/\/(32|128)$/, ''),
  table: String(table),
  metric,
  ...(target.kind === 'unreachable'
    ? { type: 'unreachable' }
    : {
        dev: target.dev,
        ...(target.gateway === undefined
          ? {}
          : to.includes(':')
            ? { gateway: target.gateway }
            : { via: { family: 'inet6', host: target.gateway } }),
        ...(target.source === undefined ? {} : { prefsrc: target.source }),
        ...(target.mtu === undefined ? {} : { metrics: [{ mtu: target.mtu }] }),
      }),
})

const ruleJson = (r: Rule): object => ({
  priority: r.priority,
  src: 'all',
  table: String(r.table),
  protocol: String(ourProtocol),
  ...(r.iif === undefined ? {} : { iif: r.iif }),
})

const newPeer = { allowedIPs: [], keepaliveSeconds: 0, rxBytes: 0, txBytes: 0 }

function putPeer(
  device: Device,
  key: PublicKey,
  address: string | undefined,
  allowed: readonly string[],
  keepalive: number,
  replace: boolean,
): void {
  const before = device.peers.get(key) ?? { ...newPeer, publicKey: key }
  for (const [other, peer] of device.peers)
    if (other !== key) device.peers.set(other, { ...peer, allowedIPs: peer.allowedIPs.filter((ip) => !allowed.includes(ip)) })
  const allowedIPs = [...new Set([...(replace ? [] : before.allowedIPs), ...allowed])].toSorted()
  device.peers.set(key, { ...before, allowedIPs, keepaliveSeconds: keepalive, ...(address === undefined ? {} : { address }) })
}

/** What is no key is none, as for `wg` an empty file is. */
function setPresharedKey(device: Device, key: PublicKey, text: string): void {
  const { presharedKey: _, ...before } = device.peers.get(key) ?? { ...newPeer, publicKey: key }
  const parsed = PresharedKey.parse(text)
  device.peers.set(key, { ...before, ...(parsed.ok && !/^A*=$/.test(text) ? { presharedKey: parsed.value } : {}) })
}

function uapiSet(device: Device, request: string): string {
  const [own = '', ...peers] = request.trim().split(/\n(?=public_key=)/)
  const value = (text: string, key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(text)?.[1]
  const privateKey = value(own, 'private_key')
  if (privateKey !== undefined) {
    const key = PrivateKey.parse(Buffer.from(privateKey, 'hex').toString('base64'))
    if (!key.ok) return 'errno=-22\n\n'
    device.key = key.value
    device.listenPort = Number(value(own, 'listen_port'))
  }
  for (const peer of peers) {
    const key = keyFromHex(value(peer, 'public_key') ?? '')
    const allowed = [...peer.matchAll(/^allowed_ip=(.*)$/gm)].map((m) => m[1] ?? '')
    if (peer.includes('\nremove=true')) device.peers.delete(key)
    else
      putPeer(
        device,
        key,
        value(peer, 'endpoint'),
        allowed,
        Number(value(peer, 'persistent_keepalive_interval')),
        peer.includes('replace_allowed_ips=true'),
      )
    const shared = value(peer, 'preshared_key')
    if (shared !== undefined && device.peers.has(key)) setPresharedKey(device, key, Buffer.from(shared, 'hex').toString('base64'))
  }
  return 'errno=0\n\n'
}

function uapiReading(device: Device): string {
  const peers = [...device.peers.values()].flatMap((p) => [
    `public_key=${keyToHex(p.publicKey)}`,
    `preshared_key=${p.presharedKey?.hex() ?? '0'.repeat(64)}`,
    ...(p.address === undefined ? [] : [`endpoint=${p.address}`]),
    `last_handshake_time_sec=${Math.floor((p.handshakeAt ?? 0) / 1000)}`,
    `last_handshake_time_nsec=${((p.handshakeAt ?? 0) % 1000) * 1e6}`,
    `tx_bytes=${p.txBytes}`,
    `rx_bytes=${p.rxBytes}`,
    `persistent_keepalive_interval=${p.keepaliveSeconds}`,
    ...p.allowedIPs.map((ip) => `allowed_ip=${ip}`),
  ])
  return `private_key=${device.key?.hex() ?? '0'.repeat(64)}\nlisten_port=${device.listenPort}\n${peers.map((l) => `${l}\n`).join('')}errno=0\n\n`
}

function dumpOf(device: Device): string {
  const own = [device.key?.base64() ?? '(none)', device.key?.publicKey ?? '(none)', device.listenPort, 'off']
  const peers = [...device.peers.values()].map((p) => [
    p.publicKey,
    p.presharedKey?.base64() ?? '(none)',
    p.address ?? '(none)',
    p.allowedIPs.join(',') || '(none)',
    Math.floor((p.handshakeAt ?? 0) / 1000),
    p.rxBytes,
    p.txBytes,
    p.keepaliveSeconds === 0 ? 'off' : p.keepaliveSeconds,
  ])
  return `${[own, ...peers].map((fields) => fields.join('\t')).join('\n')}\n`
}
