import assert from 'node:assert/strict'
import { mcsSourceClusterLabel } from '#crds/places.ts'
import type { EndpointSlice } from '#lib/kube/kinds.ts'
import { podOf, sliceOf } from '#test/kit/services.ts'
import type { Here } from './toll.ts'
import { tollOf } from './toll.ts'

const slices = (cluster: string, count: number): readonly EndpointSlice[] =>
  Array.from({ length: count }, (_, n) =>
    sliceOf('east', [1000 + n], {}, { metadata: { name: 'x', labels: { [mcsSourceClusterLabel]: cluster } } }),
  )
const here: Here = {
  import: { status: { clusters: [{ cluster: 'east' }, { cluster: 'north' }] } },
  slices: [...slices('east', 12), ...slices('west', 1)],
}
const pods = (count: number) => Array.from({ length: count }, (_, n) => podOf('east', n))

suite('what a list takes of one service of one cluster', () => {
  const cases: readonly (readonly [string, string, readonly (readonly string[])[] | undefined, number, number])[] = [
    ['without the service all of it is lost', 'east', undefined, 13, 13],
    ['without endpoints the service stays', 'east', [], 13, 12],
    ['endpoints of 100 are a slice', 'east', [pods(100), []], 13, 11],
    [
      'other endpoints for those there were are no loss',
      'east',
      Array.from({ length: 12 }, (_, n) => [podOf('east', 5000 + n)]),
      13,
      0,
    ],
    [
      'two slices of what would be made into one are there for as long as they hold something of it',
      'east',
      [Array.from({ length: 12 }, (_, n) => podOf('east', 1000 + n))],
      13,
      0,
    ],
    ['more than there was is no loss', 'east', Array.from({ length: 40 }, () => pods(1)), 13, 0],
    ['a cluster that answers nobody here has the service to lose', 'north', undefined, 1, 1],
    ['one that the import does not name yet has its slices', 'west', undefined, 2, 2],
    ['of a cluster that is not here nothing is lost', 'south', undefined, 0, 0],
  ]
  for (const [what, cluster, said, all, lost] of cases)
    test(what, () => assert.deepEqual(tollOf(cluster, here, said), { here: all, lost }))
})
