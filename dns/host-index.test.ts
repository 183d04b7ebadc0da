import assert from 'node:assert/strict'
import fc from 'fast-check'
import { hostIndex } from './host-index.ts'

suite('the index of names', () => {
  test('finds every slice that has a name, in their order, and none that was taken out', () => {
    const slice = fc.record({ hosts: fc.array(fc.constantFrom<string[]>('a', 'b', 'c', 'd')), isTakenOut: fc.boolean() })
    fc.assert(
      fc.property(fc.array(slice), (slices) => {
        const index = hostIndex<(typeof slices)[number]>()
        for (const one of slices) index.add(one.hosts, one)
        for (const one of slices) if (one.isTakenOut) index.delete(one.hosts, one)
        for (const host of ['a', 'b', 'c', 'd', 'none'])
          assert.deepEqual(
            index.find(host),
            slices.filter(({ hosts, isTakenOut }) => !isTakenOut && hosts.includes(host)),
          )
      }),
    )
  })
})
