import assert from 'node:assert/strict'
import type { Connection, GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { mcsSourceClusterLabel } from '#crds/places.ts'
import type { EndpointSlice } from '#lib/kube/kinds.ts'
import { gatewayOf } from '#test/kit/snapshot.ts'
import { idOf, sliceOf } from '#test/kit/services.ts'
import { choicesOf, pathsFrom } from './traffic.ts'

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
const toWest = (...gateways: readonly GatewayEndpoint[]) => pathsFrom(idOf('east'), gateways)('west')

suite('the path to a cluster', () => {
  test('is here for this one, and open to one of which nothing is known', () => {
    assert.deepEqual(pathsFrom(idOf('east'), [])('east'), { kind: 'here' })
    assert.deepEqual(toWest(), { kind: 'open', rttMicros: undefined })
    assert.deepEqual(toWest(gatewayOf('west', { clusterID: idOf('west'), state: 'Error' })), {
      kind: 'open',
      rttMicros: undefined,
    })
  })

  test('has the shortest round trip of its cables', () =>
    assert.deepEqual(toWest(connected([{ rttMicros: 900 }, { rttMicros: 700 }])), { kind: 'open', rttMicros: 700 }))

  test('is dead when every cable is in error, and not while one still connects', () => {
    const error = { state: 'Error', rttMicros: undefined } as const
    assert.deepEqual(toWest(connected([error, error])), { kind: 'dead' })
    assert.equal(toWest(connected([error, { ...error, state: 'Connecting' }])).kind, 'open')
  })

  test('is what the gateway says that leads: the one of the highest term', () => {
    const before = connected([{ state: 'Error' }], { term: 3 })
    const now = connected([{ rttMicros: 500 }], { term: 4 })
    const standby = connected([{ rttMicros: 1 }], { role: 'Standby', term: 9 })
    assert.deepEqual(toWest(before, now, standby), { kind: 'open', rttMicros: 500 })
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
      { policy: spec, pathTo: () => ({ kind: 'open', rttMicros: undefined }) },
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
})
