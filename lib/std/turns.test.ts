import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { turns } from './turns.ts'

suite('turns', () => {
  test('work that is given later begins when what came before has ended, also when that failed', async () => {
    const said: string[] = []
    const inTurn = turns()
    const work = (name: string, ms: number) => async () => {
      said.push(`${name} begins`)
      await sleep(ms)
      said.push(`${name} ends`)
      if (name === 'b') throw new Error('broken')
      return name
    }
    const all = await Promise.allSettled([inTurn(work('a', 20)), inTurn(work('b', 5)), inTurn(work('c', 1))])
    assert.deepEqual(
      all.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
    assert.deepEqual(said, ['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends'])
  })
})
