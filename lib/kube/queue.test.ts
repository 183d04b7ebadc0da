import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { delays } from './delays.ts'
import type { Queue } from './queue.ts'
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

  test('a delay of a key that runs begins when that run is done', async () => {
    using work = queue()
    work.add('a')
    assert.equal(await work.take(never), 'a')
    work.addAfter('a', 60)
    work.addAfter('a', 60_000)
    await sleep(80)
    assert.equal(work.size, 0)
    const done = performance.now()
    work.done('a')
    assert.equal(await work.take(never), 'a')
    assert.ok(performance.now() - done >= 59)
    work.addAfter('a', 60_000)
    work.add('a')
    work.done('a')
    assert.equal(await work.take(never), 'a')
  })

  test('200 000 keys go through in well under a second each way', async () => {
    using work = queue()
    const began = performance.now()
    for (let i = 0; i < 200_000; i++) work.add(String(i))
    for (let i = 0; i < 200_000; i++) work.done((await work.take(never)) ?? '')
    assert.ok(performance.now() - began < 5000)
  })

  test('flows are served in turns: the backlog of one is overtaken by a single key of another', async () => {
    using work = queue()
    for (let i = 0; i < 1000; i++) work.add(`noisy-${i}`, 'noisy')
    work.add('quiet', 'quiet')
    work.add('nobody’s')
    assert.deepEqual(await taken(work, 5), ['noisy-0', 'quiet', 'nobody’s', 'noisy-1', 'noisy-2'])
  })

  test('a key for which two flows wait runs once, when the first of them is served', async () => {
    using work = queue()
    for (const key of ['a', 'b', 'shared', 'c']) work.add(key, 'noisy')
    work.add('shared', 'quiet')
    assert.equal(work.size, 4)
    assert.deepEqual(await taken(work, 4), ['a', 'shared', 'b', 'c'])
    work.add('shared', 'noisy')
    assert.deepEqual(await taken(work, 1), ['shared'])
  })

  test('a key that is tried again later comes in the flow for which it ran', async () => {
    using work = queue()
    work.add('fails', 'quiet')
    await work.take(never)
    work.addAfter('fails', 1)
    work.done('fails')
    for (let i = 0; i < 10; i++) work.add(`noisy-${i}`, 'noisy')
    await sleep(20)
    assert.deepEqual(await taken(work, 2), ['noisy-0', 'fails'])
  })

  test('in any order of adding, taking and ending nothing is lost and nothing runs twice at once', () =>
    fc.assert(fc.asyncProperty(stepsWith(['x', 'y', 'z']), (steps) => play(steps, () => undefined))))

  test('no flow is served twice while another waits', () =>
    fc.assert(
      fc.asyncProperty(stepsWith(['a 1', 'a 2', 'a 3', 'b 1', 'b 2', 'c 1', 'c 2']), async (steps) => {
        /** By flow that waits: who was served since it does. */
        const served = new Map<string, Set<string>>()
        await play(steps, (flow, waiting) => {
          for (const [other, since] of served) assert.ok(other === flow || !since.has(flow), `${flow} twice before ${other}`)
          served.delete(flow)
          for (const since of served.values()) since.add(flow)
          for (const other of waiting) if (!served.has(other)) served.set(other, new Set())
        })
      }),
    ))
})

type Step = { readonly do: 'add'; readonly key: string; readonly flow: string } | { readonly do: 'take' | 'done' }

/** A key whose name begins with that of a flow is that flow’s alone. */
const stepsWith = (keys: readonly string[]) =>
  fc.array(
    fc.oneof(
      fc
        .record({ do: fc.constant('add' as const), key: fc.constantFrom(...keys), flow: fc.constantFrom('a', 'b', 'c') })
        .map((step): Step => ({ ...step, flow: flowIn(step.key) ?? step.flow })),
      fc.record({ do: fc.constantFrom('take' as const, 'done' as const) }),
    ),
    { maxLength: 80 },
  )
const flowIn = (key: string): string | undefined => /^(.) \d$/.exec(key)?.[1]

/** Takes the steps, then all that is left. `onTake`: which flow was served, and which wait then; of keys that are one flow’s alone. */
async function play(steps: readonly Step[], onTake: (flow: string, waiting: ReadonlySet<string>) => void): Promise<void> {
  using work = queue()
  const running: string[] = []
  const [waiting, again] = [new Set<string>(), new Set<string>()]
  const take = async () => {
    const key = (await work.take(never)) ?? ''
    assert.ok(waiting.delete(key) && !running.includes(key), key)
    running.push(key)
    const flow = flowIn(key)
    if (flow !== undefined) onTake(flow, new Set([...waiting].flatMap((one) => flowIn(one) ?? [])))
  }
  const done = () => {
    const key = running.shift()
    if (key === undefined) return
    work.done(key)
    if (again.delete(key)) waiting.add(key)
  }
  for (const step of steps) {
    if (step.do === 'done') done()
    else if (step.do === 'add') {
      work.add(step.key, step.flow)
      ;(running.includes(step.key) ? again : waiting).add(step.key)
    } else if (work.size > 0) await take()
    assert.equal(work.size, waiting.size)
  }
  while (work.size > 0 || running.length > 0) {
    while (work.size > 0) await take()
    done()
  }
  assert.deepEqual([...waiting, ...again], [])
}

async function taken(work: Queue, count: number): Promise<readonly (string | undefined)[]> {
  const keys = []
  for (let i = 0; i < count; i++) {
    const key = await work.take(never)
    keys.push(key)
    work.done(key ?? '')
  }
  return keys
}

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
