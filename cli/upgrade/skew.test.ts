import assert from 'node:assert/strict'
import { parseVersion } from '#lib/std/version.ts'
import { checkStep, skewOf } from './skew.ts'

suite('versions', () => {
  const steps: readonly [string | undefined, string, string][] = [
    ['0.1.0', '0.1.0', 'same'],
    ['0.1.0', '0.1.4', 'forward'],
    ['v0.1.0', '0.2.0', 'forward'],
    ['0.2.0-rc.1', '0.2.0', 'forward'],
    ['0.9.3', '0.10.0', 'forward'],
    [undefined, '0.2.0', 'unknown'],
    ['dev', '0.2.0', 'unknown'],
    ['0.1.0', '0.3.0', 'Go step by step: first tombolo upgrade with a command of 0.2, then again with this one.'],
    ['0.9.0', '1.0.0', 'Go step by step: first tombolo upgrade with a command of the last 0.x, then again with this one.'],
    [
      '0.2.0',
      '0.1.9',
      'Going back is not supported, as objects may hold what 0.1.9 does not know. Use the tombolo of 0.2.0 or a later one.',
    ],
    [
      '0.2.0',
      '0.2.0-rc.1',
      'Going back is not supported, as objects may hold what 0.2.0-rc.1 does not know. Use the tombolo of 0.2.0 or a later one.',
    ],
  ]
  for (const [from, to, wanted] of steps)
    test(`from ${from ?? 'nothing written down'} to ${to}: ${wanted}`, () => {
      const step = checkStep(from, to)
      assert.equal(step.ok ? step.value : step.error.remedy, wanted)
    })

  test('what runs is older or newer than a command, or nobody knows', () => {
    assert.deepEqual(
      ['0.1.0', '0.2.0', '0.3.0', 'dev', undefined].map((running) => skewOf(running, '0.2.0')),
      ['older', 'same', 'newer', 'unknown', 'unknown'],
    )
  })

  test('a tag that is no version is none', () => {
    for (const text of ['', '1', '1.2', '1.2.3.4', 'sha256-1.2.3', '1.2.3-']) assert.equal(parseVersion(text), undefined, text)
  })
})
