import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { EndpointSlice } from '#lib/kube/kinds.ts'
import type { Cluster } from '#test/kit/services.ts'
import { idOf, podOf, sliceOf } from '#test/kit/services.ts'
import type { TrafficPolicy } from './choice.ts'
import { weighed } from './weigh.ts'

type Pods = Readonly<Partial<Record<Cluster, readonly number[]>>>
type Slices = ReadonlyMap<string, readonly EndpointSlice[]>

const weights = (of: Readonly<Partial<Record<Cluster, number>>>): TrafficPolicy => ({
  minReadyEndpoints: 1,
  weights: Object.entries(of).map(([cluster, weight]) => ({ cluster: idOf(cluster as Cluster), weight })),
})
/** In two slices, so that one of them may be left without any. */
const slices = (pods: Pods, ready = true): Slices =>
  new Map(
    Object.entries(pods).map(([cluster, numbers]) => [
      cluster,
      [0, 1].map((half) => {
        const some = numbers.filter((n) => n % 2 === half)
        const slice = sliceOf(cluster as Cluster, some, { conditions: { ready } })
        return { ...slice, metadata: { ...slice.metadata, name: `${cluster}-${half}` } }
      }),
    ]),
  )
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1)
const addressesIn = (all: readonly EndpointSlice[]) =>
  all.flatMap(({ endpoints }) => (endpoints ?? []).flatMap(({ addresses }) => addresses)).toSorted()
const byCluster = (all: readonly EndpointSlice[]): Slices => Map.groupBy(all, ({ metadata }) => metadata.name.split('-')[0] ?? '')
const none: Slices = new Map()
const west = idOf('west')
const nineToOne = weights({ east: 9, north: 1 })

suite('which endpoints are used by weights', () => {
  test('as many of each cluster as make its share, and the share is told', () => {
    const { slices: used, shares } = weighed(nineToOne, west, slices({ east: upTo(18), north: upTo(10) }), none)
    assert.deepEqual(
      [...byCluster(used)].map(([cluster, of]) => [cluster, addressesIn(of).length]),
      [
        ['east', 18],
        ['north', 2],
      ],
    )
    assert.deepEqual(shares.get('north'), { wantedPercent: 10, gotPercent: 10, readyEndpoints: 10, usedEndpoints: 2 })
    assert.ok(used.every(({ endpoints }) => (endpoints ?? []).length > 0))
  })

  test('what is not ready does not count, and stays', () => {
    const ready = slices({ east: upTo(2), north: upTo(2) })
    const not = slices({ north: [11, 12, 13] }, false)
    const answering = new Map([...ready].map(([cluster, of]) => [cluster, [...of, ...(not.get(cluster) ?? [])]]))
    const { slices: used, shares } = weighed(weights({ east: 2, north: 1 }), west, answering, none)
    assert.deepEqual(addressesIn(byCluster(used).get('north') ?? []).length, 4)
    assert.deepEqual(shares.get('north'), { wantedPercent: 33, gotPercent: 33, readyEndpoints: 2, usedEndpoints: 1 })
  })

  test('none is left out while a cluster helps that has no weight', () => {
    const all = slices({ east: upTo(5), north: upTo(5), south: [1] })
    const { slices: used, shares } = weighed(nineToOne, west, all, none)
    assert.deepEqual([addressesIn(used).length, shares.size], [11, 0])
  })

  test('each family of addresses has shares of its own', () => {
    const v6 = (cluster: Cluster, pods: readonly number[]) =>
      sliceOf(
        cluster,
        [],
        {},
        {
          addressType: 'IPv6',
          endpoints: pods.map((n) => ({ addresses: [`fd00::${n}`], conditions: { ready: true } })),
        },
      )
    const four = slices({ east: upTo(4), north: upTo(4) })
    const both = new Map([...four].map(([cluster, of]) => [cluster, cluster === 'north' ? [...of, v6('north', upTo(3))] : of]))
    const used = byCluster(weighed(weights({ east: 4, north: 1 }), west, both, none).slices)
    const of = (cluster: string, family: string) =>
      addressesIn([...used.values()].flat().filter((s) => s.addressType === family)).filter((address) =>
        cluster === 'north' ? address.startsWith('10.3.') || address.startsWith('fd00') : address.startsWith('10.1.'),
      ).length
    assert.deepEqual([of('east', 'IPv4'), of('north', 'IPv4'), of('north', 'IPv6')], [4, 1, 3])
  })

  test('two clusters use different ones of a third', () => {
    const all = slices({ east: upTo(30), north: upTo(30) })
    const of = (self: Cluster) =>
      new Set(addressesIn(byCluster(weighed(nineToOne, idOf(self), all, none).slices).get('north') ?? []))
    assert.equal(of('west').size, 3)
    assert.notDeepEqual(of('west'), of('south'))
  })

  test('over many callers every endpoint is used about alike', () => {
    const all = slices({ east: upTo(9), north: upTo(10) })
    const times = new Map<string, number>()
    for (let i = 0; i < 500; i++) {
      const used = weighed(nineToOne, idOf(`caller-${i}` as Cluster), all, none).slices
      for (const address of addressesIn(byCluster(used).get('north') ?? [])) times.set(address, (times.get(address) ?? 0) + 1)
    }
    assert.deepEqual(
      [...times.keys()].toSorted(),
      upTo(10)
        .map((n) => podOf('north', n))
        .toSorted(),
    )
    assert.ok(
      [...times.values()].every((n) => n > 25 && n < 90),
      JSON.stringify([...times.values()]),
    )
  })

  const pods = fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 30 })
  const worlds = fc.record({ east: pods, north: pods, south: pods })
  const someWeights = fc
    .tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }))
    .map(([east, north, south]) => weights({ east, north, south }))

  test('what was chosen is chosen again, also while only some of it is written', () => {
    fc.assert(
      fc.property(
        someWeights,
        worlds,
        worlds,
        fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
        (policy, was, is, written) => {
          const before = weighed(policy, west, slices(was), none).slices
          const after = weighed(policy, west, slices(is), byCluster(before)).slices
          assert.deepEqual(weighed(policy, west, slices(is), byCluster(after)).slices, after)
          // As `converge` may find it: of each slice the old one or the new one, and none that was there gone before all are written.
          const named = new Map(before.map((slice) => [slice.metadata.name, slice]))
          after.forEach((slice, i) => (written[i] === true ? named.set(slice.metadata.name, slice) : undefined))
          assert.deepEqual(weighed(policy, west, slices(is), byCluster([...named.values()])).slices, after)
        },
      ),
    )
  })

  test('is the same in whatever order clusters and endpoints come', () => {
    fc.assert(
      fc.property(someWeights, worlds, (policy, world) => {
        const turned = new Map([...slices(world)].toReversed().map(([cluster, of]) => [cluster, of.toReversed()]))
        assert.deepEqual(
          addressesIn(weighed(policy, west, turned, none).slices),
          addressesIn(weighed(policy, west, slices(world), none).slices),
        )
      }),
    )
  })

  test('where as many are used, one that goes is replaced by one, and when it is back nothing moves', () => {
    fc.assert(
      fc.property(someWeights, worlds, (policy, world) => {
        const all = slices(world)
        const before = weighed(policy, west, all, none)
        const [gone] = addressesIn(byCluster(before.slices).get('east') ?? [])
        const left = slices({ ...world, east: world.east.filter((n) => podOf('east', n) !== gone) })
        const without = weighed(policy, west, left, byCluster(before.slices))
        const counts = ({ shares }: typeof before) => [...shares].map(([cluster, { usedEndpoints }]) => [cluster, usedEndpoints])
        fc.pre(JSON.stringify(counts(before)) === JSON.stringify(counts(without)))
        const had = new Set(addressesIn(before.slices))
        assert.equal(addressesIn(without.slices).filter((address) => !had.has(address)).length, 1)
        const back = weighed(policy, west, all, byCluster(without.slices))
        assert.deepEqual(addressesIn(back.slices), addressesIn(without.slices))
      }),
    )
  })

  test('with fewer to be used of a cluster, those are among the ones before, and with more, all of them', () => {
    fc.assert(
      fc.property(someWeights, someWeights, worlds, (first, second, world) => {
        const was = weighed(first, west, slices(world), none)
        const is = weighed(second, west, slices(world), byCluster(was.slices))
        for (const cluster of ['east', 'north', 'south']) {
          const [a = [], b = []] = [was, is].map(({ slices: all }) => addressesIn(byCluster(all).get(cluster) ?? []))
          assert.equal(new Set([...a, ...b]).size, Math.max(a.length, b.length))
        }
      }),
    )
  })
})
