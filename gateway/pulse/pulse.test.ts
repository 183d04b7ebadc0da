import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { logger } from '#lib/std/log.ts'
import { eventually } from '#test/kit/eventually.ts'
import { keyOf } from '#test/kit/gateway.ts'
import type { Claim } from '../engine.ts'
import { encode } from './message.ts'
import type { Pulse, PulsePeer, Saying } from './pulse.ts'
import { startPulse } from './pulse.ts'
import { timing } from './session.ts'

const saying = (claim: Claim, change: Partial<Saying> = {}): Saying => ({
  siblings: claim,
  others: claim,
  standing: 'Ready',
  carrying: false,
  takes: new Map(),
  ...change,
})

/** Two gateways without a tunnel between them: each is a port of the loopback. */
suite('the pulse between two gateways', () => {
  const east: PulsePeer = { clusterID: 'east', node: 'n1', publicKey: keyOf('east/n1') }
  const west: PulsePeer = { clusterID: 'west', node: 'n1', publicKey: keyOf('west/n1') }
  let ports: { readonly east: number; readonly west: number }
  let changes: number
  let stop: AbortController

  setup(async () => {
    ports = { east: await freePort(), west: await freePort() }
    changes = 0
    stop = new AbortController()
  })
  teardown(() => stop.abort())

  const start = (
    self: PulsePeer,
    port: number,
    peerPort: number | ((peer: PulsePeer) => number),
    peer: PulsePeer,
    onBeat = () => undefined as unknown,
  ): Promise<Pulse> =>
    startPulse(
      {
        address: '::1',
        port,
        clusterID: self.clusterID,
        node: self.node,
        bootID: Buffer.from(self.clusterID.padEnd(8)).toString('hex'),
        addressOf: (to) => ({ address: '::1', port: typeof peerPort === 'number' ? peerPort : peerPort(to) }),
        onChange: () => {
          changes++
        },
        onBeat: () => void onBeat(),
        log: logger('test', 'silent'),
      },
      stop.signal,
    ).then((pulse) => {
      pulse.set([peer])
      return pulse
    })
  const state = (pulse: Pulse) => pulse.read()[0]?.link.state

  test('connects, knows the round trip, and carries a claim', async () => {
    await using a = await start(east, ports.east, ports.west, west)
    await using b = await start(west, ports.west, ports.east, east)
    await eventually(() => assert.deepEqual([state(a), state(b)], ['Connected', 'Connected']))
    const [reading] = a.read()
    assert.ok(reading?.link.state === 'Connected' && reading.link.rttMs < timing.deadMs && reading.loss === 0)

    const before = changes
    const active = { role: 'Active', term: 7 } as const
    b.say(saying(active, { takes: new Map([['east', 3]]) }))
    await eventually(() => assert.deepEqual([a.read()[0]?.claim, a.read()[0]?.heard?.takes], [active, 3]))
    assert.ok(changes > before)
    assert.equal(a.read()[0]?.heard?.standing, 'Ready')
    b.say(saying(active, { standing: 'Never' }))
    await eventually(() => assert.deepEqual([a.read()[0]?.heard?.standing, a.read()[0]?.heard?.takes], ['Never', undefined]))
  })

  test('knows soon that the other is gone, and that it is back', async () => {
    await using a = await start(east, ports.east, ports.west, west)
    {
      await using b = await start(west, ports.west, ports.east, east)
      await eventually(() => assert.deepEqual([state(a), state(b)], ['Connected', 'Connected']))
    }
    const goneAt = performance.now()
    await eventually(() => assert.equal(state(a), 'Error'))
    assert.ok(performance.now() - goneAt < timing.deadMs + 3 * timing.everyMs)
    await using _again = await start(west, ports.west, ports.east, east)
    await eventually(() => assert.equal(state(a), 'Connected'))
  })

  test('one that hears no other cluster any more says so to its siblings, until it hears one again', async () => {
    const sibling: PulsePeer = { clusterID: 'east', node: 'n2', publicKey: keyOf('east/n2') }
    const third = await freePort()
    const at = (peer: PulsePeer) => (peer === west ? ports.west : third)
    await using a = await start(east, ports.east, at, west)
    a.set([west, sibling])
    await using b = await start(sibling, third, ports.east, east)
    const cutOff = () => b.read()[0]?.heard?.cutOffSince
    {
      await using c = await start(west, ports.west, ports.east, east)
      await eventually(() => assert.deepEqual([state(b), state(c)], ['Connected', 'Connected']))
      assert.equal(cutOff(), undefined)
    }
    const goneAt = performance.now()
    await eventually(() => assert.ok((cutOff() ?? 0) > goneAt))
    const since = cutOff()
    await new Promise((resolve) => setTimeout(resolve, 2 * timing.everyMs))
    assert.equal(cutOff(), since)
    await using _again = await start(west, ports.west, ports.east, east)
    await eventually(() => assert.equal(cutOff(), undefined))
  })

  test('says to its own cluster’s gateways what others are not to hear yet', async () => {
    const sibling: PulsePeer = { clusterID: 'east', node: 'n2', publicKey: keyOf('east/n2') }
    const third = await freePort()
    await using a = await start(east, ports.east, (peer) => (peer === west ? ports.west : third), west)
    a.set([west, sibling])
    await using b = await start(sibling, third, ports.east, east)
    await using c = await start(west, ports.west, ports.east, east)
    const [lead, none] = [{ role: 'Active', term: 4 } as const, { role: 'Standby', term: 3 } as const]
    a.say(saying(lead, { others: none, carrying: true, takes: new Map([['west', 8]]) }))
    await eventually(() => assert.deepEqual([b.read()[0]?.claim, c.read()[0]?.claim], [lead, none]))
    assert.deepEqual([b.read()[0]?.heard?.carrying, b.read()[0]?.heard?.takes, c.read()[0]?.heard?.takes], [true, undefined, 8])
  })

  test('who answers under another name is not the peer, and is told; under its own name it connects', async () => {
    await using a = await start(east, ports.east, ports.west, { ...west, clusterID: 'north' })
    await using b = await start(west, ports.west, ports.east, east)
    b.say(saying({ role: 'Active', term: 9 }))
    await eventually(() => assert.deepEqual(a.read()[0]?.speaker, { clusterID: 'west', node: 'n1' }))
    const [reading] = a.read()
    assert.equal(reading?.claim, undefined)
    assert.match(JSON.stringify(reading?.link), /its key is held by another gateway/)
    a.set([west])
    await eventually(() => assert.equal(state(a), 'Connected'))
  })

  test('tells when to look who is missed, but not to one that has just stood still itself', async () => {
    const beats: number[] = []
    await using a = await start(east, ports.east, ports.west, west, () => beats.push(performance.now()))
    await using b = await start(west, ports.west, ports.east, east)
    await eventually(() => assert.deepEqual([state(a), state(b)], ['Connected', 'Connected']))
    await eventually(() => assert.ok(beats.length > 2))
    const end = performance.now() + 3 * timing.everyMs
    while (performance.now() < end);
    const awake = performance.now()
    await eventually(() => assert.ok((beats.at(-1) ?? 0) > awake + timing.everyMs))
    assert.deepEqual(
      beats.filter((at) => at > awake && at < awake + timing.everyMs / 2),
      [],
    )
  })

  test('an address that no device has is an error, and nothing stays open', async () => {
    const descriptors = () => readdirSync('/proc/self/fd').length
    const before = descriptors()
    const nowhere = {
      address: '2001:db8::1',
      port: 4790,
      clusterID: 'east',
      node: 'n1',
      bootID: 'aa'.repeat(8),
      onChange: () => undefined,
    }
    for (let n = 0; n < 10; n++)
      await assert.rejects(startPulse({ ...nowhere, log: logger('test', 'silent') }, stop.signal), /EADDRNOTAVAIL/)
    await eventually(() => assert.ok(descriptors() <= before + 1))
  })

  test('a peer that changes its name and term with every message keeps nobody busy', async () => {
    await using a = await start(east, ports.east, ports.west, west)
    const socket = createSocket({ type: 'udp6', ipv6Only: true }).bind(ports.west, '::1')
    await once(socket, 'listening')
    const began = performance.now()
    for (let n = 0; n < 1000; n++) {
      const node = n % 3 === 0 ? 'n1' : `n${n}`
      const claim = { role: 'Active', term: n } as const
      const message = {
        clusterID: 'west',
        node,
        bootID: '00'.repeat(8),
        claim,
        standing: 'Ready',
        carrying: false,
        doubled: false,
        cutOff: false,
        sequence: n + 1,
        sentAt: 1,
        echo: undefined,
        takes: undefined,
      } as const
      await new Promise((resolve) => {
        socket.send(encode(message), ports.east, '::1', resolve)
      })
    }
    await eventually(() => assert.ok(a.read()[0]?.speaker !== undefined))
    assert.ok(changes <= 4 + (2 * (performance.now() - began)) / 100, `told ${changes} times`)
    socket.close()
  })

  test('what is no pulse, or comes from an address of no peer, is passed over', async () => {
    await using a = await start(east, ports.east, ports.west, west)
    const message = {
      clusterID: 'west',
      node: 'n1',
      bootID: '00'.repeat(8),
      claim: { role: 'Active', term: 1 },
      standing: 'Ready',
      carrying: false,
      doubled: false,
      cutOff: false,
      sequence: 1,
      sentAt: 0,
      echo: undefined,
      takes: undefined,
    } as const
    const send = async (bytes: Uint8Array, from: number) => {
      const socket = createSocket({ type: 'udp6', ipv6Only: true }).bind(from, '::1')
      await once(socket, 'listening')
      await new Promise((resolve) => {
        socket.send(bytes, ports.east, '::1', resolve)
      })
      socket.close()
    }
    await send(encode(message), 0)
    await send(Buffer.from('not a pulse'), ports.west)
    await send(encode({ ...message, sequence: 5, claim: { role: 'Standby', term: 2 } }), ports.west)
    await eventually(() => assert.deepEqual(a.read()[0]?.claim, { role: 'Standby', term: 2 }))
    assert.equal(a.read()[0]?.loss, 0, 'the first two were not counted')
  })
})

async function freePort(): Promise<number> {
  const socket = createSocket('udp6').bind(0, '::1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  return port
}
