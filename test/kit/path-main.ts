// A gateway's cables, pulse, ways and relay as a process of its own on a machine without Kubernetes. Its argument is a directory, where it
// finds `want.json` and looks for a newer one; it writes its key, then how its cables do, a line of JSON a time.
import { readFileSync, statSync } from 'node:fs'
import { CertKey } from '#lib/pki/cert-key.ts'
import { readCertificate } from '#lib/pki/certificate.ts'
import { linuxHost } from '#lib/host/linux.ts'
import type { PublicKey } from '#lib/net/keys.ts'
import { tunnelAddress } from '#lib/net/keys.ts'
import { logger } from '#lib/std/log.ts'
import { pause } from '#lib/std/pause.ts'
import { wireguard } from '../../gateway/cable/wireguard/driver.ts'
import type { RelayPlace } from '../../gateway/path/link.ts'
import type { PathPeer } from '../../gateway/path/paths.ts'
import { Paths } from '../../gateway/path/paths.ts'
import type { Relay, RelayReading } from '../../gateway/path/relay.ts'
import { startRelay } from '../../gateway/path/relay.ts'
import { startPulse } from '../../gateway/pulse/pulse.ts'

export type PathWant = {
  readonly clusterID: string
  readonly node: string
  readonly peers: readonly PathPeer[]
  /** `none`: as a gateway does it that knows of no other way than its peers’ first address. */
  readonly ways: 'chosen' | 'none'
  readonly relays: readonly RelayPlace[]
  readonly key: string
  readonly pem: string
  readonly root: string
  /** By name of the certificate, the cluster; undefined: it is no relay. */
  readonly relayFor?: readonly (readonly [string, string])[]
  readonly relayPort: number
}

export type PathLine = {
  readonly publicKey: PublicKey
  /** `lagMs`: the longest that the process stood still since the last line. */
  readonly lagMs?: number
  readonly relay?: RelayReading
  readonly peers?: readonly {
    readonly clusterID: string
    readonly state: string
    readonly rttMs?: number
    readonly path?: string
    readonly relay?: string
    readonly address?: string
  }[]
}

const dir = process.argv[2] ?? ''
const [device, port] = ['tmb-wg', 51820]
const stop = new AbortController()
const { signal } = stop
process.once('SIGTERM', () => stop.abort())
const log = logger('path', 'info')
const host = linuxHost()
const say = (line: PathLine) => process.stdout.write(`${JSON.stringify(line)}\n`)

{
  const options = { host, device, stateDir: dir, port, underlays: ['wan'], mtu: 1380, onLost: () => undefined, log }
  await using driver = await wireguard(options, signal)
  await driver.set([], signal)
  await host.run('ip', ['-6', 'route', 'replace', 'fd74:6f6d::/32', 'dev', device], {}, signal)
  const { publicKey } = driver
  say({ publicKey })
  const first = await read(undefined)
  await using pulse = await startPulse(
    {
      address: tunnelAddress(publicKey),
      port: 4790,
      clusterID: first.want.clusterID,
      node: first.want.node,
      bootID: publicKey
        .slice(0, 8)
        .replaceAll(/[^0-9a-f]/g, '0')
        .padEnd(16, '0'),
      onChange: () => undefined,
      log,
    },
    signal,
  )
  await using paths = new Paths({
    driver,
    port,
    publicKey,
    pulse: () => pulse.read(),
    nudge: (key) => pulse.nudge(key),
    onChange: () => undefined,
    log,
  })
  let relay: Relay | undefined
  await using started = new AsyncDisposableStack()
  if (first.want.ways === 'chosen') paths.start()
  let now: { readonly at: number; readonly want: PathWant } | undefined
  let [lag, lookedAt, saidAt] = [0, performance.now(), 0]
  while (!signal.aborted) {
    const { at, want } = await read(now?.at)
    if (at !== now?.at) {
      now = { at, want }
      relay = await apply(want)
    }
    lookedAt = performance.now()
    await pause(20, signal)
    lag = Math.max(lag, performance.now() - lookedAt - 20)
    if (performance.now() - saidAt > 200) {
      saidAt = performance.now()
      await tell()
      lag = 0
    }
  }

  async function apply(want: PathWant): Promise<Relay | undefined> {
    const key = CertKey.parse(want.key)
    if (!key.ok) throw new Error('no key')
    const roots = [readCertificate(want.root)].filter((root) => root !== undefined)
    const trust = { roots, denied: { keys: new Set<string>(), serials: new Set<string>() } }
    const own = { key: key.value, pem: want.pem }
    if (want.ways === 'chosen') await paths.set({ peers: want.peers, relays: want.relays, proof: { own, trust } })
    const cables = await Promise.all(
      want.peers.map(async ({ publicKey: of, addresses }) => ({
        publicKey: of,
        candidates: want.ways === 'chosen' ? await paths.order(of, addresses) : addresses,
        cidrs: [],
      })),
    )
    await driver.set(cables, signal)
    pulse.set(want.peers)
    if (want.relayFor === undefined) return relay
    const terms = { own, trust, gateways: new Map(want.relayFor) }
    if (relay === undefined) return started.use(await startRelay({ port: want.relayPort, log }, terms, signal))
    relay.set(terms)
    return relay
  }

  async function tell(): Promise<void> {
    const devices = await driver.read(signal)
    const ways = paths.read()
    say({
      publicKey,
      lagMs: Math.round(lag),
      ...(relay === undefined ? {} : { relay: relay.read() }),
      peers: pulse.read().map(({ publicKey: of, clusterID, link }) => ({
        clusterID,
        state: link.state,
        ...(link.state === 'Connected' ? { rttMs: link.rttMs } : {}),
        ...ways.get(of),
        address: devices.find((d) => d.publicKey === of)?.address ?? '',
      })),
    })
  }
}

/** Waits for the first. */
async function read(known: number | undefined): Promise<{ readonly at: number; readonly want: PathWant }> {
  const file = `${dir}/want.json`
  for (;;) {
    const at = statSync(file, { throwIfNoEntry: false })?.mtimeMs
    if (at !== undefined && (known === undefined || at !== known))
      return { at, want: JSON.parse(readFileSync(file, 'utf8')) as PathWant }
    if (known !== undefined) return { at: known, want: JSON.parse(readFileSync(file, 'utf8')) as PathWant }
    await pause(20, signal)
    signal.throwIfAborted()
  }
}
