import assert from 'node:assert/strict'
import { get } from 'node:http'
import { Counter, Registry } from 'prom-client'
import { tellRun } from '#lib/kube/runs.ts'
import { serve } from './server.ts'

const ask = (port: number, path: string) =>
  new Promise<{ code: number; body: string; type: string }>((resolve, reject) => {
    get({ port, path, agent: false }, (response) => {
      let body = ''
      response.on('data', (chunk: Buffer) => (body += chunk.toString()))
      response.on('end', () => resolve({ code: response.statusCode ?? 0, body, type: response.headers['content-type'] ?? '' }))
    }).on('error', reject)
  })

suite('health server', () => {
  test('tells metrics, health, and why we are not ready; ends with the signal', async () => {
    const stop = new AbortController()
    const registry = new Registry()
    new Counter({ name: 'cables_total', help: 'Cables.', registers: [registry] }).inc()
    let reasons = ['store of nodes is not synced', 'no gateway']
    const { port } = await serve({ port: 0, host: '127.0.0.1', ready: () => reasons, registry }, stop.signal)

    const metrics = await ask(port, '/metrics')
    assert.match(metrics.body, /^cables_total 1$/m)
    assert.match(metrics.body, /^process_cpu_seconds_total \d+\.\d+$/m)
    assert.match(metrics.body, /^nodejs_eventloop_active_seconds_total \d/m)
    assert.match(metrics.type, /^text\/plain; version=/)
    assert.equal((await ask(port, '/healthz')).code, 200)
    assert.deepEqual(await ask(port, '/readyz?verbose').then(({ code, body }) => [code, body]), [503, `${reasons.join('\n')}\n`])
    reasons = []
    assert.equal((await ask(port, '/readyz')).code, 200)
    assert.equal((await ask(port, '/else')).code, 404)
    stop.abort()
    await assert.rejects(ask(port, '/healthz'))
  })

  test('counts what controllers do, without being handed to them', async () => {
    const stop = new AbortController()
    const { port } = await serve({ port: 0, host: '127.0.0.1', ready: () => [], registry: new Registry() }, stop.signal)
    tellRun({ controller: 'imports', outcome: 'settled', seconds: 0.01, waiting: 3 })
    const { body } = await ask(port, '/metrics')
    assert.match(body, /^tombolo_reconcile_seconds_count\{controller="imports",outcome="settled"\} 1$/m)
    assert.match(body, /^tombolo_reconcile_waiting\{controller="imports"\} 3$/m)
    stop.abort()
    tellRun({ controller: 'imports', outcome: 'settled', seconds: 0.01, waiting: 0 })
  })

  test('a port that is taken is an error', async () => {
    const stop = new AbortController()
    const on = (port: number) => serve({ port, host: '127.0.0.1', ready: () => [], registry: new Registry() }, stop.signal)
    const { port } = await on(0)
    await assert.rejects(on(port), /EADDRINUSE/)
    stop.abort()
  })
})
