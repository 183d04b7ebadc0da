// What many clusters of one gateway each cost, all joined with all, in namespaces without Kubernetes.
//
//   ours   gateways run and know nobody ── all are told of all at once ──► every WireGuard device has had a handshake with every other
//   bare   the same devices, by hand    ── a script adds all peers     ──► the same
//
// Then memory and CPU of a gateway when nothing happens, with wireguard-go and what else it keeps running; and on how many peers of how many
// devices anything changes when one gateway is reached at another address.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Peer } from '#lib/host/wg.ts'
import { parseUapi, uapiEnd, uapiGet, uapiSetDevice, uapiSetPeers } from '#lib/host/wg.ts'
import { PrivateKey, tunnelAddress } from '#lib/net/keys.ts'
import { sum } from '#lib/std/sum.ts'
import { eventually } from '#test/kit/eventually.ts'
import type { Machine, Machines } from '#test/kit/netns.ts'
import { machines, processesIn } from '#test/kit/netns.ts'
import type { PlainFleet, PlainGateway } from '#test/kit/plain-gateways.ts'
import { plainFleet } from '#test/kit/plain-gateways.ts'
import type { Bed, Bench } from './bench.ts'
import { now } from './bench.ts'
import { cpuSeconds, memoryOf } from './processes.ts'

export const mesh: Bench = {
  name: 'mesh',
  asks: 'What does a full mesh of many gateways take?',
  run: async (bed) => {
    for (const size of sizes[bed.size]) {
      bed.say(`${size} gateways`)
      const ours = await meshOf(bed, size)
      const bare = await bareMesh(size, bed.signal)
      const figure = (what: string) => `${what}, ${size} gateways`
      const against = { name: 'the same wg calls by a script', samples: [bare] }
      bed.report({ figure: figure('all up'), unit: 'ms', samples: [ours.upMs], against, goal: '≤ 1.3 ×' })
      bed.report({ figure: figure('private memory of a gateway and its programs'), unit: 'MB', samples: ours.memoryMB })
      bed.report({ figure: figure('CPU of a gateway and its programs, idle'), unit: '% of a core', samples: ours.cpuPercent })
      bed.report({
        figure: figure('peers changed elsewhere by a change of one gateway'),
        unit: 'peers',
        samples: ours.touched,
        goal: '1 on each other device',
      })
    }
  },
}

const sizes = { full: [10, 20], quick: [3] } as const
const windowMs = { full: 20_000, quick: 3_000 } as const
const device = 'tmb-wg'
const port = 51_820
const upWithinMs = 240_000

type Measured = {
  readonly upMs: number
  readonly memoryMB: readonly number[]
  readonly cpuPercent: readonly number[]
  readonly touched: readonly number[]
}

async function meshOf(bed: Bed, size: number): Promise<Measured> {
  await using rig = machines('mesh')
  await using fleet = await plainFleet(rig)
  fleet.keepApart()
  for (let n = 0; n < size; n++) await fleet.add({ pod: 'none' })
  const { gateways } = fleet
  // One by one: what their starting takes is no matter of the mesh.
  for (const gateway of gateways) {
    gateway.start('gateway')
    await eventually(() => assert.equal(gateway.published()?.status?.role, 'Active'), 60_000, 50)
  }
  const begin = now()
  fleet.introduce()
  await allUp(
    gateways.map(({ machine }) => machine),
    size,
  )
  const upMs = now() - begin
  await eventually(
    () => {
      for (const gateway of gateways)
        assert.equal(gateway.published()?.status?.connections?.filter(({ state }) => state === 'Connected').length, size - 1)
    },
    upWithinMs,
    500,
  )
  await sleep(windowMs[bed.size] / 2, undefined, { signal: bed.signal })
  const cpuPercent = await idleCPU(gateways, windowMs[bed.size], bed.signal)
  return { upMs, cpuPercent, memoryMB: gateways.map(memoryOfAll), touched: await touchedBy(fleet) }
}

/** The same devices and peers by hand, as fast as one script can. */
async function bareMesh(size: number, signal: AbortSignal): Promise<number> {
  await using rig: Machines = machines('bare')
  const wan = await rig.add('wan')
  await wan.sh('sysctl -qw net.ipv4.ip_forward=1')
  const ends: { machine: Machine; key: PrivateKey; address: string }[] = []
  await using daemons = new AsyncDisposableStack()
  for (let n = 1; n <= size; n++) {
    const machine = await rig.add(`gw${n}`)
    await rig.join(wan, `to${n}`, machine, 'eth0')
    const [address, router] = [`172.29.${n}.1`, `172.29.${n}.254`]
    await wan.sh(`ip addr add ${router}/24 dev to${n}`)
    await machine.sh(`ip addr add ${address}/24 dev eth0; ip route add default via ${router}`)
    daemons.use(machine.host.start('wireguard-go', ['-f', device], { env: { WG_PROCESS_FOREGROUND: '1', LOG_LEVEL: 'silent' } }))
    const key = PrivateKey.generate()
    await eventually(() => machine.host.ask(socket, uapiGet, uapiEnd, signal).then(() => undefined))
    await machine.host.ask(socket, uapiSetDevice(key, port), uapiEnd, signal)
    await machine.sh(`ip addr add ${tunnelAddress(key.publicKey)}/32 dev ${device}; ip link set ${device} up`)
    ends.push({ machine, key, address })
  }
  const begin = now()
  for (const { machine, key } of ends) {
    const others = ends.filter((end) => end.key !== key)
    const peers = others.map(({ key: { publicKey }, address }): Peer => ({
      publicKey,
      address: `${address}:${port}`,
      allowedIPs: [`${tunnelAddress(publicKey)}/128`],
      // Makes it call at once, as the pulse makes ours.
      keepaliveSeconds: 25,
    }))
    const changes = peers.map((peer) => ({ do: 'put', peer, replaceAllowed: true }) as const)
    await machine.host.ask(socket, uapiSetPeers(changes), uapiEnd, signal)
  }
  await allUp(
    ends.map(({ machine }) => machine),
    size,
  )
  return now() - begin
}

const socket = `/var/run/wireguard/${device}.sock`

const peersOn = async ({ host }: Machine) =>
  parseUapi(await host.ask(socket, uapiGet, uapiEnd, AbortSignal.timeout(10_000))).peers

/** Every device has had a handshake with every other; looked at alike in both. */
const allUp = (all: readonly Machine[], size: number): Promise<void> =>
  eventually(
    async () => {
      for (const machine of all) {
        const peers = await peersOn(machine)
        assert.equal(peers.filter(({ handshakeAt }) => handshakeAt !== undefined).length, size - 1)
      }
    },
    upWithinMs,
    5,
  )

const memoryOfAll = ({ machine }: PlainGateway): number =>
  sum(processesIn(machine).map(({ pid, command }) => (command === 'sleep' ? 0 : (memoryOf(pid)?.privateBytes ?? 0)))) / 1e6

async function idleCPU(gateways: readonly PlainGateway[], ms: number, signal: AbortSignal): Promise<readonly number[]> {
  const used = () => gateways.map(({ machine }) => sum(processesIn(machine).map(({ pid }) => cpuSeconds(pid))))
  const [before, at] = [used(), now()]
  await sleep(ms, undefined, { signal })
  const seconds = (now() - at) / 1000
  return used().map((after, i) => (100 * (after - (before[i] ?? 0))) / seconds)
}

/** On each other device the number of peers that are not as they were once the last gateway is reached elsewhere. */
async function touchedBy(fleet: PlainFleet): Promise<readonly number[]> {
  const { gateways } = fleet
  const [moved, others] = [gateways.at(-1), gateways.slice(0, -1)]
  assert.ok(moved !== undefined)
  // Its key is another one: that is what no cable outlives.
  const { publicKey } = PrivateKey.generate()
  const made = async () =>
    Promise.all(
      others.map(async ({ machine }) => new Map((await peersOn(machine)).map((p) => [p.publicKey, p.handshakeAt === undefined]))),
    )
  const before = await made()
  fleet.forge(moved, (said) => ({ ...said, spec: { ...said.spec, wireguard: { publicKey } } }))
  await eventually(async () => {
    for (const peers of await made()) assert.ok(peers.has(publicKey))
  }, 60_000)
  return (await made()).map((after, i) => {
    const was = before[i] ?? new Map<string, boolean>()
    return [...after].filter(([key, isNew]) => was.get(key) !== isNew).length
  })
}
