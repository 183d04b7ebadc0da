import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

suite('logger', () => {
  test('writes one JSON object a line with its name, the level in words, and an error with its stack', () => {
    const script = `
      const { logger } = await import(${JSON.stringify(join(import.meta.dirname, 'log.ts'))})
      const log = logger('gateway').child({ peer: 'west' })
      log.debug({}, 'unheard')
      log.warn({ err: new Error('oh') }, 'cable down')`
    const lines = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }).trim().split('\n')
    assert.equal(lines.length, 1)
    const line = JSON.parse(lines[0] ?? '') as Record<string, unknown> & { err: { stack: string } }
    assert.deepEqual([line.name, line.peer, line.level, line.msg], ['gateway', 'west', 'warn', 'cable down'])
    assert.match(line.err.stack, /Error: oh/)
  })
})
