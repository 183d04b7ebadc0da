import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Path } from './path.ts'
import { answer, interrupted, ladder, least, newPath, step, timing } from './path.ts'

const everyMs = 250

/** A path that lets through what `fits` says at the time, and answers at once; what became of the size, and what was sent. */
function drive(path: Path, fromMs: number, forMs: number, fits: (size: number, at: number) => boolean, busy = true) {
  let bytes = 0
  const sizes: (readonly [number, number])[] = []
  for (let now = fromMs; now < fromMs + forMs; now += everyMs) {
    const { path: next, send } = step(path, { now, rttMs: 10, busy })
    if (next.size !== path.size) sizes.push([now, next.size])
    path = next
    for (const size of send) {
      bytes += size
      if (fits(size, now)) path = answer(path, path.round, size)
    }
  }
  return { path, bytes, sizes }
}

suite('how large a packet passes a cable', () => {
  test('a path that takes all is left as it is', () => {
    assert.deepEqual(drive(newPath(1420, 7), 0, 60_000, () => true).sizes, [])
  })

  for (const takes of [1419, 1412, 1400, 1340, 1320, 1220, 1200])
    test(`what takes ${takes} is found within a second of the first packet, and closely`, () => {
      const { path, sizes } = drive(newPath(1420, 7), 0, 1_000, (size) => size <= takes)
      assert.equal(sizes.length, 1)
      assert.ok(path.size <= takes && path.size > takes - 21, `${path.size}`)
    })

  test('a black hole that comes later is met within 0.75 s while packets flow, and before that where none do', () => {
    const start = drive(newPath(1420, 7), 0, 20_000, () => true).path
    for (let phase = 0; phase < 1_000; phase += everyMs) {
      const hole = 20_000 + phase
      const { sizes } = drive(start, 20_000, 5_000, (size, at) => at < hole || size <= 1320)
      assert.ok((sizes[0]?.[0] ?? Infinity) - hole <= 750, `${sizes[0]?.[0]} for ${hole}`)
      assert.equal(sizes[0]?.[1], 1320)
    }
  })

  test('a path that widens is used within half a minute', () => {
    const narrow = drive(newPath(1420, 7), 0, 60_000, (size) => size <= 1300).path
    const { path, sizes } = drive(narrow, 60_000, timing.widerMs + 2 * everyMs, () => true)
    assert.equal(path.size, 1420)
    assert.equal(sizes.length, 1)
  })

  test('who answers nothing is taken for one that takes all: it may not know how to', () => {
    const { path, bytes } = drive(newPath(1420, 7), 0, 60_000, () => false)
    assert.equal(path.size, 1420)
    assert.ok(bytes < 60 * 6_000, `${bytes}`)
  })

  test('who answers nothing is asked ever more rarely, down to once in half a minute, and no less large packets are taken', () => {
    for (const most of [1420, 8920]) {
      const { path } = drive(newPath(most, 7), 0, 60_000, () => false)
      const { bytes, path: later } = drive(path, 60_000, 300_000, () => false)
      assert.ok(bytes < 300 * 2_000, `${bytes}`)
      assert.equal(later.size, most)
    }
  })

  test('a burst that loses a whole ladder of who answered before delays the search by a second or two', () => {
    const start = drive(newPath(1420, 7), 0, 20_000, () => true).path
    const { sizes } = drive(start, 20_000, 5_000, (size, at) => at >= 20_600 && size <= 1320)
    assert.ok((sizes[0]?.[0] ?? Infinity) <= 23_000, `${sizes[0]?.[0]}`)
    assert.equal(sizes[0]?.[1], 1320)
  })

  test('a packet that is lost by chance shrinks nothing', () => {
    let n = 0
    assert.deepEqual(drive(newPath(1420, 7), 0, 120_000, () => ++n % 10 !== 0).path.size, 1420)
  })

  test('after the cable was down the path is looked at anew', () => {
    const narrow = interrupted(drive(newPath(1420, 7), 0, 5_000, (size) => size <= 1300).path)
    assert.equal(drive(narrow, 5_000, 750, () => true).path.size, 1420)
  })

  test('an answer of another round, or of a size that was not asked for, says nothing', () => {
    const { path } = step(newPath(1420, 7), { now: 0, rttMs: 1, busy: true })
    assert.equal(answer(path, path.round - 1, 1420), path)
    assert.equal(answer(path, path.round, 9000), path)
    assert.equal(answer(path, path.round, 1419), path)
  })

  test('is asked for rarely: less than 6 kB a second while packets flow, less than 200 bytes a second while none do', () => {
    const start = drive(newPath(1420, 7), 0, 5_000, () => true).path
    assert.ok(drive(start, 5_000, 100_000, () => true).bytes <= 100 * 6_000)
    assert.ok(drive(start, 5_000, 100_000, () => true, false).bytes <= 100 * 200)
  })

  test('whatever the path does, the size stays between what IPv6 needs and what the device takes', () =>
    fc.assert(
      fc.property(
        fc.integer({ min: least, max: 9000 }),
        fc.array(fc.integer({ min: 0, max: 9001 }), { minLength: 1 }),
        (most, fits) => {
          const { path } = drive(
            newPath(most, 0xffffffff),
            0,
            30_000,
            (size, at) => size <= (fits[Math.floor(at / 1000) % fits.length] ?? 0),
          )
          assert.ok(path.size >= least && path.size <= most)
        },
      ),
    ))

  test('the ladder begins with what always passes and ends with all the device takes', () => {
    for (const most of [least, 1280, 1340, 1400, 1420, 8920])
      assert.deepEqual([ladder(most)[0], ladder(most).at(-1)], [least, most])
  })
})
