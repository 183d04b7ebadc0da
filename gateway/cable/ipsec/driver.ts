// Cables over IPsec: a charon of our own, told over VICI which gateways there are, and looked after until its sessions with them are up.
//
//   set ── charon answers? ── no: write its configuration, start it ── device up ── keys, connections loaded, others unloaded
//                                                                           │
//   event, or something missing for a while ─────────────────────────► look: sessions and children begun and ended (plan.ts)
//
// ESP is the kernel's where it has it, else charon's (esp.ts): its device takes the packets, and what no selector covers is dropped there,
// both ways.
import type { Daemon } from '#lib/host/host.ts'
import type { Address, Link } from '#lib/host/ip.ts'
import { dropAddress, parseAddresses, parseLinks, putAddress, setLink } from '#lib/host/ip.ts'
import { readSysctl, writeSysctl } from '#lib/host/sysctl.ts'
import type { Vici } from '#lib/host/vici/client.ts'
import { followEvents, vici, ViciClosed, ViciRefused } from '#lib/host/vici/client.ts'
import type { Message } from '#lib/host/vici/message.ts'
import { listOf, textOf } from '#lib/host/vici/message.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import { addressAt, contains, rangeOf } from '#lib/net/cidr.ts'
import { widthOf } from '#lib/net/ip.ts'
import type { PrivateKey, PublicKey } from '#lib/net/keys.ts'
import { tunnelAddress } from '#lib/net/keys.ts'
import type { CertKey } from '#lib/pki/cert-key.ts'
import { backoff } from '#lib/std/backoff.ts'
import { pause } from '#lib/std/pause.ts'
import { readKept } from '../../certificate/kept.ts'
import { dummyAddress } from '../../data-plane.ts'
import type { Cable, CableDriver, CableState, DriverOptions } from '../driver.ts'
import { addressText } from '../driver.ts'
import { nodeKey, nodeKeyFile } from '../node-key.ts'
import { configFile, configurationOf, socketFile } from './charon.ts'
import type { Connection } from './connection.ts'
import type { Esp } from './esp.ts'
import { aboutEsp, espOf, kernelSpis, makeKernelEsp, removeKernelEsp, sweepKernelEsp } from './esp.ts'
import { charonKeyID, connectionOf, credentialsOf, readName } from './connection.ts'
import type { SessionStep, Wait } from './plan.ts'
import { isMoving, isUp, planConnections, planSessions, replaceMs } from './plan.ts'
import type { FoundConnection, SessionState } from './reading.ts'
import { connectionsIn, isLost, sessionsIn, withLost } from './reading.ts'

/** From start to answering takes 50 ms on an idle machine. */
const startTimeoutMs = 5_000
/** For two programs that print and delete. */
const removeMs = 5_000
/** A charon that lived this long starts over without delay when it dies. */
const provenMs = 30_000
/** However fast another gateway makes and ends sessions, it must keep neither us busy nor those whom we tell. */
const soonMs = 10
const calmMs = 500
const events = ['ike-updown', 'child-updown', 'log']

export async function ipsec(options: DriverOptions, signal: AbortSignal): Promise<CableDriver> {
  return new IPsecDriver(options, await nodeKey(options.host, nodeKeyFile(options.stateDir), signal))
}

class IPsecDriver implements CableDriver {
  readonly name = 'ipsec'
  readonly device: string
  readonly publicKey: PublicKey
  readonly mtu: number
  readonly #options: DriverOptions
  readonly #vici: Vici
  readonly #stop = new AbortController()
  readonly #wait = backoff(500, 30_000)
  /** Who does ESP on this node; undefined before the first set. */
  #esp: Esp | undefined
  #daemon: Daemon | undefined
  /** Not before this time (ms, monotonic) is charon started again. */
  #notBefore = 0
  /** Looks after the charon that answers now; ends with it. */
  #watching: Promise<void> | undefined
  #want: readonly Connection[] = []
  #waits: ReadonlyMap<string, Wait> = new Map()
  #turn: Promise<void> = Promise.resolve()
  /** When it is looked next, ms on the monotonic clock. */
  #lookAt = Infinity
  /** With whom there were sessions when that was told last, and when. */
  #told = '[]'
  #toldAt = -Infinity

  constructor(options: DriverOptions, key: PrivateKey) {
    this.#options = options
    this.device = options.device
    this.publicKey = key.publicKey
    this.mtu = options.mtu
    this.#vici = vici(options.host, socketFile)
  }

  get about() {
    return this.#esp === undefined ? 'ipsec' : aboutEsp[this.#esp]
  }

  async set(want: readonly Cable[], signal: AbortSignal): Promise<void> {
    const { host, stateDir, port } = this.#options
    const esp = await this.#open(signal)
    await this.#bringUp(esp === 'charon' ? (want[0]?.ipsec?.own ?? []) : [], signal)
    const kept = await readKept(host, stateDir, signal)
    const credentials = credentialsOf(kept)
    this.#want =
      credentials === undefined
        ? []
        : want.flatMap((cable) => connectionOf(cable, this.publicKey, credentials, { port, esp }) ?? [])
    const { load, unload, forget } = planConnections(this.#want, await this.#connections(signal))
    for (const name of unload) await this.#vici.command('unload-conn', { name }, signal)
    if (forget) for (const command of ['clear-creds', 'flush-certs']) await this.#vici.command(command, {}, signal)
    await this.#loadKey(kept.own?.key, signal)
    for (const { name, message } of load) await this.#vici.command('load-conn', { [name]: message }, signal)
    await this.#inTurn(() => this.#look(signal))
    await this.#moved(signal)
  }

  async read(signal: AbortSignal): Promise<readonly CableState[]> {
    const connections = await this.#connections(signal)
    const sessions = await this.#sessions(signal)
    return connections.flatMap((connection) => stateOf(connection, sessions) ?? [])
  }

  /** charon ends with us, and so does all that it made or that was made for it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#watching
    await this.#turn
    this.#vici[Symbol.dispose]()
    if (this.#daemon === undefined) return
    await this.#daemon[Symbol.asyncDispose]()
    if (this.#esp === 'kernel') await removeKernelEsp(this.#options.host, this.device, AbortSignal.timeout(removeMs))
  }

  // ── the daemon ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  async #open(signal: AbortSignal): Promise<Esp> {
    signal.throwIfAborted()
    const found = await this.#link(signal)
    if (found !== undefined) this.#esp ??= espOf(found)
    // The kernel's device is no part of charon: where it was taken away, it is made again and carries what it carried.
    if (found === undefined && this.#esp === 'kernel') await makeKernelEsp(this.#options.host, this.device, signal)
    if (!(await this.#isWhole(signal))) await this.#start(signal)
    this.#watching ??= this.#watch()
    return this.#esp ?? 'charon'
  }

  async #start(signal: AbortSignal): Promise<void> {
    const { host, port, underlays, log } = this.#options
    await pause(Math.max(0, this.#notBefore - performance.now()), signal)
    signal.throwIfAborted()
    await this.#daemon?.[Symbol.asyncDispose]()
    const esp = await this.#prepare(signal)
    await host.remove(socketFile, signal)
    await host.write(configFile, configurationOf(port, underlays, esp), { mode: 0o600, atomic: true }, signal)
    const startedAt = performance.now()
    const daemon = host.start('charon-systemd', [], { env: { STRONGSWAN_CONF: configFile } })
    this.#daemon = daemon
    let how: string | undefined
    void daemon.ended.then((why) => {
      how = why
      if (performance.now() - startedAt > provenMs) this.#wait.reset()
      this.#notBefore = performance.now() + this.#wait.next()
      if (!this.#stop.signal.aborted) log.error({ how: why }, 'charon ended')
    })
    while (how === undefined && performance.now() - startedAt < startTimeoutMs) {
      if (await this.#isWhole(signal)) {
        log.info({ port, esp }, 'charon started')
        return
      }
      await pause(20, signal)
      signal.throwIfAborted()
    }
    await daemon[Symbol.asyncDispose]()
    throw new Error(`charon did not come up: ${how ?? `no answer within ${startTimeoutMs} ms`}. Does the node have /dev/net/tun?`)
  }

  /** Before charon starts: nothing of another one is left, and the kernel's device is there if the kernel can have one. */
  async #prepare(signal: AbortSignal): Promise<Esp> {
    const { host } = this.#options
    const isForeign = (link: Link | undefined) => link !== undefined && espOf(link) !== 'kernel'
    // The TUN device of a charon that was killed is there for a moment longer.
    for (let tries = 0; tries < 25 && isForeign(await this.#link(signal)); tries++) await pause(20, signal)
    const link = await this.#link(signal)
    if (isForeign(link))
      throw new Error(
        `the node has a device ${this.device} of another program; IPsec needs the name: take it down there, or do not use ipsec here`,
      )
    const isKernel = link !== undefined || (await makeKernelEsp(host, this.device, signal))
    this.#esp = isKernel ? 'kernel' : 'charon'
    if (isKernel) await sweepKernelEsp(host, signal)
    return this.#esp
  }

  async #isWhole(signal: AbortSignal): Promise<boolean> {
    const answers = await this.#vici.command('version', {}, signal).then(
      () => true,
      () => false,
    )
    return answers && (await this.#link(signal)) !== undefined
  }

  /** Until this charon is gone: then all that it was told is gone with it, and its device. */
  async #watch(): Promise<void> {
    const { host, log, onLost } = this.#options
    await followEvents(
      host,
      socketFile,
      events,
      (name, message) => {
        const kind = textOf(message, 'group')
        if (name !== 'log') this.#lookAfter(soonMs)
        else log.debug({ kind, detail: textOf(message, 'msg') }, 'charon')
        // The kernel asks for states that it lacks.
        if (kind === 'KNL' && this.#esp === 'kernel') this.#lookAfter(calmMs)
      },
      this.#stop.signal,
    ).catch((err: unknown) => {
      log.warn({ err }, 'charon tells of no events; it is only looked after when something else changes')
    })
    this.#watching = undefined
    if (!this.#stop.signal.aborted) onLost()
  }

  // ── what it is told ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Our key and no other one. Roots and certificates are said with each connection. */
  async #loadKey(key: CertKey | undefined, signal: AbortSignal): Promise<void> {
    const have = listOf(await this.#vici.command('get-keys', {}, signal), 'keys')
    const wanted = key === undefined ? undefined : charonKeyID(key)
    if (key !== undefined && wanted !== undefined && !have.includes(wanted))
      await this.#vici.command('load-key', { type: 'any', data: key.pem() }, signal)
    for (const id of have) if (id !== wanted) await this.#vici.command('unload-key', { id }, signal)
  }

  /** One after the other, so that none acts on what another is about to change. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(work)
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  /** After `ms`, if nobody looks before. */
  #lookAfter(ms: number): void {
    const at = performance.now() + ms
    if (at >= this.#lookAt) return
    this.#lookAt = at
    const { signal } = this.#stop
    void pause(ms, signal)
      .then(() =>
        this.#inTurn(async () => {
          if (!signal.aborted) await this.#look(signal)
        }),
      )
      .catch((err: unknown) => {
        // With charon gone, another set comes.
        if (!(err instanceof ViciClosed) && !signal.aborted) this.#options.log.warn({ err }, 'cannot look after the sessions')
      })
  }

  async #look(signal: AbortSignal): Promise<void> {
    this.#lookAt = Infinity
    const sessions = await this.#sessions(signal)
    const plan = planSessions({
      us: this.publicKey,
      want: this.#want,
      sessions,
      waits: this.#waits,
      now: performance.now(),
    })
    this.#waits = plan.waits
    for (const step of plan.steps) await this.#take(step, signal)
    if (plan.againMs < Infinity) this.#lookAfter(Math.max(plan.againMs, soonMs))
    this.#tell(sessions)
  }

  /**
   * Until what goes from one gateway to another has its child there: whoever set it tells its peers next that it has turned, and the other
   * one sends by that. Asked for fifty times at most: left to the looks that charon's events bring, it took until the limit in most of twelve
   * hand-overs, and why is not known.
   */
  async #moved(signal: AbortSignal): Promise<void> {
    const until = performance.now() + replaceMs
    while (performance.now() < until && isMoving({ want: this.#want, sessions: await this.#sessions(signal) }))
      await pause(soonMs, signal)
  }

  #tell(sessions: readonly SessionState[]): void {
    const up = JSON.stringify(
      sessions
        .filter((s) => s.children.some(isUp))
        .map((s) => s.connection)
        .toSorted(),
    )
    if (up === this.#told) return
    const calm = this.#toldAt + calmMs - performance.now()
    if (calm > 0) {
      this.#lookAfter(calm)
      return
    }
    this.#told = up
    this.#toldAt = performance.now()
    this.#options.onChange?.()
  }

  /** What is refused was overtaken by what charon or the other end did; the next look sees it. */
  async #take(step: SessionStep, signal: AbortSignal): Promise<void> {
    const [command, message] = commandOf(step)
    await this.#vici.command(command, message, signal).catch((err: unknown) => {
      if (!(err instanceof ViciRefused)) throw err
      this.#options.log.debug({ err, step }, 'charon refused')
    })
  }

  async #connections(signal: AbortSignal): Promise<readonly FoundConnection[]> {
    const found: FoundConnection[] = []
    await this.#vici.list('list-conns', 'list-conn', {}, (event) => found.push(...connectionsIn(event)), signal)
    return found
  }

  /** A child whose states somebody took out of the kernel is `LOST`: charon does not look whether they are there. */
  async #sessions(signal: AbortSignal): Promise<readonly SessionState[]> {
    const found = await this.#listed(signal)
    if (this.#esp !== 'kernel') return found
    const there = await kernelSpis(this.#options.host, signal)
    // What charon itself took out in between, it does not list any more.
    return found.some((s) => s.children.some(isLost(there))) ? withLost(await this.#listed(signal), there, found) : found
  }

  async #listed(signal: AbortSignal): Promise<readonly SessionState[]> {
    const found: SessionState[] = []
    await this.#vici.list('list-sas', 'list-sa', {}, (event) => found.push(...sessionsIn(event)), signal)
    return found
  }

  // ── the device ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  async #link(signal: AbortSignal) {
    return parseLinks(await this.#options.host.run('ip', ['-j', '-d', 'link', 'show'], {}, signal)).find(
      (l) => l.name === this.device,
    )
  }

  /** MTU, addresses and state of the device, where they are not as they should be. */
  async #bringUp(own: readonly CIDR[], signal: AbortSignal): Promise<void> {
    const { host, mtu } = this.#options
    const noIPv6 = `net/ipv6/conf/${this.device}/disable_ipv6`
    if ((await readSysctl(host, noIPv6, signal)) !== '0') await writeSysctl(host, { key: noIPv6, value: '0' }, signal)
    const link = await this.#link(signal)
    const addresses = parseAddresses(await host.run('ip', ['-j', 'addr', 'show'], {}, signal))
    const lent = anchors(
      own,
      addresses.filter((a) => a.dev !== this.device),
    )
    const want = [
      ...[`${tunnelAddress(this.publicKey)}/128`, ...lent].map((address) => ({ dev: this.device, address })),
      dummyAddress(this.device),
    ]
    const have = addresses.filter((a) => a.dev === this.device)
    const lacksIn = (some: readonly Address[]) => (one: Address) => !some.some(({ address }) => address === one.address)
    const device = { name: this.device, kind: 'tun', mtu, up: true }
    const lines = [
      ...(link?.mtu === mtu && link.up ? [] : setLink(device)),
      ...want.filter(lacksIn(have)).map(putAddress),
      ...have.filter(lacksIn(want)).map(dropAddress),
    ]
    if (lines.length > 0) await host.run('ip', ['-force', '-batch', '-'], { stdin: `${lines.join('\n')}\n` }, signal)
  }
}

/**
 * kernel-libipsec takes a selector only where the node has an address in it. Most nodes have one among pods; where there is none, the
 * last of the block is lent to the device: wherever it belongs to a link, it is no pod's.
 */
function anchors(own: readonly CIDR[], elsewhere: readonly Address[]): readonly string[] {
  return own
    .filter((block) => !elsewhere.some(({ address }) => contains(block, address.split('/')[0] ?? '')))
    .map((block) => {
      const { family, first, last } = rangeOf(block)
      return `${addressAt(block, last - first) ?? ''}/${widthOf(family)}`
    })
}

function commandOf(step: SessionStep): readonly [string, Message] {
  switch (step.do) {
    case 'initiate':
      return ['initiate', { ike: step.connection, child: step.child, ...atOnce }]
    case 'end session':
      return ['terminate', { 'ike-id': step.id, force: 'yes', ...atOnce }]
    case 'end child':
      return ['terminate', { 'child-id': step.id, ...atOnce }]
  }
}

/** Others come in between; what became of it is told in events. */
const atOnce = { timeout: '-1' } as const

function stateOf({ name, addresses }: FoundConnection, sessions: readonly SessionState[]): CableState | undefined {
  const read = readName(name)
  if (read === undefined) return undefined
  const ofPeer = sessions.filter((s) => readName(s.connection)?.publicKey === read.publicKey)
  const children = ofPeer.flatMap((s) => s.children).filter(isUp)
  const session = ofPeer.find((s) => s.connection === name && isUp(s)) ?? ofPeer.find(isUp)
  const newest = Math.min(...children.map((c) => c.ageSeconds))
  return {
    cable: 'ipsec',
    publicKey: read.publicKey,
    address: session?.address ?? addressText({ address: addresses[0] ?? '', port: read.port }),
    ...(children.length === 0 ? {} : { handshakeAt: Date.now() - newest * 1000 }),
    rxBytes: children.reduce((sum, c) => sum + c.rxBytes, 0),
    txBytes: children.reduce((sum, c) => sum + c.txBytes, 0),
  }
}
