// Cables over WireGuard: one device, a peer for each far gateway. The kernel's device where the kernel has one, else wireguard-go.
//
//   first set ── device there? ── yes: take it (our own from before a restart)
//                     │ no
//                     ├─ ip link add type wireguard ── worked: kernel
//                     └─ else start wireguard-go, wait for its socket; when it dies: onLost, and the next set starts it again
import type { Daemon } from '#lib/host/host.ts'
import { CommandFailed } from '#lib/host/host.ts'
import { dropAddress, parseAddresses, parseLinks, putAddress, setLink } from '#lib/host/ip.ts'
import { readSysctl, writeSysctl } from '#lib/host/sysctl.ts'
import { contains } from '#lib/net/cidr.ts'
import type { PublicKey } from '#lib/net/keys.ts'
import { tunnelAddress, tunnelNetwork } from '#lib/net/keys.ts'
import { backoff } from '#lib/std/backoff.ts'
import { pause } from '#lib/std/pause.ts'
import { turns } from '#lib/std/turns.ts'
import { dummyAddress } from '../../data-plane.ts'
import type { Cable, CableDriver, CableState, Candidate, DriverOptions } from '../driver.ts'
import { addressText } from '../driver.ts'
import type { KeptKey, WireGuardDevice } from './device.ts'
import { kernelDevice, socketOf, uapiDevice } from './device.ts'
import { nodeKey, nodeKeyFile } from '../node-key.ts'
import { peerOf, planPeers } from './plan.ts'

/** From start to answering takes 20 ms on an idle machine. */
const startTimeoutMs = 5_000
/**
 * Go's collector at its own pace: under load packets lie in some 100 to 200 MB of buffers, and made to do with 64 MiB it took as much
 * CPU as the packets (2.4 s a Gbit instead of 1.5). The limit is soft, and lies below the pod's.
 */
const daemonEnv = { GOMEMLIMIT: '512MiB', LOG_LEVEL: 'silent', WG_PROCESS_FOREGROUND: '1' }
/** A wireguard-go that lived this long starts over without delay when it dies. */
const provenMs = 30_000

export async function wireguard(options: DriverOptions, signal: AbortSignal): Promise<CableDriver> {
  const file = nodeKeyFile(options.stateDir)
  return new WireGuardDriver(options, { file, key: await nodeKey(options.host, file, signal) })
}

class WireGuardDriver implements CableDriver {
  readonly name = 'wireguard'
  readonly device: string
  readonly #options: DriverOptions
  readonly #kept: KeptKey
  readonly #wait = backoff(500, 30_000)
  #door: WireGuardDevice | undefined
  #daemon: Daemon | undefined
  /** Not before this time (ms, monotonic) is wireguard-go started again. */
  #notBefore = 0
  #disposed = false
  /** What is said to the device of a peer repeats what it had: nobody else may change that meanwhile. */
  readonly #turn = turns()

  constructor(options: DriverOptions, kept: KeptKey) {
    this.#options = options
    this.#kept = kept
    this.device = options.device
  }

  get mtu() {
    return this.#options.mtu
  }

  get publicKey() {
    return this.#kept.key.publicKey
  }

  get about() {
    return this.#door?.about ?? 'wireguard'
  }

  set(want: readonly Cable[], signal: AbortSignal): Promise<void> {
    return this.#turn(() => this.#set(want, signal))
  }

  steer(publicKey: PublicKey, to: Candidate, signal: AbortSignal): Promise<void> {
    return this.#turn(async () => {
      const have = (await this.#door?.get(signal))?.peers.find((p) => p.publicKey === publicKey)
      const address = addressText(to)
      if (have === undefined || have.address === address) return
      await this.#door?.setPeers([{ do: 'put', peer: { ...have, address }, replaceAllowed: false }], signal)
    })
  }

  async #set(want: readonly Cable[], signal: AbortSignal): Promise<void> {
    const door = await this.#open(signal)
    let have = await door.get(signal)
    const { port } = this.#options
    if (have.publicKey !== this.publicKey || have.listenPort !== port) {
      await door.setIdentity(this.#kept, port, signal)
      have = await door.get(signal)
    }
    const changes = planPeers(want.map(peerOf), have.peers, Date.now())
    // At once, as others wait for the peers.
    await Promise.all([changes.length > 0 && door.setPeers(changes, signal), this.#bringUp(signal)])
  }

  async read(signal: AbortSignal): Promise<readonly CableState[]> {
    if (this.#door === undefined) throw new Error(`there is no device ${this.device}`)
    return (await this.#door.get(signal)).peers.map((peer) => ({ cable: this.name, ...peer }))
  }

  /** wireguard-go ends with us; the kernel's device stays and carries traffic until we are back. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true
    await this.#daemon?.[Symbol.asyncDispose]()
  }

  async #open(signal: AbortSignal): Promise<WireGuardDevice> {
    if (this.#door !== undefined && (await answers(this.#door, signal))) return this.#door
    this.#door = await this.#find(signal)
    return this.#door
  }

  async #find(signal: AbortSignal): Promise<WireGuardDevice> {
    const { host, device, log } = this.#options
    const kernel = kernelDevice(host, device)
    const user = uapiDevice(host, device)
    const link = parseLinks(await host.run('ip', ['-j', '-d', 'link', 'show'], {}, signal)).find((l) => l.name === device)
    if (link?.kind === 'wireguard') return kernel
    if (link !== undefined && (await answers(user, signal))) return user
    // What is left of a device that does not answer is in the way of a new one.
    if (link !== undefined) await host.run('ip', ['link', 'del', device], {}, signal).catch(ignoreFailure)
    const made = await host.run('ip', ['link', 'add', device, 'type', 'wireguard'], {}, signal).then(() => true, ignoreFailure)
    if (made === true) return kernel
    await this.#start(user, signal)
    log.info({ device }, 'wireguard-go started: the kernel has no WireGuard')
    return user
  }

  async #start(user: WireGuardDevice, signal: AbortSignal): Promise<void> {
    const { host, device, log, onLost } = this.#options
    await pause(Math.max(0, this.#notBefore - performance.now()), signal)
    signal.throwIfAborted()
    await host.remove(socketOf(device), signal)
    const startedAt = performance.now()
    const daemon = host.start('wireguard-go', ['-f', device], { env: daemonEnv })
    this.#daemon = daemon
    let how: string | undefined
    void daemon.ended.then((why) => {
      how = why
      if (performance.now() - startedAt > provenMs) this.#wait.reset()
      this.#notBefore = performance.now() + this.#wait.next()
      if (this.#disposed) return
      log.error({ device, how: why }, 'wireguard-go ended')
      onLost()
    })
    while (how === undefined && performance.now() - startedAt < startTimeoutMs) {
      if (await answers(user, signal)) return
      await pause(10, signal)
      signal.throwIfAborted()
    }
    await daemon[Symbol.asyncDispose]()
    throw new Error(
      `wireguard-go did not come up: ${how ?? `no answer within ${startTimeoutMs} ms`}. Does the node have /dev/net/tun?`,
    )
  }

  /** MTU, address and state of the device, where they are not as they should be. */
  async #bringUp(signal: AbortSignal): Promise<void> {
    const { host, device, mtu } = this.#options
    // Nodes without IPv6 to the outside often refuse it to new devices; the address in the tunnel is one all the same.
    const noIPv6 = `net/ipv6/conf/${device}/disable_ipv6`
    const found = await readSysctl(host, noIPv6, signal)
    if (found === undefined)
      throw new Error('the kernel of this node has no IPv6, which tunnels need for their own addresses: is ipv6.disable=1 set?')
    if (found !== '0') await writeSysctl(host, { key: noIPv6, value: '0' }, signal)
    const wanted = [{ dev: device, address: `${tunnelAddress(this.publicKey)}/32` }, dummyAddress(device)]
    const [links, addressed] = await Promise.all([
      host.run('ip', ['-j', '-d', 'link', 'show', 'dev', device], {}, signal),
      host.run('ip', ['-j', 'addr', 'show', 'dev', device], {}, signal),
    ])
    const [link] = parseLinks(links)
    const addresses = parseAddresses(addressed)
    const lines = [
      ...(link?.mtu === mtu && link.up ? [] : setLink({ name: device, kind: 'wireguard', mtu, up: true })),
      ...wanted.filter(({ address }) => !addresses.some((a) => a.address === address)).map(putAddress),
      // Of the key before: a device of the kernel outlives the gateway.
      ...addresses.filter((a) => isOfTunnels(a.address) && !wanted.some((w) => w.address === a.address)).map(dropAddress),
    ]
    if (lines.length > 0) await host.run('ip', ['-batch', '-'], { stdin: `${lines.join('\n')}\n` }, signal)
  }
}

const isOfTunnels = (address: string): boolean => contains(tunnelNetwork, address.split('/')[0] ?? '')

const answers = (door: WireGuardDevice, signal: AbortSignal): Promise<boolean> =>
  door.get(signal).then(
    () => true,
    () => false,
  )

function ignoreFailure(error: unknown): undefined {
  if (error instanceof CommandFailed) return undefined
  throw error
}
