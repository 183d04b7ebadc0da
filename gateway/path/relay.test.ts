import assert from 'node:assert/strict'
import type { Socket } from 'node:dgram'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { Socket as TcpSocket } from 'node:net'
import { connect as tcp } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { connect, createServer } from 'node:tls'
import { readCertificate } from '#lib/pki/certificate.ts'
import type { Trust } from '#lib/pki/trust.ts'
import { serialOf } from '#lib/pki/trust.ts'
import type { Logger } from '#lib/std/log.ts'
import { logger } from '#lib/std/log.ts'
import { eventually } from '#test/kit/eventually.ts'
import type { Issued } from '#test/kit/test-ca.ts'
import { testCA } from '#test/kit/test-ca.ts'
import type { Frame } from './frame.ts'
import { encodeFrame, FrameReader, gatewayIDOf, gatewaysIn, hereFrame } from './frame.ts'
import { frameCost } from './inbox.ts'
import { RelayLink } from './link.ts'
import { maxWaiting } from './outbox.ts'
import { Rate } from './rate.ts'
import type { Relay, RelayLimits } from './relay.ts'
import { secretsOf, startRelay } from './relay.ts'

const log = logger('test', 'silent')
const { signal } = new AbortController()
const ca = testCA()
const [relayed, east, east2, west] = ['hub', 'east', 'east-2', 'west'].map((name) =>
  ca.issue(`n1.${name}.gateway.tombolo.dev`),
) as [Issued, Issued, Issued, Issued]
const proof = ({ key, certificate }: Issued) => ({ key, pem: certificate })
const trustOf = (...denied: readonly Issued[]): Trust => ({
  roots: [readCertificate(ca.root) ?? assert.fail()],
  denied: {
    keys: new Set(),
    serials: new Set(denied.map(({ certificate }) => serialOf(readCertificate(certificate) ?? assert.fail()))),
  },
})
const members = new Map([
  [east.dnsName, 'east'],
  [east2.dnsName, 'east'],
  [west.dnsName, 'west'],
])
const id = ({ dnsName }: Issued) => gatewayIDOf(dnsName)

suite('a relay', function () {
  this.timeout(20_000)
  let relay: Relay
  let opened: (TcpSocket | TLSSocket | Socket)[]

  setup(() => {
    opened = []
  })
  teardown(async () => {
    for (const socket of opened) if ('destroy' in socket) socket.destroy()
    await relay[Symbol.asyncDispose]()
  })
  const start = async (limits: Partial<RelayLimits> = {}) => {
    relay = await startRelay({ port: 0, limits, log }, { own: proof(relayed), trust: trustOf(), gateways: members }, signal)
  }

  /** A gateway by hand: what it hears, and a way to say anything. */
  async function speak(as: Issued | undefined): Promise<{ socket: TLSSocket; heard: Frame[]; ended: () => boolean }> {
    const secrets = as === undefined ? {} : secretsOf(proof(as))
    const socket = connect({ host: '127.0.0.1', port: relay.port, ...secrets, rejectUnauthorized: false })
    opened.push(socket)
    let isOver = false
    socket.on('error', () => undefined)
    socket.once('close', () => {
      isOver = true
    })
    const heard: Frame[] = []
    const reader = new FrameReader()
    socket.on('data', (chunk: Buffer) => heard.push(...(reader.push(chunk) ?? assert.fail('malformed'))))
    await Promise.race([once(socket, 'secureConnect'), once(socket, 'close')]).catch(() => undefined)
    return { socket, heard, ended: () => isOver }
  }
  const datagrams = (heard: readonly Frame[]) => heard.flatMap((f) => (f.type === 'Datagram' ? [f] : []))
  const isHere = (heard: readonly Frame[], who: Issued) => {
    const here = heard.findLast((f) => f.type === 'Here')
    return here !== undefined && gatewaysIn(here.bytes).includes(id(who))
  }
  const say = (socket: TLSSocket, to: Issued, bytes: Buffer) =>
    socket.write(encodeFrame({ type: 'Datagram', gateway: id(to), bytes }))
  const until = (holds: () => boolean) => eventually(() => assert.ok(holds()))

  test('passes datagrams between gateways of two clusters as they are, under the name of who sent them', async () => {
    await start()
    const [a, b] = [await speak(east), await speak(west)]
    await until(() => isHere(a.heard, west) && isHere(b.heard, east))
    const bytes = Buffer.from([4, 0, 0, 0, 255, 1])
    say(a.socket, west, bytes)
    await until(() => datagrams(b.heard).length === 1)
    assert.deepEqual(datagrams(b.heard), [{ type: 'Datagram', gateway: id(east), bytes }])
    assert.deepEqual(relay.read(), { connections: 2, forwarded: 1, dropped: 0 })
  })

  test('knows no way to itself, to the same cluster, or to who is not connected', async () => {
    await start()
    const [a, second] = [await speak(east), await speak(east2)]
    await until(() => relay.read().connections === 2)
    for (const to of [relayed, east, east2, west]) say(a.socket, to, Buffer.from('x'))
    await until(() => relay.read().dropped === 4)
    assert.deepEqual([relay.read().forwarded, datagrams(a.heard), datagrams(second.heard)], [0, [], []])
    assert.ok(!isHere(a.heard, east2))
  })

  test('sends away who has no certificate, one of another CA, one that ran out, or is no member', async () => {
    await start()
    const stranger = ca.issue('n1.stranger.gateway.tombolo.dev')
    const expired = ca.issue(east.dnsName, { hours: -0.5 })
    for (const who of [undefined, testCA().issue(east.dnsName), expired, stranger]) {
      const { ended, socket, heard } = await speak(who)
      if (!ended()) say(socket, west, Buffer.from('x'))
      await until(ended)
      assert.deepEqual(heard, [])
    }
    assert.deepEqual(relay.read(), { connections: 0, forwarded: 0, dropped: 0 })
  })

  test('closes the connection of who is revoked or a member no more, and of nobody else', async () => {
    for (const change of [
      { trust: trustOf(east), gateways: members },
      { trust: trustOf(), gateways: new Map([...members].filter(([, cluster]) => cluster !== 'east')) },
      { trust: { ...trustOf(), roots: [] }, gateways: members },
    ]) {
      await start()
      const [a, b] = [await speak(east), await speak(west)]
      await until(() => relay.read().connections === 2)
      relay.set({ own: proof(relayed), ...change })
      await until(a.ended)
      assert.equal(b.ended(), change.trust.roots.length === 0)
      const again = await speak(east)
      await until(again.ended)
      await relay[Symbol.asyncDispose]()
    }
    await start()
  })

  test('takes a gateway that comes back in the place of its former connection', async () => {
    await start()
    const former = await speak(east)
    await until(() => relay.read().connections === 1)
    const [b, now] = [await speak(west), await speak(east)]
    await until(() => former.ended() && isHere(b.heard, east))
    say(b.socket, east, Buffer.from('to whom?'))
    await until(() => datagrams(now.heard).length === 1)
    assert.deepEqual(datagrams(former.heard), [])
  })

  test('ends a conversation at the first word that is no frame', async () => {
    await start()
    const [a, b] = [await speak(east), await speak(west)]
    await until(() => relay.read().connections === 2)
    a.socket.write(Buffer.from('GET / HTTP/1.1\r\n\r\n'))
    await until(a.ended)
    assert.equal(b.ended(), false)
  })

  test('gives no place to who connects and says nothing, or says it slowly, and goes on for others meanwhile', async () => {
    await start({ handshakeMs: 600, strangersOfOne: 4, strangers: 6 })
    const slow = Array.from({ length: 12 }, () => tcp({ host: '127.0.0.1', port: relay.port }))
    opened.push(...slow)
    const ended = new Set<TcpSocket>()
    for (const socket of slow) socket.on('error', () => undefined).once('close', () => ended.add(socket))
    await until(() => ended.size === 8)
    // A byte at a time is as slow.
    for (const socket of slow) if (!ended.has(socket)) socket.write(Buffer.from([22]))
    await until(() => ended.size === 12)
    const a = await speak(east)
    await until(() => relay.read().connections === 1)
    assert.equal(a.ended(), false)
  })

  test('lets a gateway in while others hold all places and say nothing', async () => {
    await start({ strangersOfOne: 4 })
    const silent = Array.from({ length: 12 }, () => tcp({ host: '127.0.0.1', port: relay.port }))
    opened.push(...silent)
    const ended = new Set<TcpSocket>()
    for (const socket of silent) socket.on('error', () => undefined).once('close', () => ended.add(socket))
    await until(() => ended.size === 8)
    const a = await speak(east)
    await until(() => relay.read().connections === 1)
    assert.equal(a.ended(), false)
    await until(() => ended.size === 9)
  })

  test('lets go of who falls silent, even while others send to it', async () => {
    await start({ silentMs: 800 })
    const [a, b] = [await speak(east), await speak(west)]
    await until(() => relay.read().connections === 2)
    const sending = setInterval(() => say(a.socket, west, Buffer.from('are you there?')), 50)
    await until(b.ended)
    assert.equal(a.ended(), false)
    clearInterval(sending)
    await until(a.ended)
    assert.equal(relay.read().connections, 0)
  })

  test('drops what is more than one gateway may send, and serves the others', async () => {
    await start({ bytesPerSecond: 100_000 })
    const [a, b] = [await speak(east), await speak(west)]
    await until(() => isHere(a.heard, west))
    for (let i = 0; i < 200; i++) say(a.socket, west, Buffer.alloc(1000, i))
    await until(() => relay.read().forwarded + relay.read().dropped === 200)
    const { forwarded } = relay.read()
    assert.ok(forwarded >= 20 && forwarded < 60, `${forwarded}`)
    say(b.socket, east, Buffer.from('answer'))
    await until(() => datagrams(a.heard).length === 1)
  })

  test('counts small datagrams for the work that they are', async () => {
    await start({ bytesPerSecond: 100_000 })
    const [a, b] = [await speak(east), await speak(west)]
    await until(() => isHere(a.heard, west) && isHere(b.heard, east))
    const began = performance.now()
    for (let i = 0; i < 2000; i++) say(a.socket, west, Buffer.from([i & 255]))
    await until(() => relay.read().forwarded + relay.read().dropped === 2000)
    const most = (100 * (performance.now() - began + 200)) / (frameCost + 1)
    const { forwarded } = relay.read()
    assert.ok(forwarded >= 150 && forwarded <= most, `${forwarded} of at most ${most}`)
  })

  test('answers a flood of pings once a second, and serves others meanwhile', async () => {
    await start({ bytesPerSecond: 100_000 })
    const [a, b] = [await speak(east), await speak(west)]
    await until(() => isHere(a.heard, west) && isHere(b.heard, east))
    const many = 100_000
    const pings = Buffer.concat(Array.from({ length: many }, () => encodeFrame({ type: 'Ping', bytes: Buffer.alloc(8, 1) })))
    const began = performance.now()
    let isTaken = false
    a.socket.write(pings, () => {
      isTaken = true
    })
    say(b.socket, east, Buffer.from('of another'))
    await until(() => datagrams(a.heard).length === 1)
    await until(() => isTaken && a.heard.some((f) => f.type === 'Pong'))
    const seconds = Math.ceil((performance.now() - began) / 1000)
    const pongs = a.heard.filter((f) => f.type === 'Pong').length
    assert.ok(pongs >= 1 && pongs <= seconds + 1, `${pongs} in ${seconds} s`)
    assert.equal(a.heard.filter((f) => f.type === 'Here').length, 1)
  })

  test('says who is here when that changes, to those for whom it does, and once for many changes', async () => {
    await start()
    const a = await speak(east)
    const second = await speak(east2)
    await until(() => a.heard.some((f) => f.type === 'Here') && second.heard.some((f) => f.type === 'Here'))
    const heres = (heard: readonly Frame[]) => heard.filter((f) => f.type === 'Here')
    const before = heres(a.heard).length
    for (let i = 0; i < 10; i++) (await speak(west)).socket.destroy()
    const b = await speak(west)
    await until(() => isHere(a.heard, west) && isHere(b.heard, east) && isHere(b.heard, east2))
    assert.ok(heres(a.heard).length - before <= 4, `${heres(a.heard).length - before}`)
    assert.ok(!isHere(a.heard, east2))
    // Of its own cluster nobody hears anything.
    const told = heres(a.heard).length
    second.socket.destroy()
    await until(() => !isHere(b.heard, east2))
    assert.equal(heres(a.heard).length, told)
  })

  test('keeps little for who does not read, and that is the newest', async () => {
    await start({ bytesPerSecond: 1e9 })
    const [a, b] = [await speak(east), await speak(west)]
    await until(() => isHere(a.heard, west))
    b.socket.pause()
    const bytes = (i: number) => Buffer.concat([Buffer.from([i >> 8, i & 255]), Buffer.alloc(8000)])
    const many = 3000
    for (let i = 0; i < many; i++) {
      say(a.socket, west, bytes(i))
      if (i % 50 === 0) await new Promise(setImmediate)
    }
    await until(() => relay.read().forwarded === many)
    await until(() => relay.read().dropped > many - maxWaiting - 1000)
    b.socket.resume()
    await until(() => datagrams(b.heard).at(-1)?.bytes.readUInt16BE() === many - 1)
  })

  test('two gateways talk through it over sockets on loopback, and find each other again when it restarts', async () => {
    await start()
    const { port } = relay
    const place = { name: 'hub', dnsName: relayed.dnsName, places: [{ address: '127.0.0.1', port }] }
    /** In the place of WireGuard. */
    const wireguard = async () => {
      const socket = createSocket('udp4')
      socket.bind(0, '127.0.0.1')
      await once(socket, 'listening')
      return socket
    }
    const ends = await Promise.all(
      [east, west].map(async (own) => {
        const socket = await wireguard()
        const link = new RelayLink(place, () => ({ own: proof(own), trust: trustOf() }), socket.address().port, log)
        return { own, socket, link, door: await link.door(id(own === east ? west : east)) }
      }),
    )
    const [a, b] = ends as [(typeof ends)[0], (typeof ends)[0]]
    try {
      const crosses = async (text: string) => {
        const arrived = once(b.socket, 'message')
        a.socket.send(text, a.door.at.port, a.door.at.address)
        const [bytes, from] = (await arrived) as [Buffer, { port: number }]
        assert.deepEqual([bytes.toString(), from.port], [text, b.door.at.port])
      }
      const areBoth = () => a.link.rttTo(id(west)) !== undefined && b.link.rttTo(id(east)) !== undefined
      await until(areBoth)
      await crosses('sealed')
      // Of another program of this machine nothing is taken.
      const other = await wireguard()
      other.send('forged', a.door.at.port, a.door.at.address)
      await crosses('sealed again')
      other.close()
      // While the cable goes over to a straight way, what comes through the relay waits until WireGuard can be told again.
      b.door.straight([{ address: '127.0.0.1', port: 9 }], 'only')
      const before = b.door.received()
      const came = once(b.socket, 'message')
      a.socket.send('held', a.door.at.port, a.door.at.address)
      await until(() => b.door.received() > before)
      assert.equal(await Promise.race([came, new Promise((resolve) => setImmediate(resolve, 'nothing'))]), 'nothing')
      assert.ok(b.door.release())
      assert.equal(((await came)[0] as Buffer).toString(), 'held')
      // In the end it is let go, or both ends would answer each other through the door for ever.
      b.door.straight([{ address: '127.0.0.1', port: 9 }], 'closing')
      const atLast = b.door.received()
      a.socket.send('late', a.door.at.port, a.door.at.address)
      await until(() => b.door.received() > atLast)
      assert.equal(b.door.release(), false)
      b.door.straight([], 'also')
      await crosses('open again')
      await relay[Symbol.asyncDispose]()
      await until(() => a.link.rttTo(id(west)) === undefined)
      relay = await startRelay({ port, log }, { own: proof(relayed), trust: trustOf(), gateways: members }, signal)
      await until(areBoth)
      await crosses('after')
    } finally {
      for (const { socket, link } of ends) {
        await link[Symbol.asyncDispose]()
        socket.close()
      }
    }
  })

  test('a relay is as near as it answers what it was asked, and gone when it answers no more', async () => {
    await start()
    const delayMs = 80
    let [answers, talks] = [false, 0]
    const sockets: TLSSocket[] = []
    const hostile = createServer({ ...secretsOf(proof(relayed)), requestCert: true, rejectUnauthorized: false }, (socket) => {
      sockets.push(socket)
      talks++
      const reader = new FrameReader()
      socket.on('error', () => undefined)
      socket.write(encodeFrame(hereFrame([id(west)])))
      // Of its own accord, and of what it was not asked.
      for (let i = 0; i < 100; i++) socket.write(encodeFrame({ type: 'Pong', bytes: Buffer.alloc(8, i) }))
      socket.on('data', (chunk: Buffer) => {
        for (const frame of reader.push(chunk) ?? [])
          if (frame.type === 'Ping' && answers) setTimeout(() => socket.write(encodeFrame({ ...frame, type: 'Pong' })), delayMs)
      })
    }).listen(0, '127.0.0.1')
    await once(hostile, 'listening')
    const address = hostile.address()
    const port = typeof address === 'object' && address !== null ? address.port : assert.fail()
    const place = { name: 'hub', dnsName: relayed.dnsName, places: [{ address: '127.0.0.1', port }] }
    try {
      await using link = new RelayLink(place, () => ({ own: proof(east), trust: trustOf() }), 9, log)
      await until(() => talks === 1 && (sockets[0]?.bytesRead ?? 0) > 0)
      assert.equal(link.rttTo(id(west)), undefined)
      assert.ok(link.downFor(performance.now()) > 0)
      answers = true
      await until(() => link.rttTo(id(west)) !== undefined)
      assert.ok((link.rttTo(id(west)) ?? 0) >= delayMs)
      assert.equal(link.downFor(performance.now() + 60_000), 0)
      // It still writes, and takes what we write.
      answers = false
      const writing = setInterval(() => sockets[0]?.write(encodeFrame(hereFrame([id(west)]))), 200)
      await eventually(() => assert.equal(link.rttTo(id(west)), undefined), 12_000)
      clearInterval(writing)
      assert.ok(link.downFor(performance.now() + 60_000) >= 60_000)
    } finally {
      for (const socket of sockets) socket.destroy()
      hostile.close()
    }
  })

  test('a key that is not the certificate’s is no end of the link: it is said once, and the relay is used when they fit', async () => {
    await start()
    const place = { name: 'hub', dnsName: relayed.dnsName, places: [{ address: '127.0.0.1', port: relay.port }] }
    let [own, asked, said] = [{ ...proof(east), key: west.key }, 0, 0]
    const heard = { ...log, warn: () => said++ } as unknown as Logger
    const terms = () => {
      asked++
      return { own, trust: trustOf() }
    }
    await using link = new RelayLink(place, terms, 9, heard)
    await until(() => asked > 2)
    assert.equal(said, 1)
    own = proof(east)
    await speak(west)
    await until(() => link.rttTo(id(west)) !== undefined)
  })

  test('a gateway takes nobody for a relay but the one it was told of', async () => {
    await start()
    const place = { name: 'hub', dnsName: 'n2.hub.gateway.tombolo.dev', places: [{ address: '127.0.0.1', port: relay.port }] }
    let refused = 0
    const heard = { ...log, warn: () => refused++ } as unknown as Logger
    await using link = new RelayLink(place, () => ({ own: proof(east), trust: trustOf() }), 9, heard)
    await until(() => refused > 1)
    assert.equal(link.rttTo(id(west)), undefined)
  })
})

suite('the rate of a relay', () => {
  test('is kept over any time, after what may come at once', () => {
    const rate = new Rate(1000, 500, 0)
    assert.deepEqual(
      [rate.take(500, 0), rate.take(1, 0), rate.take(100, 100), rate.take(1, 100), rate.take(501, 9_000)],
      [true, false, true, false, false],
    )
  })
})
