import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'

/** A daemon whose work is `body`, in a process of its own. */
function daemonThat(body: string, env: Readonly<Record<string, string>> = { LOG_LEVEL: 'info' }) {
  const program = `
    import { createServer } from 'node:http'
    import { once } from 'node:events'
    import { z } from 'zod'
    import { daemon } from '#lib/serve/daemon.ts'
    import { Misplaced } from '#lib/std/misplaced.ts'
    const schema = z.object({ LOG_LEVEL: z.enum(['info']) })
    await daemon('test', schema, ${JSON.stringify(env)}, async () => { ${body} })`
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
  return { status, stderr }
}

suite('a daemon', () => {
  test('refuses an environment that is not right', () => {
    const { status, stderr } = daemonThat('', {})
    assert.equal(status, 2)
    assert.match(stderr, /^test: the environment is not right\n.*LOG_LEVEL/s)
  })

  test('says in one sentence why it cannot work here, and ends whatever it has begun', () =>
    assert.deepEqual(daemonThat(`setInterval(() => undefined, 1000); throw new Misplaced('not here: go there')`), {
      status: 2,
      stderr: 'test: not here: go there\n',
    }))

  test('says whose port it wants, and that another has it', () => {
    const listens = (port: string) => `await once(createServer().listen({ host: '127.0.0.1', port: ${port} }), 'listening')`
    const taken = `const s = createServer().listen(0, '127.0.0.1'); await once(s, 'listening'); ${listens('s.address().port')}`
    const { status, stderr } = daemonThat(taken)
    assert.equal(status, 2)
    assert.match(stderr, /^test: another program listens on port \d+ already: end it, or set another port in the environment\n$/)
  })

  test('ends as Node does of what nobody can mend from outside', () => {
    const { status, stderr } = daemonThat(`throw new Error('a fault of ours')`)
    assert.equal(status, 1)
    assert.match(stderr, /a fault of ours\n\s+at /)
  })
})
