import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { DeadlineError, within } from './deadline.ts'

const forever = (signal: AbortSignal) => sleep(60_000, undefined, { signal })

suite('within', () => {
  test('gives the result of work done in time', async () => {
    assert.equal(await within(1000, new AbortController().signal, () => Promise.resolve(1)), 1)
  })

  test('cuts work whose time is up and says so', async () => {
    await assert.rejects(within(5, new AbortController().signal, forever), DeadlineError)
  })

  test("passes the owner's abort on, which is no deadline", async () => {
    const owner = new AbortController()
    const work = within(60_000, owner.signal, forever)
    owner.abort()
    await assert.rejects(work, { name: 'AbortError' })
    await assert.rejects(within(60_000, owner.signal, forever), { name: 'AbortError' })
  })
})
