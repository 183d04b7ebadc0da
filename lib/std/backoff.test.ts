import assert from 'node:assert/strict'
import { backoff } from './backoff.ts'

suite('backoff', () => {
  test('doubles up to the cap, and starts over after a reset', () => {
    const wait = backoff(100, 1000, () => 1)
    assert.deepEqual([wait.next(), wait.next(), wait.next(), wait.next(), wait.next()], [100, 200, 400, 800, 1000])
    wait.reset()
    assert.equal(wait.next(), 100)
  })

  test('spreads callers over the upper half of the delay', () => {
    assert.equal(backoff(100, 1000, () => 0).next(), 50)
    assert.equal(backoff(100, 1000, () => 0.5).next(), 75)
  })
})
