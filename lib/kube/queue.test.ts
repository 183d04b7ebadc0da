import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { delays } from './delays.ts'
import { queue } from './queue.ts'

const never = new AbortController().signal

suite('queue', () => {
  test('a key that is added many times waits once', async () => {
    using work = queue()
    for (let i = 0; i < 5000; i++) work.add(`key-${i % 10}`)
    assert.equal(work.size, 10)
    assert.equal(await work.take(never), 'key-0')
  })

  test('a key added while it runs waits until that run is done, and runs once more', async () => {
    using work = queue()
    work.add('a')
    const key = await work.take(never)
    work.add('a')
    work.add('a')
    work.add('b')
    assert.equal(await work.take(never), 'b')
    work.done(key ?? '')
    assert.deepEqual([await work.take(never), work.size], ['a', 0])
  })

  test('takers wait for keys, and stop waiting with the signal', async () => {
    using work = queue()
    const stop = new AbortController()
    const stopped = work.take(stop.signal)
    const waiting = work.take(never)
    stop.abort()
    assert.equal(await stopped, undefined)
    work.add('a')
    assert.equal(await waiting, 'a')
  })

  test('a delayed key comes after its delay, the earlier of two; adding it now overtakes the delay', async () => {
    using work = queue()
    work.addAfter('a', 60_000)
    work.addAfter('b', 60_000)
    work.addAfter('a', 20)
    work.addAfter('a', 60_000)
    const began = performance.now()
    assert.equal(await work.take(never), 'a')
    assert.ok(performance.now() - began >= 19)
    work.add('b')
    assert.equal(await work.take(never), 'b')
    work.done('b')
    await sleep(5)
    assert.equal(work.size, 0)
  })

  test('200 000 keys go through in well under a second each way', async () => {
    using work = queue()
    const began = performance.now()
    for (let i = 0; i < 200_000; i++) work.add(String(i))
    for (let i = 0; i < 200_000; i++) work.done((await work.take(never)) ?? '')
    assert.ok(performance.now() - began < 5000)
  })
})

suite('delays', () => {
  test('keys come due in the order of their times, with those put off and dropped left out', async () => {
    const due: string[] = []
    using later = delays((key) => due.push(key))
    later.put('c', 30)
    later.put('a', 10)
    later.put('b', 20)
    later.put('dropped', 5)
    later.drop('dropped')
    for (let i = 0; i < 1000; i++) {
      later.put('again', 60_000)
      later.drop('again')
    }
    assert.equal(later.size, 3)
    await sleep(60)
    assert.deepEqual(due, ['a', 'b', 'c'])
  })
})
