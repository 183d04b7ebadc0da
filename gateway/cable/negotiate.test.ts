import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { CableName } from '#crds/fields.ts'
import { cableDrivers } from '#crds/fields.ts'
import { cableToUse, commonCables } from './negotiate.ts'

const [w, i] = cableDrivers

suite('which cables two gateways keep', () => {
  const table: readonly (readonly [readonly CableName[], readonly CableName[], readonly CableName[]])[] = [
    [[w], [w], [w]],
    [[i], [i], [i]],
    [[w], [i], []],
    [[i, w], [w], [w]],
    [
      [i, w],
      [i, w],
      [i, w],
    ],
    [
      [w, i],
      [w, i],
      [w, i],
    ],
    // They disagree: one order for both.
    [
      [i, w],
      [w, i],
      [w, i],
    ],
    [[i, w], [], []],
  ]
  for (const [ours, theirs, want] of table)
    test(`${ours.join(',')} and ${theirs.join(',') || 'nothing'}: ${want.join(',') || 'none'}`, () =>
      assert.deepEqual(commonCables(ours, theirs), want))

  test('both ends come to the same', () => {
    const list = fc.shuffledSubarray([...cableDrivers])
    fc.assert(fc.property(list, list, (a, b) => assert.deepEqual(commonCables(a, b), commonCables(b, a))))
  })
})

suite('which cable packets take', () => {
  const used = (common: readonly CableName[], ...up: readonly CableName[]) => cableToUse(common, (cable) => up.includes(cable))
  test('the best, once it is up; until then one that may be', () => {
    assert.equal(used([i, w], i), i)
    assert.equal(used([i, w]), w)
    assert.equal(used([w, i], i), w)
  })
  test('never one that is not in common', () => {
    assert.equal(used([i]), i)
    assert.equal(used([], i, w), undefined)
  })
})
