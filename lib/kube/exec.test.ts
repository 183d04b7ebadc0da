import assert from 'node:assert/strict'
import { apiserver } from '#test/kit/apiserver.ts'
import { isForbidden, isUnauthorized, isUnreachable } from './errors.ts'
import { exec } from './exec.ts'

const run = { namespace: 'shop', pod: 'web', container: 'app', command: ['ip', '-j', 'route', 'show', 'table', 'all'] }
const limits = { ms: 5000, mostBytes: 1_000_000 }
const { signal } = new AbortController()

suite('exec in a pod', () => {
  test('runs what it is told where it is told, and hears both streams and how it ended', async () => {
    await using server = await apiserver()
    const long = 'x'.repeat(100_000)
    server.onExec((asked) => ({ stdout: JSON.stringify(asked), stderr: long, exitCode: 3 }))
    const ran = await exec(server.connection, run, limits, signal)
    assert.deepEqual(JSON.parse(ran.stdout), run)
    assert.equal(ran.exitCode, 3)
    assert.equal(ran.cut, false)
  })

  test('keeps no more than it was told to', async () => {
    await using server = await apiserver()
    server.onExec(() => ({ stdout: 'x'.repeat(100_000) }))
    const ran = await exec(server.connection, run, { ...limits, mostBytes: 50_000 }, signal)
    assert.deepEqual([ran.stdout.length, ran.cut, ran.exitCode], [50_000, true, 0])
  })

  test('what stands in the way is told apart: a refusal, a line that breaks, nobody there', async () => {
    await using server = await apiserver()
    server.fault(() => true, { do: 'status', code: 403, reason: 'Forbidden' })
    await assert.rejects(exec(server.connection, run, limits, signal), isForbidden)
    server.fault(() => true, { do: 'reset' })
    await assert.rejects(exec(server.connection, run, limits, signal), isUnreachable)
    await assert.rejects(exec({ ...server.connection, server: 'http://127.0.0.1:1' }, run, limits, signal), isUnreachable)
  })

  test('a token that is refused is asked for anew', async () => {
    await using server = await apiserver()
    server.accept('second')
    server.onExec(() => ({ stdout: 'hello' }))
    const token = (last: 'accepted' | 'refused') => Promise.resolve(last === 'accepted' ? 'first' : 'second')
    assert.equal((await exec({ ...server.connection, token }, run, limits, signal)).stdout, 'hello')
    await assert.rejects(
      exec({ ...server.connection, token: () => Promise.resolve('first') }, run, limits, signal),
      isUnauthorized,
    )
  })
})
