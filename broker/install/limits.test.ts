import assert from 'node:assert/strict'
import { suite, test } from 'mocha'
import { quantity } from './limits.ts'

suite('a quota', () => {
  const written: readonly (readonly [number, string])[] = [
    [0, '0'],
    [4, '4'],
    [64, '64'],
    [1500, '1500'],
    [2000, '2k'],
    [40_000, '40k'],
    [1_000_000, '1M'],
    [1_001_000, '1001k'],
  ]
  for (const [count, text] of written)
    test(`of ${count} is written as the apiserver gives it back: ${text}`, () => assert.equal(quantity(count), text))
})
