import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { allowedLog, logFields } from './log-text.ts'
import { expanded } from './pick.ts'

const time = '2026-11-25T20:41:46.123456789Z'
const canary = 'kittiwake'
const lines = (...all: readonly string[]) => all.map((line) => `${time} ${line}\n`).join('')

suite('the log of a program in a bundle', () => {
  test('has what is on the list, in the order it was said', () => {
    const said = lines(
      '{"level":"info","time":"2026-11-25T20:41:46.123Z","name":"operator","controller":"mcs","key":"shop/web","msg":"settled"}',
      '{"level":"warn","name":"gateway","refused":[{"about":"west-1","says":"no"}],"msg":"some peers are not taken"}',
    )
    assert.match(
      allowedLog(said),
      /^2026-11-25T20:41:46\.123456789Z \{.*"msg":"settled".*"controller":"mcs","key":"shop\/web"\}\n/,
    )
    assert.match(allowedLog(said), /"refused":\[\{"about":"west-1","says":"no"\}\]/)
    assert.doesNotMatch(allowedLog(said), /left out/)
  })

  test('T18: of a field that nobody named is nothing but the count, whatever is below it', () => {
    const text = allowedLog(
      lines(
        `{"level":"info","msg":"renewed","answer":"${canary}","body":{"a":"${canary}","b":["${canary}","${canary}"]}}`,
        `{"level":"info","msg":{"text":"${canary}"},"key":"shop/web"}`,
        `{"${canary}":1}`,
        `["${canary}"]`,
      ),
    )
    assert.ok(!text.includes(canary), text)
    assert.match(text, /"msg":"renewed"/)
    assert.match(text, /\n\(left out: 5 fields that are not on the list, 2 lines of other text\)\n$/)
  })

  test('T18: of a crash are the kind of error and where it was, not what it says', () => {
    const crash = [
      'file:///app/operator.mjs:1234',
      `  throw new TypeError(\`no such ${canary}\`)`,
      '        ^',
      '',
      `TypeError [ERR_INVALID_URL]: Invalid URL ${canary}`,
      '    at new URL (node:internal/url:816:29)',
      '    at async Operator.<anonymous> (file:///app/operator.mjs:1234:9)',
      '    at /app/operator.mjs:17:3',
      `    at data:text/javascript,${canary}:1:2`,
      `    at eval (eval at ${canary} (file:///app/a.mjs:1:1), <anonymous>:1:1)`,
      `  input: '${canary}',`,
      '',
      'Node.js v24.11.0',
    ]
    assert.equal(
      allowedLog(lines(...crash)),
      lines(
        'file:///app/operator.mjs:1234',
        'TypeError [ERR_INVALID_URL]: …',
        '    at new URL (node:internal/url:816:29)',
        '    at async Operator.<anonymous> (file:///app/operator.mjs:1234:9)',
        '    at /app/operator.mjs:17:3',
        'Node.js v24.11.0',
      ) + '(left out: 0 fields that are not on the list, 8 lines of other text)\n',
    )
    const memory = 'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory'
    assert.match(allowedLog(lines(`<--- ${canary} --->`, memory)), /^\S+ JavaScript heap out of memory\n\(left out: 0 .* 2 lines/)
  })

  test('T18: no text without a form passes, however it is cut', () => {
    for (const line of [
      canary,
      `{"msg":"${canary}`,
      `Error ${canary}`,
      `    at ${canary}:1:1`,
      `    at ${canary} (${canary})`,
      `Node.js ${canary}`,
    ])
      assert.ok(!allowedLog(lines(line)).includes(canary), line)
    assert.equal(allowedLog(''), '')
  })

  test('the list has every field that our programs log', () => {
    const root = join(import.meta.dirname, '../..')
    const tops = new Set(logFields.flatMap(expanded).map((path) => path.split('.')[0]))
    const named = globSync('{broker,dns,gateway,lib,operator}/**/*.ts', { cwd: root })
      .filter((path) => !path.endsWith('.test.ts'))
      .flatMap((path) =>
        [...readFileSync(join(root, path), 'utf8').matchAll(/\blog\.(?:debug|info|warn|error|child)\(\s*\{([^}]*)\}/g)].flatMap(
          ([, fields = '']) => fields.split(',').flatMap((field) => /^\s*(\w+)(?:$|\s|:)/.exec(field)?.[1] ?? []),
        ),
      )
    assert.ok(named.length > 40)
    assert.deepEqual(
      [...new Set(named)].filter((name) => !tops.has(name)),
      [],
      'a bundle leaves these out: add them to logFields',
    )
  })
})
