import assert from 'node:assert/strict'
import fc from 'fast-check'
import { sum } from '#lib/std/sum.ts'
import type { Part } from './share.ts'
import { countsOf, neededFor, statedPoints } from './share.ts'

const names = ['east', 'north', 'south', 'west'] as const
/** `90:3`: of weight 90, with 3 ready endpoints. */
const parse = (text: string): readonly Part[] =>
  text.split(' ').map((part, i) => {
    const [weight = 0, ready = 0] = part.split(':').map(Number)
    return { cluster: names[i] ?? '', weight, ready }
  })
const inTurn = (parts: readonly Part[], counts: ReadonlyMap<string, number>) =>
  parts.map(({ cluster }) => counts.get(cluster) ?? 0)

/** Said anew, as shares and not as endpoints. */
function pointsOff(parts: readonly Part[], counts: readonly number[]): number {
  const [weights, total] = [sum(parts.map(({ weight }) => weight)), sum(counts)]
  return Math.max(...parts.map(({ weight }, i) => Math.abs(100 * ((counts[i] ?? 0) / total - weight / weights))))
}

/** Every way to use at least one of each. */
function everyWay(parts: readonly Part[]): readonly (readonly number[])[] {
  const [first, ...rest] = parts
  if (first === undefined) return [[]]
  return everyWay(rest).flatMap((others) => Array.from({ length: first.ready }, (_, i) => [i + 1, ...others]))
}

/** What is asked, the clusters, the least, and how many of each are used. */
const rows: readonly (readonly [string, string, number, readonly number[]])[] = [
  ['one alone uses all', '1:7', 1, [7]],
  ['equal weights use what the smaller has', '1:9 1:4', 1, [4, 4]],
  ['nine to one', '90:18 10:10', 1, [18, 2]],
  ['a point off is nothing beside an endpoint more', '7:10 3:10', 1, [9, 4]],
  ['who has a weight has one endpoint at least, however little that is', '99:3 1:3', 1, [3, 1]],
  ['three', '50:7 30:7 20:7', 1, [5, 3, 2]],
  ['no fewer than the least, as near as they come', '1:12 1:1', 10, [9, 1]],
  ['nor more than there are', '1:12 1:1', 100, [12, 1]],
]

const parts = (most: number, clusters: number): fc.Arbitrary<readonly Part[]> =>
  fc.uniqueArray(
    fc.record({
      cluster: fc.constantFrom(...names),
      weight: fc.integer({ min: 1, max: 100 }),
      ready: fc.integer({ min: 1, max: most }),
    }),
    { minLength: 1, maxLength: clusters, selector: ({ cluster }) => cluster },
  )
const nothing = 1e-9

suite('how many endpoints of each cluster are used', () => {
  for (const [what, text, least, wanted] of rows)
    test(what, () => {
      const given = parse(text)
      assert.deepEqual(inTurn(given, countsOf(given, least)), wanted)
    })

  test('of all ways there are none is nearer by more than a point, and none as near uses more', () => {
    fc.assert(
      fc.property(parts(6, 4), fc.integer({ min: 1, max: 8 }), (given, least) => {
        const counts = inTurn(given, countsOf(given, least))
        const floor = Math.min(least, sum(given.map(({ ready }) => ready)))
        const ways = everyWay(given).filter((way) => sum(way) >= floor)
        const bound = Math.max(1, Math.min(...ways.map((way) => pointsOff(given, way)))) + nothing
        assert.ok(counts.every((count, i) => count >= 1 && count <= (given[i]?.ready ?? 0)))
        assert.ok(pointsOff(given, counts) <= bound)
        const most = Math.max(...ways.filter((way) => pointsOff(given, way) <= bound - 2 * nothing).map(sum), 0)
        assert.ok(sum(counts) >= Math.max(most, floor))
      }),
    )
  })

  test('is off by less than one endpoint of all that are used, where nobody is short', () => {
    fc.assert(
      fc.property(parts(400, 4), (given) => {
        const counts = inTurn(given, countsOf(given, 1))
        const isShort = given.some(({ ready }, i) => counts[i] === ready || counts[i] === 1)
        if (!isShort) assert.ok(pointsOff(given, counts) <= Math.max(1, 100 / sum(counts)))
      }),
    )
  })

  test('is the same in whatever order they come, and for weights twice as large', () => {
    fc.assert(
      fc.property(parts(30, 4), fc.integer({ min: 1, max: 40 }), (given, least) => {
        const counts = inTurn(given, countsOf(given, least))
        assert.deepEqual(inTurn(given, countsOf(given.toReversed(), least)), counts)
        const doubled = given.map((part) => ({ ...part, weight: 2 * part.weight }))
        assert.deepEqual(inTurn(given, countsOf(doubled, least)), counts)
      }),
    )
  })

  test('with what is said to be needed, no share is far off', () => {
    fc.assert(
      fc.property(parts(20, 4), fc.integer({ min: 1, max: 30 }), (given, least) => {
        const needed = neededFor(given, least)
        const grown = given.map((part) => ({ ...part, ready: Math.max(part.ready, needed.get(part.cluster) ?? 0) }))
        assert.ok(pointsOff(grown, inTurn(grown, countsOf(grown, least))) <= statedPoints + nothing)
      }),
    )
  })
})
