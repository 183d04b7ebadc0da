import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import type { ApiServer } from '#test/kit/apiserver.ts'
import { apiserver, writes } from '#test/kit/apiserver.ts'
import { eventually } from '#test/kit/eventually.ts'
import { logger } from '#lib/std/log.ts'
import type { Kube } from './client.ts'
import { kube } from './client.ts'
import { isForbidden, isUnauthorized, isUnreachable, StatusError } from './errors.ts'
import type { ConfigMap } from './kinds.ts'
import { configMaps } from './kinds.ts'

const quiet = logger('test', 'silent')
const never = new AbortController().signal
const key = { namespace: 'n', name: 'a' }
const map: ConfigMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: key }
const any = () => true

suite('client', () => {
  let server: ApiServer
  let client: Kube
  setup(async () => {
    server = await apiserver()
    client = kube(server.connection, quiet)
  })
  teardown(async () => {
    await client[Symbol.asyncDispose]()
    await server[Symbol.asyncDispose]()
  })

  test('requests one after the other share one connection', async () => {
    for (let i = 0; i < 20; i++) await client.get(configMaps, key, never)
    assert.equal(new Set(server.requests.map(({ socket }) => socket)).size, 1)
  })

  test('a stream that nobody reads to its end is closed', async () => {
    let open = 0
    const endless = createServer((_, answer) => {
      open++
      answer.on('close', () => open--)
      answer.write('{}\n')
    })
    await once(endless.listen(0, '127.0.0.1'), 'listening')
    const { port } = endless.address() as AddressInfo
    await using other = kube({ ...server.connection, server: `http://127.0.0.1:${port}` }, quiet)
    for await (const _ of other.stream({ method: 'GET', path: '/x' }, 40_000, never)) break
    await eventually(() => assert.equal(open, 0))
    endless.close()
  })

  test('an answer may come compressed, and a stream is not asked for like that', async () => {
    const asked: unknown[] = []
    const text = JSON.stringify({ data: 'x'.repeat(1000) })
    const packing = createServer((request, answer) => {
      asked.push(request.headers['accept-encoding'])
      const isAsked = request.headers['accept-encoding'] === 'gzip'
      answer.writeHead(200, isAsked ? { 'content-encoding': 'gzip' } : {}).end(isAsked ? gzipSync(text) : `${text}\n`)
    })
    await once(packing.listen(0, '127.0.0.1'), 'listening')
    const { port } = packing.address() as AddressInfo
    // With an agent of its own, as behind a proxy, answers and streams share it.
    for (const through of [{}, { agent: new Agent() }]) {
      await using other = kube({ ...server.connection, server: `http://127.0.0.1:${port}`, ...through }, quiet)
      const ask = { method: 'GET', path: '/x' } as const
      assert.deepEqual(await other.request(ask, never), JSON.parse(text))
      for await (const line of other.stream(ask, 40_000, never)) assert.deepEqual(line, JSON.parse(text))
      assert.deepEqual(asked.splice(0), ['gzip', undefined])
    }
    packing.close()
  })

  test('an answer that is too long, as it comes or unpacked, and a line without an end are given up', async () => {
    const piece = Buffer.alloc(2 ** 20, ' ')
    const bomb = gzipSync(Buffer.alloc(257 * piece.length, ' '), { level: 1 })
    const flooding = createServer((request, answer) => {
      if (request.url === '/bomb') {
        answer.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb)
        return
      }
      const more = () => {
        while (!answer.destroyed && answer.write(piece));
      }
      answer.on('drain', more)
      more()
    })
    await once(flooding.listen(0, '127.0.0.1'), 'listening')
    const { port } = flooding.address() as AddressInfo
    await using other = kube({ ...server.connection, server: `http://127.0.0.1:${port}` }, quiet)
    const why = async (asked: Promise<unknown>, wanted: RegExp) =>
      assert.rejects(asked, (error) => isUnreachable(error) && wanted.test((error as Error).message))
    await why(other.request({ method: 'GET', path: '/bomb' }, never), /bomb/)
    await why(other.request({ method: 'GET', path: '/endless' }, never), /more than 268435456 bytes/)
    await why(other.stream({ method: 'GET', path: '/endless' }, 40_000, never).next(), /more than 268435456 bytes/)
    flooding.closeAllConnections()
    flooding.close()
  }).timeout(90_000)

  test('when the server puts a request off, it waits as long as told and asks again', async () => {
    server.fault(any, { do: 'status', code: 429, retryAfterSeconds: 1 })
    server.fault(any, { do: 'status', code: 503, retryAfterSeconds: 0 })
    const began = performance.now()
    await client.apply(configMaps, map, { fieldManager: 'x' }, never)
    assert.ok(performance.now() - began > 950)
    assert.equal(server.requests.length, 3)
  })

  test('a create is asked again only when it surely was not carried out', async () => {
    server.fault(any, { do: 'status', code: 429, retryAfterSeconds: 0 })
    await client.create(configMaps, map, {}, never)
    assert.equal(server.requests.length, 2)
    server.fault(any, { do: 'status', code: 504, retryAfterSeconds: 0 })
    await assert.rejects(client.create(configMaps, map, {}, never), (error) => error instanceof StatusError && error.code === 504)
    assert.equal(server.requests.length, 3)
  })

  test('a server that is always too busy is an error in the end', async () => {
    server.fault(any, { do: 'status', code: 429, retryAfterSeconds: 0 }, Infinity)
    await assert.rejects(client.get(configMaps, key, never), (error) => error instanceof StatusError && error.code === 429)
  })

  test('any other refusal is not repeated and says what was asked and why not', async () => {
    server.fault(any, { do: 'status', code: 403, reason: 'Forbidden' })
    await assert.rejects(client.apply(configMaps, map, { fieldManager: 'x' }, never), (error) => {
      assert.ok(isForbidden(error))
      assert.equal(error.message, 'PATCH /api/v1/namespaces/n/configmaps/a: 403 Forbidden: scripted by the test')
      return true
    })
    assert.equal(server.requests.length, 1)
  })

  test('a kept connection that the server closed is not an error, nor is a write lost or doubled', async () => {
    await client.get(configMaps, key, never)
    server.fault(({ verb }) => verb === 'apply', { do: 'reset' })
    await client.apply(configMaps, map, { fieldManager: 'x' }, never)
    assert.equal(writes(server).length, 2)
    server.fault(({ verb }) => verb === 'create', { do: 'lose-answer' })
    const second = { ...map, metadata: { ...key, name: 'b' } }
    await assert.rejects(client.create(configMaps, second, {}, never), isUnreachable)
    assert.ok(server.read(configMaps, { ...key, name: 'b' }) !== undefined)
  })

  test('a refused connection names the server and the cause', async () => {
    await using dead = kube({ server: 'http://127.0.0.1:1', token: () => Promise.resolve(undefined) }, quiet)
    await assert.rejects(
      dead.get(configMaps, key, never),
      (error) => isUnreachable(error) && error.message.includes('ECONNREFUSED'),
    )
  })

  test('a request that hangs ends with its owner', async () => {
    server.fault(any, { do: 'silence' })
    const owner = new AbortController()
    const hanging = client.get(configMaps, key, owner.signal)
    await eventually(() => assert.equal(server.requests.length, 1))
    owner.abort()
    await assert.rejects(hanging, { name: 'AbortError' })
  })

  test('a refused token is asked for once more', async () => {
    server.accept('new')
    const asked: string[] = []
    const token = (last: 'accepted' | 'refused') => {
      asked.push(last)
      return Promise.resolve(last === 'refused' ? 'new' : 'old')
    }
    await using rotated = kube({ ...server.connection, token }, quiet)
    await rotated.create(configMaps, map, {}, never)
    assert.deepEqual(asked, ['accepted', 'refused'])
    await using stale = kube({ ...server.connection, token: () => Promise.resolve('old') }, quiet)
    await assert.rejects(stale.get(configMaps, key, never), isUnauthorized)
  })

  test('the escape hatch asks for a token of a service account', async () => {
    const path = '/api/v1/namespaces/n/serviceaccounts/member/token'
    const answer = await client.request({ method: 'POST', path, body: { metadata: { name: 'member' } } }, never)
    assert.equal((answer as { status: { token: string } }).status.token, 'token-of-member')
  })
})
