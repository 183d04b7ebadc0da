// The client of VICI against a server that does what charon does, and what a broken one might. The real charon: test/e2e/ipsec.test.ts.
import assert from 'node:assert/strict'
import type { Server, Socket } from 'node:net'
import { createServer } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { linuxHost } from '../linux.ts'
import { followEvents, vici, ViciClosed, ViciRefused } from './client.ts'
import type { Message, Section } from './message.ts'
import { encodeMessage, nameBytes, textOf } from './message.ts'

const host = linuxHost()
const { signal } = new AbortController()

suite('the client of VICI', () => {
  let folder: string
  let socket: string
  let server: Server
  let connections: Socket[]
  /** What it answers to a packet; undefined: nothing, for ever. */
  let answer: (type: number, name: string) => readonly Buffer[] | undefined

  const packet = (type: number, ...rest: readonly Buffer[]) => {
    const body = Buffer.concat([Buffer.from([type]), ...rest])
    const header = Buffer.alloc(4)
    header.writeUInt32BE(body.length)
    return Buffer.concat([header, body])
  }
  const response = (message: Message) => packet(1, encodeMessage(message))
  const event = (name: string, message: Message) => packet(7, nameBytes(name), encodeMessage(message))
  const confirmed = packet(5)

  async function listen(): Promise<void> {
    connections = []
    server = createServer((connection) => {
      connections.push(connection)
      connection.on('error', () => undefined)
      connection.on('data', (bytes) => {
        const type = bytes[4] ?? 0
        for (const reply of answer(type, bytes.toString('utf8', 6, 6 + (bytes[5] ?? 0))) ?? []) connection.write(reply)
      })
    })
    server.listen(socket)
    await once(server, 'listening')
  }
  async function close(): Promise<void> {
    for (const connection of connections) connection.destroy()
    server.close()
    await once(server, 'close')
  }

  setup(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tombolo-vici-'))
    socket = join(folder, 'vici.sock')
    answer = () => [response({ success: 'yes' })]
    await listen()
  })
  teardown(async () => {
    await close()
    rmSync(folder, { recursive: true, force: true })
  })

  test('gives the answer, or says why there is none', async () => {
    using client = vici(host, socket)
    answer = (_, name) => [
      name === 'good' ? response({ a: 'b' }) : name === 'bad' ? response({ success: 'no', errmsg: 'never' }) : packet(2),
    ]
    assert.equal(textOf(await client.command('good', {}, signal), 'a'), 'b')
    await assert.rejects(client.command('bad', {}, signal), new ViciRefused('bad: never'))
    await assert.rejects(client.command('other', {}, signal), new ViciRefused('charon knows no command other'))
    assert.equal(connections.length, 1)
  })

  test('collects what is told in events until the answer', async () => {
    using client = vici(host, socket)
    answer = (type) =>
      type === 0 ? [event('item', { n: '1' }), event('item', { n: '2' }), event('other', {}), response({})] : [confirmed]
    for (let round = 0; round < 2; round++) {
      const items: (string | undefined)[] = []
      await client.list('list-items', 'item', {}, (item) => items.push(textOf(item, 'n')), signal)
      assert.deepEqual(items, ['1', '2'])
    }
  })

  test('asks one thing after another, whoever asks', async () => {
    using client = vici(host, socket)
    answer = (_, name) => [response({ name })]
    const names = Array.from({ length: 20 }, (_, n) => `c${n}`)
    assert.deepEqual(
      (await Promise.all(names.map((name) => client.command(name, {}, signal)))).map((m) => textOf(m, 'name')),
      names,
    )
  })

  test('does not take an answer that comes too late for the next one’s', async () => {
    using client = vici(host, socket)
    answer = () => undefined
    const stop = new AbortController()
    const asked = client.command('slow', {}, stop.signal)
    while (connections.length === 0) await new Promise(setImmediate)
    stop.abort()
    await assert.rejects(asked)
    answer = () => [response({ of: 'the next' })]
    assert.equal(textOf(await client.command('next', {}, signal), 'of'), 'the next')
    assert.equal(connections.length, 2)
  })

  test('finds another charon after the first has gone', async () => {
    using client = vici(host, socket)
    await client.command('version', {}, signal)
    await close()
    await assert.rejects(client.command('version', {}, signal), ViciClosed)
    await listen()
    await client.command('version', {}, signal)
  })

  const broken: readonly (readonly [string, Buffer])[] = [
    ['no VICI', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['a message that is none', packet(1, Buffer.from([9]))],
    ['something else than was asked', confirmed],
  ]
  for (const [what, bytes] of broken)
    test(`hangs up on who says ${what}`, async () => {
      using client = vici(host, socket)
      answer = () => [bytes]
      await assert.rejects(client.command('version', {}, signal), ViciClosed)
    })

  test('tells of events until charon is gone, and then that it is', async () => {
    const heard: (readonly [string, Section])[] = []
    answer = () => [confirmed]
    const following = followEvents(host, socket, ['a', 'b'], (name, message) => heard.push([name, message]), signal)
    while (connections[0]?.bytesRead !== 14) await new Promise(setImmediate)
    connections[0].write(event('b', { n: '1' }))
    while (heard.length === 0) await new Promise(setImmediate)
    await close()
    await following
    assert.deepEqual(heard, [['b', new Map([['n', '1']])]])
    await listen()
  })

  test('follows no longer than it is wanted, and refuses what charon does not tell', async () => {
    answer = () => [confirmed]
    await followEvents(host, socket, ['a'], () => undefined, AbortSignal.timeout(50))
    answer = () => [packet(6)]
    await assert.rejects(
      followEvents(host, socket, ['a'], () => undefined, signal),
      ViciRefused,
    )
  })
})
