// The sockets, on loopback.
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect, isIPv6 } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import * as packet from 'dns-packet'
import { headless, slice, virtual, zoneOf } from '#test/kit/names.ts'
import { logger } from '#lib/std/log.ts'
import type { Transport } from './respond.ts'
import { responder } from './respond.ts'
import type { DnsServer, TcpLimits } from './server.ts'
import { answerUdp, listen } from './server.ts'

const pods = Array.from({ length: 400 }, (_, i) => `pod-${i} 10.1.${i >> 8}.${i & 255}`)
const respond = responder(
  zoneOf([[virtual('web', ['10.42.0.7'])], [headless('crowd'), slice('c-a', pods, [{ name: 'pg', port: 5432 }])]]),
)

const log = logger('dns', 'silent')
const serve = (addresses: readonly string[] = ['127.0.0.1'], tcp?: TcpLimits): Promise<DnsServer> =>
  listen({ addresses, port: 0, respond, onReply: () => undefined, log, ...(tcp === undefined ? {} : { tcp }) })

const query = (id: number, name = 'web.shop.svc.clusterset.local', type: packet.RecordType = 'A'): Buffer =>
  packet.encode({ type: 'query', id, questions: [{ name, type, class: 'IN' }] })
const framed = (message: Buffer): Buffer => {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(message.length)
  return Buffer.concat([length, message])
}

async function askUdp(address: string, port: number, message: Buffer): Promise<Buffer> {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
  try {
    socket.send(message, port, address)
    const [answer] = (await once(socket, 'message', { signal: AbortSignal.timeout(3000) })) as [Buffer]
    return answer
  } finally {
    socket.close()
  }
}

/** The messages that come until there are `count`, or until the peer hangs up. */
async function answers(socket: Socket, count: number): Promise<readonly Buffer[]> {
  const got: Buffer[] = []
  let pending: Buffer = Buffer.alloc(0)
  for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    pending = Buffer.concat([pending, chunk])
    while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
      const end = 2 + pending.readUInt16BE(0)
      got.push(pending.subarray(2, end))
      pending = pending.subarray(end)
    }
    if (got.length >= count) break
  }
  return got
}

const dial = async (server: DnsServer, from = '127.0.0.1', to = '127.0.0.1'): Promise<Socket> => {
  const socket = connect({ port: server.port, host: to, localAddress: from })
  socket.on('error', () => socket.destroy())
  await once(socket, 'connect')
  return socket
}

const hungUp = async (socket: Socket, within = 3000): Promise<void> => {
  socket.resume()
  if (!socket.destroyed) await once(socket, 'close', { signal: AbortSignal.timeout(within) })
}

suite('DNS server', () => {
  for (const address of ['127.0.0.1', '::1'])
    test(`answers over UDP and TCP on ${address}`, async () => {
      await using server = await serve([address])
      assert.equal(packet.decode(await askUdp(address, server.port, query(7))).id, 7)
      const socket = connect(server.port, address)
      socket.write(framed(query(8)))
      const [answer] = await answers(socket, 1)
      assert.equal(packet.decode(answer!).id, 8)
      socket.destroy()
    })

  test('an address of a family that is not here is passed over, and the others work', async () => {
    // 2001:db8::/32 is for documentation: no machine has it.
    await using server = await serve(['2001:db8::1', '127.0.0.1'])
    assert.deepEqual(server.addresses, ['127.0.0.1'])
    assert.equal(packet.decode(await askUdp('127.0.0.1', server.port, query(1))).id, 1)
  })

  test('a machine with none of the addresses is an error that names them', async () => {
    await assert.rejects(serve(['2001:db8::1', '2001:db8::2']), /2001:db8::1, 2001:db8::2/)
  })

  test('a port that is taken is an error, and nothing stays open', async () => {
    await using first = await serve()
    await assert.rejects(
      listen({ addresses: ['127.0.0.1'], port: first.port, respond, onReply: () => undefined, log }),
      /EADDRINUSE/,
    )
  })

  test('garbage over UDP is passed over, and the next query is answered', async () => {
    await using server = await serve()
    const socket = createSocket('udp4')
    for (const junk of ['', 'x', '\0'.repeat(11), `\0\x01\x80${'\0'.repeat(20)}`]) socket.send(junk, server.port, '127.0.0.1')
    socket.send(query(9), server.port, '127.0.0.1')
    const [answer] = (await once(socket, 'message', { signal: AbortSignal.timeout(3000) })) as [Buffer]
    assert.equal(packet.decode(answer).id, 9)
    socket.close()
  })

  test('an answer that UDP cut short comes whole over TCP', async () => {
    await using server = await serve()
    const ask = query(3, 'crowd.shop.svc.clusterset.local', 'SRV')
    assert.equal(packet.decode(await askUdp('127.0.0.1', server.port, ask)).flag_tc, true)
    const socket = await dial(server)
    socket.write(framed(ask))
    const [answer] = await answers(socket, 1)
    assert.equal(packet.decode(answer!).answers?.length, 400)
    socket.destroy()
  })

  test('queries sent in one go are answered in order, wherever the packets were cut', async () => {
    await using server = await serve()
    const socket = await dial(server)
    const all = Buffer.concat(Array.from({ length: 50 }, (_, i) => framed(query(i))))
    const asking = answers(socket, 50)
    for (let at = 0; at < all.length; at += 97) {
      socket.write(all.subarray(at, at + 97))
      await sleep(0)
    }
    assert.deepEqual(
      (await asking).map((answer) => answer.readUInt16BE(0)),
      Array.from({ length: 50 }, (_, i) => i),
    )
    socket.destroy()
  })

  test('a peer that asks without reading does not fill our memory, and gets everything once it reads', async () => {
    await using server = await serve()
    const socket = await dial(server)
    socket.pause()
    const before = process.memoryUsage().external
    const count = 1500
    for (let i = 0; i < count; i++) socket.write(framed(query(i, 'crowd.shop.svc.clusterset.local', 'SRV')))
    await sleep(300)
    // All answers together would be some 70 MB.
    assert.ok(process.memoryUsage().external - before < 20 << 20)
    const ids = (await answers(socket, count)).map((answer) => answer.readUInt16BE(0))
    assert.equal(ids.length, count)
    assert.equal(ids.at(-1), count - 1)
    socket.destroy()
  })

  test('a peer that speaks something else is hung up on', async () => {
    await using server = await serve()
    for (const bytes of ['GET / HTTP/1.1\r\n\r\n', '\0\x03abc', framed(Buffer.alloc(5000))]) {
      const socket = await dial(server)
      socket.write(bytes)
      await hungUp(socket)
    }
  })

  test('a peer that is quiet, or sends a byte now and then, is hung up on', async () => {
    await using server = await serve(['127.0.0.1'], { mostConnections: 10, mostPerPeer: 10, idleMs: 200 })
    const [quiet, slow] = [await dial(server), await dial(server)]
    const dripping = setInterval(() => slow.write('\0'), 50)
    await Promise.all([hungUp(quiet), hungUp(slow)])
    clearInterval(dripping)
  })

  test('one connection too many costs the one that was quiet the longest', async () => {
    await using server = await serve(['127.0.0.1'], { mostConnections: 2, mostPerPeer: 2, idleMs: 60_000 })
    const first = await dial(server)
    const second = await dial(server)
    first.write(framed(query(1)))
    await answers(first, 1)
    const third = await dial(server)
    await hungUp(second)
    for (const socket of [first, third]) {
      socket.write(framed(query(2)))
      assert.equal((await answers(socket, 1)).length, 1)
      socket.destroy()
    }
  })

  test('one connection too many of one peer costs that peer its own quietest, and nobody else', async () => {
    await using server = await serve(['127.0.0.1'], { mostConnections: 10, mostPerPeer: 2, idleMs: 60_000 })
    const other = await dial(server, '127.0.0.2')
    const crowd = [await dial(server), await dial(server), await dial(server)] as const
    await hungUp(crowd[0])
    for (const socket of [other, crowd[1], crowd[2]]) {
      socket.write(framed(query(4)))
      assert.equal((await answers(socket, 1)).length, 1)
      socket.destroy()
    }
  })

  test('the connections of all addresses count together', async () => {
    await using server = await serve(['127.0.0.1', '127.0.0.2'], { mostConnections: 2, mostPerPeer: 2, idleMs: 60_000 })
    const sockets = [await dial(server), await dial(server, '127.0.0.1', '127.0.0.2'), await dial(server)] as const
    await hungUp(sockets[0])
    for (const socket of sockets) socket.destroy()
  })

  test('a peer that reads nothing of its answers is hung up on', async () => {
    await using server = await serve(['127.0.0.1'], { mostConnections: 10, mostPerPeer: 10, idleMs: 300 })
    const socket = await dial(server)
    socket.pause()
    // More than the buffers of both ends take.
    for (let i = 0; i < 1000; i++) socket.write(framed(query(i, 'crowd.shop.svc.clusterset.local', 'SRV')))
    // It reads nothing, so it learns of it by writing: dial() has it closed by the error.
    const closed = new Promise((resolve) => socket.once('close', resolve))
    const writing = setInterval(() => socket.write(framed(query(1))), 50)
    const waited = await Promise.race([closed.then(() => 'hung up'), sleep(5000, 'still there', { ref: false })])
    clearInterval(writing)
    assert.equal(waited, 'hung up')
  })

  test('a peer that has said all it wanted still gets every answer, and then the end', async () => {
    await using server = await serve()
    const socket = await dial(server)
    socket.end(Buffer.concat(Array.from({ length: 200 }, (_, i) => framed(query(i)))))
    assert.equal((await answers(socket, Infinity)).length, 200)
  })

  test('a long pipeline does not keep others waiting', async () => {
    // Each question takes a millisecond here: 400 in one packet would be as many.
    const busy = (message: Buffer, transport: Transport) => {
      if (transport === 'tcp') for (const until = performance.now() + 1; performance.now() < until;);
      return respond(message, transport)
    }
    await using server = await listen({ addresses: ['127.0.0.1'], port: 0, respond: busy, onReply: () => undefined, log })
    const socket = await dial(server)
    let answered = 0
    const asking = (async () => {
      for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        answered += chunk.length
        if (answered >= 400 * 64) return
      }
    })()
    socket.write(Buffer.concat(Array.from({ length: 400 }, (_, i) => framed(query(i)))))
    await sleep(5)
    await askUdp('127.0.0.1', server.port, query(1))
    const before = answered
    socket.destroy()
    await asking.catch(() => undefined)
    assert.ok(before < 300 * 64, `${before} octets of the pipeline went first`)
  })

  test('while the kernel takes no answers none is made, so that they do not pile up', () => {
    let unsent = 0
    const sent: Buffer[] = []
    const socket = {
      getSendQueueSize: () => unsent,
      send: (message: unknown) => {
        sent.push(message as Buffer)
      },
    }
    const take = answerUdp(socket, { respond, onReply: () => undefined })
    const from = { address: '192.0.2.1', port: 5300 }
    take(query(1), from)
    unsent = 2 << 20
    take(query(2), from)
    unsent = 0
    take(query(3), from)
    take(query(4), { ...from, port: 0 })
    assert.deepEqual(
      sent.map((message) => message.readUInt16BE(0)),
      [1, 3],
    )
  })

  test('stopping hangs up on everybody and frees the port', async () => {
    const server = await serve()
    const socket = await dial(server)
    await server[Symbol.asyncDispose]()
    await hungUp(socket)
    await using again = await listen({ addresses: ['127.0.0.1'], port: server.port, respond, onReply: () => undefined, log })
    assert.equal(again.port, server.port)
  })
})
