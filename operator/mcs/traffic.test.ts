import assert from 'node:assert/strict'
import type { Connection, GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { mcsSourceClusterLabel } from '#crds/places.ts'
import type { EndpointSlice } from '#lib/kube/kinds.ts'
import { gatewayOf } from '#test/kit/snapshot.ts'
import { idOf, sliceOf } from '#test/kit/services.ts'
import type { KnownPath, Traffic } from './traffic.ts'
import { chosenOf, cutOffFrom, nextChoiceMs, pathsFrom } from './traffic.ts'

const choicesOf = (traffic: Traffic, offered: ReadonlyMap<string, readonly EndpointSlice[]>, have: readonly EndpointSlice[]) =>
  chosenOf(idOf('north'), traffic, offered, have).choices
const now = new Date('2030-01-01T00:01:00Z')

const connected = (changes: readonly Partial<Connection>[], status: object = {}): GatewayEndpoint => {
  const gateway = gatewayOf('east')
  const [one] = gateway.status?.connections ?? []
  return {
    ...gateway,
    status: {
      ...gateway.status,
      ...status,
      connections: changes.map((change, i) => ({ ...one, endpoint: `gw-${i}`, ...change }) as Connection),
    },
  }
}
const toWest = (...gateways: readonly GatewayEndpoint[]) => pathsFrom(idOf('east'), gateways, now)('west')

suite('the path to a cluster', () => {
  test('is here for this one, open to one of which nothing is said, and unknown while no gateway leads', () => {
    const open = { kind: 'open', rttMicros: undefined }
    assert.deepEqual(pathsFrom(idOf('east'), [], now)('east'), { kind: 'here' })
    assert.deepEqual(toWest(), open)
    assert.deepEqual(toWest(gatewayOf('west', { clusterID: idOf('west'), state: 'Error' })), open)
    assert.deepEqual(toWest(connected([])), open)
    assert.deepEqual(toWest(connected([{ state: 'Error' }], { role: 'Standby' })), { kind: 'unknown', rttMicros: undefined })
  })

  test('has the shortest round trip of its cables', () =>
    assert.deepEqual(toWest(connected([{ rttMicros: 900 }, { rttMicros: 700 }])), { kind: 'open', rttMicros: 700 }))

  test('is dead when every cable is in error, and unknown while one still connects', () => {
    const error = { state: 'Error', rttMicros: undefined } as const
    assert.deepEqual(toWest(connected([error, error])), { kind: 'dead', why: 'the cable to it carries nothing' })
    assert.equal(toWest(connected([error, { ...error, state: 'Connecting' }])).kind, 'unknown')
    assert.equal(toWest(connected([{ state: 'Connecting' }, {}])).kind, 'open')
  })

  test('is back for a while when it was not always there, and no cable is older', () => {
    const since = (second: string) => ({ since: `2030-01-01T00:00:${second}Z` })
    assert.deepEqual(toWest(connected([since('57')])), { kind: 'back', forMs: 3000, rttMicros: 900 })
    assert.equal(toWest(connected([since('55')])).kind, 'open')
    assert.equal(toWest(connected([since('57'), since('10')])).kind, 'open')
    assert.equal(toWest(connected([since('57'), { ...since('10'), state: 'Error' }])).kind, 'back')
    // By a clock that is ahead.
    assert.equal(toWest(connected([{ since: '2030-01-01T00:01:03Z' }])).kind, 'open')
  })

  test('shares a zone where both have one, also if both have others, and else perhaps a region', () => {
    const at = (cluster: 'east' | 'west', zones: string[], regions: string[]): GatewayEndpoint => {
      const gateway = cluster === 'east' ? connected([{ rttMicros: 700 }]) : gatewayOf(cluster)
      return { ...gateway, spec: { ...gateway.spec, topology: { zones, regions } } }
    }
    const shared = (...gateways: readonly GatewayEndpoint[]) => {
      const path = toWest(...gateways)
      return path.kind === 'open' ? path.shared : path.kind
    }
    const east = at('east', ['a', 'b'], ['eu'])
    assert.equal(shared(east, at('west', ['b', 'c'], ['eu'])), 'Zone')
    assert.equal(shared(east, at('west', ['c'], ['eu', 'us'])), 'Region')
    assert.equal(shared(east, at('west', ['c'], ['us'])), undefined)
    assert.equal(shared(east, gatewayOf('west')), undefined)
    // Zones of two regions that have one name, and one of which no region is said.
    assert.equal(shared(east, at('west', ['a'], ['us'])), undefined)
    assert.equal(shared(east, at('west', ['a'], [])), 'Zone')
    // Of several gateways of a cluster, which may have been told at different times.
    assert.equal(shared(east, at('west', ['c'], ['eu']), at('west', ['a'], ['eu'])), 'Zone')
  })

  test('cut off from is who has only cables in error', () => {
    const north = idOf('north')
    const error = { state: 'Error' } as const
    assert.deepEqual(cutOffFrom(connected([error, error])), ['west'])
    assert.deepEqual(cutOffFrom(connected([error, {}, { ...error, clusterID: north }])), ['north'])
    assert.deepEqual(cutOffFrom(connected([])), [])
  })

  test('is what the gateway says that leads: the one of the highest term', () => {
    const before = connected([{ state: 'Error' }], { term: 3 })
    const current = connected([{ rttMicros: 500 }], { term: 4 })
    const standby = connected([{ rttMicros: 1 }], { role: 'Standby', term: 9 })
    assert.deepEqual(toWest(before, current, standby), { kind: 'open', rttMicros: 500 })
  })
})

suite('what a choice is made from', () => {
  const of = (cluster: 'east' | 'west', pods: readonly number[], rest: Partial<EndpointSlice> = {}, ready = true) => {
    const slice = sliceOf(cluster, pods, { conditions: { ready } }, rest)
    return { ...slice, metadata: { ...slice.metadata, labels: { [mcsSourceClusterLabel]: cluster } } }
  }
  const spec = { order: [idOf('east'), idOf('west')], minReadyEndpoints: 2 }
  const stateOf = (cluster: string, east: readonly EndpointSlice[], have: readonly EndpointSlice[] = []) =>
    choicesOf(
      { policy: spec, fleets: undefined, pathTo: () => ({ kind: 'open', rttMicros: undefined }) },
      new Map([
        ['east', east],
        ['west', [of('west', [1])]],
      ]),
      have,
    ).find((choice) => choice.cluster === cluster)?.state

  test('endpoints of all slices count, those of two families once, those that are not ready not', () => {
    assert.equal(stateOf('west', [of('east', [1]), of('east', [2])]), 'Standby')
    assert.equal(stateOf('west', [of('east', [1]), of('east', [1], { addressType: 'IPv6' })]), 'Answers')
    assert.equal(stateOf('west', [of('east', [1]), of('east', [2], {}, false)]), 'Answers')
    assert.equal(stateOf('east', [of('east', [], { endpoints: null })]), 'Unready')
  })

  test('who answers now is read from the slices there are', () => {
    const east = [of('east', [1, 2]), of('east', [3], {}, false)]
    assert.equal(stateOf('west', east), 'Standby')
    assert.equal(stateOf('west', east, [of('west', [1])]), 'Answers')
  })

  suite('without a policy', () => {
    const dead: KnownPath = { kind: 'dead', why: 'it is cut off' }
    const back: KnownPath = { kind: 'back', forMs: 2000, rttMicros: undefined }
    const answering = (path: KnownPath, east: readonly EndpointSlice[], have: readonly EndpointSlice[] = []) =>
      choicesOf(
        { policy: undefined, fleets: undefined, pathTo: (cluster) => (cluster === 'west' ? path : { kind: 'here' }) },
        new Map([
          ['east', east],
          ['west', [of('west', [1])]],
        ]),
        have,
      ).flatMap(({ cluster, state }) => (state === 'Answers' ? [cluster] : []))

    test('who answers goes on while nobody knows whether the path holds, and who does not waits: a gateway that begins anew moves no calls', () => {
      const unknown: KnownPath = { kind: 'unknown', rttMicros: 700 }
      const east = [of('east', [1])]
      assert.deepEqual(answering(unknown, east, [of('west', [1])]), ['east', 'west'])
      assert.deepEqual(answering(unknown, east, [of('east', [1])]), ['east'])
      assert.deepEqual(answering(unknown, [of('east', [1], {}, false)]), ['east', 'west'], 'nobody else could')
    })

    test('all answer, ready or not, but who is cut off while another has a ready endpoint', () => {
      const notReady = [of('east', [1], {}, false)]
      assert.deepEqual(answering({ kind: 'open', rttMicros: undefined }, notReady), ['east', 'west'])
      assert.deepEqual(answering(dead, [of('east', [1])]), ['east'])
      assert.deepEqual(answering(dead, notReady), ['east', 'west'])
    })

    test('who was left out comes back when its path has held; who was not stays', () => {
      const east = [of('east', [1])]
      assert.deepEqual(answering(back, east), ['east'])
      assert.deepEqual(answering(back, east, [of('west', [1])]), ['east', 'west'])
      const traffic = { policy: undefined, fleets: undefined, pathTo: () => back }
      assert.equal(nextChoiceMs(traffic, ['west'], []), 3000)
      assert.equal(nextChoiceMs(traffic, ['west'], [of('west', [1])]), undefined)
    })
  })
})
