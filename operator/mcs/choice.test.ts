import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { ClusterID } from '#lib/net/cluster-id.ts'
import type { Candidate, Choice, Path, Shared, TrafficPolicy } from './choice.ts'
import { choose } from './choice.ts'

const ids = ['east', 'north', 'south', 'west'] as const
const policy = (spec: Partial<Record<keyof TrafficPolicy, unknown>> = {}) =>
  ({ minReadyEndpoints: 1, ...spec }) as unknown as TrafficPolicy
const open = (ms?: number, shared?: Shared): Path => ({
  kind: 'open',
  rttMicros: ms === undefined ? undefined : ms * 1000,
  ...(shared === undefined ? {} : { shared }),
})
const here: Path = { kind: 'here' }
const dead: Path = { kind: 'dead', why: 'it is cut off' }

/** `2/3`: two of three endpoints are ready. */
const candidate = (cluster: string, counts: string, path: Path = open()): Candidate => {
  const [ready = 0, endpoints = 0] = counts.split('/').map(Number)
  return { cluster, ready, endpoints, path }
}
const weight = (cluster: string, of: number) => ({ cluster, weight: of })
const answering = (choices: readonly Choice[]) => choices.filter(({ state }) => state === 'Answers').map(({ cluster }) => cluster)
const show = (choices: readonly Choice[]) => choices.map(({ cluster, state }) => `${cluster} ${state}`).join(', ')

const inOrder = policy({ order: ['east', 'west'] })
const two = { order: ['east', 'west'], minReadyEndpoints: 2 }
const four = { order: ['east', 'west'], minReadyEndpoints: 4 }

/** What is asked, the policy, the clusters, those that answered before, and who answers in what state. */
const rows: readonly (readonly [string, TrafficPolicy, readonly Candidate[], readonly string[], string])[] = [
  [
    'without a preference all answer',
    policy(),
    [candidate('east', '1/1'), candidate('west', '1/1')],
    [],
    'east Answers, west Answers',
  ],
  [
    'the first in order answers alone',
    inOrder,
    [candidate('west', '3/3'), candidate('east', '1/1')],
    [],
    'east Answers, west Standby',
  ],
  [
    'without a ready endpoint the second answers',
    inOrder,
    [candidate('east', '0/1'), candidate('west', '1/1')],
    ['east'],
    'east Unready, west Answers',
  ],
  [
    'without any endpoint as well',
    inOrder,
    [candidate('east', '0/0'), candidate('west', '1/1')],
    ['east'],
    'east Unready, west Answers',
  ],
  [
    'behind a dead path as well',
    inOrder,
    [candidate('east', '3/3', dead), candidate('west', '1/1')],
    ['east'],
    'east Unready, west Answers',
  ],
  [
    'one that is not named comes after those that are',
    inOrder,
    [candidate('north', '1/1'), candidate('west', '1/1')],
    [],
    'north Standby, west Answers',
  ],
  [
    'those that are not named come together',
    policy({ order: ['west'] }),
    [candidate('west', '0/1'), candidate('east', '1/1'), candidate('north', '1/1')],
    [],
    'east Answers, north Answers, west Unready',
  ],
  [
    'a cluster that exports nothing is passed over',
    policy({ order: ['south', 'east'] }),
    [candidate('east', '1/1'), candidate('west', '1/1')],
    [],
    'east Answers, west Standby',
  ],
  [
    'with too few the next answers beside it',
    policy(two),
    [candidate('east', '1/2'), candidate('west', '1/1')],
    ['east'],
    'east Answers, west Answers',
  ],
  [
    'when all together have too few, all answer',
    policy(four),
    [candidate('east', '1/2'), candidate('west', '1/1')],
    [],
    'east Answers, west Answers',
  ],
  [
    'back at the minimum the other still helps',
    policy(four),
    [candidate('east', '4/8'), candidate('west', '1/1')],
    ['east', 'west'],
    'east Answers, west Answers',
  ],
  [
    'a quarter above it, it does no longer',
    policy(four),
    [candidate('east', '5/8'), candidate('west', '1/1')],
    ['east', 'west'],
    'east Answers, west Standby',
  ],
  [
    'nor when all are ready that there are',
    policy(four),
    [candidate('east', '4/4'), candidate('west', '1/1')],
    ['east', 'west'],
    'east Answers, west Standby',
  ],
  [
    'at the minimum from above nobody needs help',
    policy(four),
    [candidate('east', '4/8'), candidate('west', '1/1')],
    ['east'],
    'east Answers, west Standby',
  ],
  [
    'Local: this cluster first',
    policy({ locality: 'Local' }),
    [candidate('east', '1/1', here), candidate('north', '1/1', open(1)), candidate('west', '1/1')],
    [],
    'east Answers, north Standby, west Standby',
  ],
  [
    'Local: then all others',
    policy({ locality: 'Local' }),
    [candidate('east', '0/1', here), candidate('north', '1/1', open(1)), candidate('west', '1/1')],
    [],
    'east Unready, north Answers, west Answers',
  ],
  [
    'Nearest: by round trip',
    policy({ locality: 'Nearest' }),
    [candidate('east', '0/0', here), candidate('north', '1/1', open(30)), candidate('west', '1/1', open(8))],
    [],
    'east Unready, north Standby, west Answers',
  ],
  [
    'Nearest: those of one step together',
    policy({ locality: 'Nearest' }),
    [candidate('north', '1/1', open(6)), candidate('west', '1/1', open(9))],
    [],
    'north Answers, west Answers',
  ],
  [
    'Nearest: what was not measured comes last',
    policy({ locality: 'Nearest' }),
    [candidate('north', '1/1'), candidate('west', '1/1', open(400))],
    [],
    'north Answers, west Answers',
  ],
  [
    'Nearest: who shares a zone comes before who is nearer',
    policy({ locality: 'Nearest' }),
    [candidate('north', '1/1', open(1)), candidate('west', '1/1', open(8, 'Zone')), candidate('south', '1/1', open(8, 'Region'))],
    [],
    'north Standby, south Standby, west Answers',
  ],
  [
    'Nearest: and then who shares a region',
    policy({ locality: 'Nearest' }),
    [candidate('north', '1/1', open(1)), candidate('west', '0/1', open(8, 'Zone')), candidate('south', '1/1', open(8, 'Region'))],
    [],
    'north Standby, south Answers, west Unready',
  ],
  [
    'Nearest: who is far or was not measured shares nothing, whatever it says',
    policy({ locality: 'Nearest' }),
    [
      candidate('north', '1/1', open(18)),
      candidate('west', '1/1', open(21, 'Zone')),
      candidate('south', '1/1', open(undefined, 'Zone')),
    ],
    [],
    'north Answers, south Standby, west Standby',
  ],
  [
    'Local: zones are nothing',
    policy({ locality: 'Local' }),
    [candidate('north', '1/1', open(1)), candidate('west', '1/1', open(1, 'Zone'))],
    [],
    'north Answers, west Answers',
  ],
  [
    'Nearest: order comes before it',
    policy({ locality: 'Nearest', order: ['north'] }),
    [candidate('north', '1/1', open(90)), candidate('west', '1/1', open(1))],
    [],
    'north Answers, west Standby',
  ],
  [
    'of those with a weight all answer, and who has none waits',
    policy({ weights: [weight('east', 9), weight('west', 1), weight('south', 0)] }),
    [candidate('east', '1/1'), candidate('north', '1/1'), candidate('south', '1/1'), candidate('west', '1/1')],
    [],
    'east Answers, north Standby, south Standby, west Answers',
  ],
  [
    'who has no weight helps when the others are too few, though it is the first in order',
    policy({ order: ['west', 'east'], weights: [weight('east', 9)], minReadyEndpoints: 2 }),
    [candidate('east', '1/2'), candidate('west', '1/1')],
    [],
    'east Answers, west Answers',
  ],
  [
    'a weight of 0 for all says nothing',
    policy({ order: ['west', 'east'], weights: [weight('east', 0)] }),
    [candidate('east', '1/1'), candidate('west', '1/1')],
    [],
    'east Standby, west Answers',
  ],
  [
    'order comes before weights',
    policy({ order: ['west', 'east'], weights: [weight('east', 9), weight('west', 1)] }),
    [candidate('east', '1/1'), candidate('west', '1/1')],
    [],
    'east Standby, west Answers',
  ],
  [
    'who is denied does not answer',
    policy({ deny: ['east'] }),
    [candidate('east', '1/1'), candidate('west', '1/1')],
    ['east'],
    'east Denied, west Answers',
  ],
  ['nor when no other can', policy({ deny: ['east'] }), [candidate('east', '1/1')], ['east'], 'east Denied'],
  [
    'nor who is not allowed',
    policy({ allow: ['west'] }),
    [candidate('east', '1/1'), candidate('west', '0/1')],
    [],
    'east Denied, west Answers',
  ],
  [
    'where nothing is ready, all that are allowed answer',
    policy({ ...two, deny: ['north'] }),
    [candidate('east', '1/1', dead), candidate('north', '1/1'), candidate('west', '0/1')],
    [],
    'east Answers, north Denied, west Answers',
  ],
]

const candidates: fc.Arbitrary<readonly Candidate[]> = fc
  .uniqueArray(
    fc.record({
      cluster: fc.constantFrom(...ids),
      endpoints: fc.nat({ max: 8 }),
      ready: fc.nat({ max: 8 }),
      path: fc.oneof(
        fc.constantFrom(here, dead),
        fc
          .tuple(
            fc.option(fc.nat({ max: 400 }), { nil: undefined }),
            fc.constantFrom(undefined, 'Zone' as const, 'Region' as const),
          )
          .map(([ms, shared]) => open(ms, shared)),
      ),
    }),
    { selector: ({ cluster }) => cluster },
  )
  .map((all) => all.map((one) => ({ ...one, ready: Math.min(one.ready, one.endpoints) })))
const someClusters = fc.option(fc.uniqueArray(fc.constantFrom(...ids), { minLength: 1 }), { nil: undefined })
const policies: fc.Arbitrary<TrafficPolicy> = fc
  .record({
    allow: someClusters,
    deny: someClusters,
    order: someClusters,
    locality: fc.constantFrom(undefined, 'Local' as const, 'Nearest' as const),
    weights: fc.option(
      fc.uniqueArray(fc.record({ cluster: fc.constantFrom(...ids), weight: fc.nat({ max: 3 }) }), {
        minLength: 1,
        selector: ({ cluster }) => cluster,
      }),
      { nil: undefined },
    ),
    minReadyEndpoints: fc.integer({ min: 1, max: 10 }),
  })
  .map((spec) => policy(spec))
const before = fc.uniqueArray(fc.constantFrom(...ids)).map((all) => new Set<string>(all))
const live = ({ ready, path }: Candidate) => (path.kind === 'dead' ? 0 : ready)

suite('which clusters answer', () => {
  for (const [what, spec, clusters, had, wanted] of rows)
    test(what, () => assert.equal(show(choose(spec, clusters, new Set(had))), wanted))

  test('how near a cluster is stands in its verdict where that decides', () => {
    const near = [candidate('east', '0/1', here), candidate('north', '1/1', open(4, 'Region')), candidate('west', '1/1', open(4))]
    const says = (spec: TrafficPolicy) => choose(spec, near, new Set()).map(({ message }) => message)
    assert.deepEqual(says(policy({ locality: 'Nearest' })), [
      'none of its endpoints is ready',
      'east has too few ready endpoints for spec.minReadyEndpoints 1; it shares a region with this cluster',
      'east, north come before it; its round trip is at most 5 ms',
    ])
    assert.deepEqual(says(policy({ locality: 'Nearest', order: ['west'] })).at(-1), 'it comes first')
  })

  test('each cluster has one verdict with its reason, whatever order they come in', () => {
    fc.assert(
      fc.property(policies, candidates, before, (spec, clusters, had) => {
        const choices = choose(spec, clusters, had)
        assert.deepEqual(
          choices.map(({ cluster }) => cluster),
          clusters.map(({ cluster }) => cluster).toSorted(),
        )
        assert.ok(choices.every(({ message }) => message !== '' && message.length <= 1024))
        assert.deepEqual(
          choose(spec, clusters.toReversed(), had).map(({ cluster, state }) => [cluster, state]),
          choices.map(({ cluster, state }) => [cluster, state]),
        )
      }),
    )
  })

  test('nobody answers who may not, and as long as one that may can, only those answer that can', () => {
    fc.assert(
      fc.property(policies, candidates, before, (spec, clusters, had) => {
        const chosen = answering(choose(spec, clusters, had))
        const may = (cluster: string) =>
          spec.deny?.includes(cluster as ClusterID) !== true && spec.allow?.includes(cluster as ClusterID) !== false
        assert.ok(chosen.every(may))
        const able = clusters.filter((one) => may(one.cluster) && live(one) > 0)
        assert.equal(chosen.length === 0, !clusters.some(({ cluster }) => may(cluster)))
        if (able.length > 0) assert.ok(chosen.every((cluster) => able.some((one) => one.cluster === cluster)))
      }),
    )
  })

  test('those that answer have the minimum, or nobody who may has more to give', () => {
    fc.assert(
      fc.property(policies, candidates, before, (spec, clusters, had) => {
        const choices = choose(spec, clusters, had)
        const chosen = clusters.filter(({ cluster }) => answering(choices).includes(cluster))
        const ready = chosen.reduce((total, one) => total + live(one), 0)
        const idle = choices.filter(({ state }) => state === 'Standby')
        assert.ok(ready >= spec.minReadyEndpoints || idle.length === 0)
      }),
    )
  })

  test('what was chosen is chosen again: nothing moves by itself', () => {
    fc.assert(
      fc.property(policies, candidates, before, (spec, clusters, had) => {
        const once = choose(spec, clusters, had)
        assert.deepEqual(choose(spec, clusters, new Set(answering(once))), once)
        // As it is on the way: the new ones are there already, the old ones still are.
        assert.deepEqual(choose(spec, clusters, new Set([...had, ...answering(once)])), once)
      }),
    )
  })

  test('a cluster that hovers around the minimum makes one change at most', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10 }),
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.boolean()),
        (least, spare, ups) => {
          const spec = policy({ ...two, minReadyEndpoints: least })
          let had = new Set(['east'])
          let changes = 0
          for (const up of ups) {
            const east = { ...candidate('east', '0/0'), endpoints: least + spare, ready: up ? least : least - 1 }
            const now = new Set(answering(choose(spec, [east, candidate('west', '9/9')], had)))
            // With nothing ready it cannot answer, which is no choice: it is whether the other is asked that must not flap.
            if (now.has('west') !== had.has('west')) changes++
            had = now
          }
          assert.ok(changes <= 1)
        },
      ),
    )
  })
})
