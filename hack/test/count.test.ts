import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually } from '#test/kit/eventually.ts'
import type { Count } from './count.ts'
import { closing, mochaCount, whatFailed } from './count.ts'

suite('what a run of the tests comes to', () => {
  const good = '\n  12 passing (3s)\n'
  const rows: readonly (readonly [string, string, number, Count])[] = [
    ['all passed', good, 0, { passed: 12, failed: 0, skipped: 0 }],
    ['some were skipped', `${good}  2 pending\n`, 0, { passed: 12, failed: 0, skipped: 2 }],
    ['some failed', `${good}  2 pending\n  3 failing\n\n  1) a\n`, 3, { passed: 12, failed: 3, skipped: 2 }],
    ['it crashed before it had a summary', 'ReferenceError', 1, { passed: 0, failed: 1, skipped: 0 }],
    ['it crashed after the summary', good, 7, { passed: 12, failed: 1, skipped: 0 }],
    ['a title has numbers', '    ✔ 9 passing, 9 failing\n  1 passing (1s)\n', 0, { passed: 1, failed: 0, skipped: 0 }],
  ]
  for (const [what, output, code, wanted] of rows)
    test(`${what}: it is counted`, () => assert.deepEqual(mochaCount(output, code), wanted))

  test('what failed is Mocha’s list, or of any other program the last lines', () => {
    assert.equal(whatFailed('    ✔ a\n  1 passing\n  1 failing\n\n  1) b').trim(), '1 failing\n\n  1) b')
    assert.deepEqual(
      whatFailed(Array.from({ length: 99 }, (_, n) => `${n}`).join('\n'))
        .split('\n')
        .at(0),
      '39',
    )
  })

  test('the last line has what passed and what failed, and nothing else', () => {
    assert.equal(closing([itself(3), itself(4)]), '7 passed, 0 failed')
    const lines = closing([{ passed: 1, failed: 2, skipped: 3 }]).split('\n')
    assert.equal(lines.at(-1), '1 passed, 2 failed')
    assert.match(lines[0] ?? '', /^3 skipped/)
  })

  const itself = (passed: number): Count => ({ passed, failed: 0, skipped: 0 })

  for (const [name, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)
    test(`${name} ends it and all that it started`, async function () {
      this.timeout(60_000)
      const child = spawn(process.execPath, [join(import.meta.dirname, '../test.ts'), '--verify'], {
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      let said = ''
      child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
      const ended = once(child, 'exit')
      const below = () => childrenOf(child.pid ?? 0)
      await eventually(() => assert.ok(below().length >= 5), 20_000)
      const started = below()
      child.kill(name)
      assert.deepEqual(await ended, [code, null], said)
      assert.match(said, /interrupted; nothing of it is left$/m)
      assert.deepEqual(
        started.filter((pid) => isAlive(pid)),
        [],
      )
    })
})

const childrenOf = (pid: number): readonly string[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)

/** A child whose end nobody has taken note of yet is no more. */
const isAlive = (pid: string): boolean =>
  existsSync(`/proc/${pid}/stat`) && !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
