// What passes a cable, with the gateways' and agents' own programs: paths that are narrow in the middle, that come to be so without a word,
// and that widen again, under TCP connections between pods. As a reader of TCP sees it: how long nothing comes.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { eventually } from '../kit/eventually.ts'
import type { Machine, Machines } from '../kit/netns.ts'
import { machines, noMachines } from '../kit/netns.ts'
import type { PlainFleet, PlainGateway } from '../kit/plain-gateways.ts'
import { meshed, plainFleet } from '../kit/plain-gateways.ts'

suite('a cable whose path is narrow', function () {
  this.timeout(150_000)
  let rig: Machines
  let fleet: PlainFleet
  let east: PlainGateway
  let west: PlainGateway

  suiteSetup(async () => {
    assert.equal(noMachines(), undefined)
    rig = machines('mtu')
    fleet = await plainFleet(rig)
    ;[east, west] = [await fleet.add(), await fleet.add()]
    for (const one of fleet.gateways) for (const program of ['gateway', 'agent'] as const) one.start(program)
    await meshed(fleet.gateways, 60_000)
    await eventually(() => east.pod.sh(`ping -c 1 -W 0.5 ${west.podAddress}`).then(() => undefined), 30_000)
  })
  suiteTeardown(async () => {
    await fleet[Symbol.asyncDispose]()
    await rig[Symbol.asyncDispose]()
  })

  /** What the router takes on its way between the two. By its routes: where devices take less, they swallow what comes in by themselves. */
  const takes = (bytes: number) =>
    fleet.wan.sh(
      [east, west]
        .map(({ number: n }) => `ip route replace 172.29.${n}.0/24 dev to${n} src 172.29.${n}.254 mtu ${bytes}`)
        .join('; '),
    )
  /**
   * Larger packets end in the middle, and nobody is told. Nor do they come in pieces: what wireguard-go hands to the kernel many at a time
   * may be cut on its way, which firewalls often do not let through.
   */
  const hole = async (bytes: number) => {
    await fleet.wan.sh(
      "nft 'add table ip mute; add chain ip mute out { type filter hook output priority 0; }; add rule ip mute out icmp type destination-unreachable drop'",
    )
    for (const { machine } of [east, west])
      await machine.sh(
        "nft 'add table ip whole; add chain ip whole in { type filter hook prerouting priority -450; }; add rule ip whole in ip frag-off & 0x3fff != 0 drop'",
      )
    await takes(bytes)
  }
  const fill = async () => {
    await takes(1500)
    await fleet.wan.sh('nft delete table ip mute')
    for (const { machine } of [east, west]) await machine.sh('nft delete table ip whole')
  }
  const routed = async (from: PlainGateway, to: PlainGateway) => {
    const [route] = JSON.parse(await from.machine.sh(`ip -j route get ${to.podAddress}`)) as { metrics?: { mtu?: number }[] }[]
    return route?.metrics?.[0]?.mtu ?? 1420
  }
  const sizes = async () => [await routed(east, west), await routed(west, east)]

  test('a connection hangs in such a hole while nobody looks after the cable', async () => {
    for (const one of [east, west]) await one.stop('gateway', 'SIGKILL')
    const streaming = stream(east.pod, west, 9_000, 5)
    await east.machine.sh('sleep 2')
    await hole(1400)
    const { gap } = await streaming
    await fill()
    assert.ok(gap > 10_000, `nothing for ${Math.round(gap)} ms`)
    for (const one of [east, west]) one.start('gateway')
    await meshed(fleet.gateways, 60_000)
  })

  for (const [path, fits] of [
    [1400, 1340],
    [1280, 1220],
  ] as const) {
    test(`a connection goes on when the path comes to swallow all above ${path} bytes, with no more than 3 s without a byte, either way`, async () => {
      const streams = [stream(east.pod, west, 9_001, 9), stream(west.pod, east, 9_002, 9)]
      await east.machine.sh('sleep 3')
      await hole(path)
      for (const { gap, bytes } of await Promise.all(streams)) {
        assert.ok(bytes > 3_000_000, `${bytes} bytes`)
        assert.ok(gap < 3_000, `nothing for ${Math.round(gap)} ms`)
      }
      for (const size of await sizes()) assert.ok(size <= fits && size > fits - 21, `${size}`)
      await eventually(async () => assert.equal(east.connectionTo(west)?.mtu, await routed(east, west)))
    })

    test(`and one that begins then never waits, nor does its answer: segments fit what passes of ${path} bytes`, async () => {
      for (const [from, to, port] of [
        [east, west, 9_003],
        [west, east, 9_004],
      ] as const) {
        const { gap, bytes } = await stream(from.pod, to, port, 3)
        assert.ok(bytes > 1_000_000 && gap < 1_000, `${bytes} bytes, nothing for ${Math.round(gap)} ms`)
      }
    })

    test(`a path that takes more than ${path} bytes again is used so within 45 s`, async () => {
      await fill()
      await eventually(async () => assert.deepEqual(await sizes(), [1420, 1420]), 45_000, 500)
      await eventually(() => assert.equal(east.connectionTo(west)?.mtu, undefined))
    })
  }

  test('where routers say what they do not take no connection waits 3 s either', async () => {
    const streaming = stream(east.pod, west, 9_005, 8)
    await east.machine.sh('sleep 2')
    await takes(1280)
    const { gap, bytes } = await streaming
    assert.ok(bytes > 3_000_000 && gap < 3_000, `${bytes} bytes, nothing for ${Math.round(gap)} ms`)
    await takes(1500)
  })
})

/** A steady 4 Mbit/s from pod to pod. `gap`: the longest time without a byte, ms; the end counts. */
async function stream(from: Machine, to: PlainGateway, port: number, seconds: number): Promise<{ gap: number; bytes: number }> {
  const reader = `let last = 0, gap = 0, bytes = 0
    require('net').createServer((s) => {
      last = performance.now()
      const look = () => { const now = performance.now(); gap = Math.max(gap, now - last); last = now }
      s.on('data', (d) => { look(); bytes += d.length })
      s.on('close', () => { look(); console.log(JSON.stringify({ gap, bytes })); process.exit() })
    }).listen(${port}, '0.0.0.0', () => console.log('up'))`
  const writer = `const s = require('net').connect(${port}, '${to.podAddress}')
    const beat = setInterval(() => s.write(Buffer.alloc(10000)), 20)
    setTimeout(() => { clearInterval(beat); s.end() }, ${seconds * 1000})`
  const run = (machine: Machine, program: string) =>
    spawn('nsenter', [`--net=/run/netns/${machine.netns}`, process.execPath, '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
  const server = run(to.pod, reader)
  await once(server.stdout, 'data')
  const said = text(server.stdout)
  const client = run(from, writer)
  const ended = once(server, 'exit')
  // Whoever never comes is told from who comes late.
  const tooLate = setTimeout(() => server.kill('SIGKILL'), (seconds + 12) * 1000)
  await ended
  clearTimeout(tooLate)
  client.kill('SIGKILL')
  return JSON.parse((await said) || '{"gap":12e3,"bytes":0}') as { gap: number; bytes: number }
}
