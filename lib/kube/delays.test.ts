import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { delays } from './delays.ts'

suite('delays', () => {
  test('a key that is due in more time than a timer takes is not due now', async () => {
    const due: string[] = []
    using later = delays((key) => due.push(key))
    later.put('month', 30 * 24 * 3600 * 1000)
    later.put('now', 1)
    await sleep(50)
    assert.deepEqual([due, later.size], [['now'], 1])
  })
})
