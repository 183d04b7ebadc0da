// What is taken of another gateway's word on its cables.
import assert from 'node:assert/strict'
import { allocation } from '#crds/allocation.ts'
import { gatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { gatewayDNSName, gatewayEndpointName } from '#crds/places.ts'
import { keyOf } from '#test/kit/gateway.ts'
import { decisiveOf, fleetOf } from './observe.ts'

const { apiVersion } = gatewayEndpoint
const allocations = ['east', 'west'].map((id, n) => ({
  apiVersion,
  kind: allocation.kind,
  metadata: { name: id },
  spec: {
    clusterID: id,
    podCIDRs: [`10.24${n}.0.0/16`],
    serviceCIDRs: [`10.9${n}.0.0/16`],
    state: 'Admitted',
    exports: { ungranted: 'Allow' },
  },
}))
const west = (says: object) => ({
  apiVersion,
  kind: gatewayEndpoint.kind,
  metadata: { name: gatewayEndpointName('west', 'n1') },
  spec: {
    clusterID: 'west',
    node: 'n1',
    candidates: [{ type: 'NodeInternal', address: '192.0.2.1', port: 51820 }],
    wireguard: { publicKey: keyOf('west/n1') },
    ...says,
  },
})

suite('the cables of another gateway', () => {
  const ipsec = { port: 4500, certificate: 'PEM' }
  const taken = (says: object, believed: boolean) => {
    const asked: (readonly string[])[] = []
    const { remoteGateways, refused } = fleetOf('east', allocations, [west(says)], (...of) => {
      asked.push(of)
      return believed
    })
    assert.deepEqual(refused, [])
    const [gateway] = remoteGateways
    assert.ok(gateway !== undefined)
    return { cables: gateway.cables, certified: gateway.certified, asked }
  }
  const dnsName = gatewayDNSName('west', 'n1')

  test('that says nothing are WireGuard’s', () =>
    assert.deepEqual(taken({}, true), { cables: ['wireguard'], certified: undefined, asked: [] }))

  test('are IPsec’s as well if its certificate is believed, for its own cluster and node', () =>
    assert.deepEqual(taken({ cables: ['ipsec', 'wireguard'], ipsec }, true), {
      cables: ['ipsec', 'wireguard'],
      certified: { ...ipsec, dnsName },
      asked: [['PEM', dnsName]],
    }))

  test('are not IPsec’s with a certificate that is not believed, or without one', () => {
    assert.deepEqual(taken({ cables: ['ipsec', 'wireguard'], ipsec }, false).cables, ['wireguard'])
    assert.deepEqual(taken({ cables: ['ipsec', 'wireguard'] }, true).cables, ['wireguard'])
    assert.deepEqual(taken({ cables: ['ipsec'], ipsec }, false), { cables: [], certified: undefined, asked: [['PEM', dnsName]] })
  })
})

suite('what a gateway looks at of another', () => {
  const seen = (...connections: readonly object[]) => {
    const read = gatewayEndpoint.parse({ ...west({}), status: { role: 'Active', term: 1, connections } })
    return read.ok ? JSON.stringify(decisiveOf('east')(read.value)) : assert.fail(JSON.stringify(read.error))
  }
  const to = (clusterID: string, more: object = {}) => ({
    endpoint: `${clusterID}-n1`,
    clusterID,
    node: 'n1',
    state: 'Connected',
    address: '192.0.2.7:51820',
    ...more,
  })

  test('is where it hears this cluster, and whether it does', () => {
    assert.notEqual(seen(to('east')), seen(to('east', { address: '192.0.2.8:51820' })))
    assert.notEqual(seen(to('east')), seen(to('east', { state: 'Error' })))
  })

  test('is neither where it hears others nor how fast', () => {
    assert.equal(seen(to('east'), to('north')), seen(to('east', { rttMicros: 9 }), to('north', { address: '192.0.2.8:4242' })))
    assert.equal(seen(to('east', { state: 'Error' })), seen(to('east', { state: 'Connecting' })))
  })
})

suite('what another gateway says of where it hears ours', () => {
  const heard = (connection: object) =>
    fleetOf(
      'east',
      allocations,
      [
        {
          ...west({}),
          status: {
            connections: [
              {
                endpoint: 'east-x',
                clusterID: 'east',
                node: 'n1',
                state: 'Connected',
                address: '203.0.113.9:4242',
                ...connection,
              },
            ],
          },
        },
      ],
      () => true,
    ).heardAt
  test('is taken of WireGuard that goes straight, and of no other cable or way', () => {
    assert.deepEqual(heard({ cable: 'wireguard', path: 'Direct' }), [{ by: 'west', node: 'n1', address: '203.0.113.9:4242' }])
    for (const other of [{ cable: 'ipsec' }, {}, { cable: 'wireguard', path: 'Relay' }, { cable: 'wireguard', state: 'Error' }])
      assert.deepEqual(heard(other), [])
  })
})

test('one address in two spellings is one', () => {
  const candidates = [{ type: 'NodeInternal', address: '2001:DB8:0:0::1', port: 51820 }]
  const { remoteGateways } = fleetOf('east', allocations, [west({ candidates })], () => true)
  assert.deepEqual(
    remoteGateways.map((g) => g.candidates),
    [[{ address: '2001:db8::1', port: 51820 }]],
  )
})
