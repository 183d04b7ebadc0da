import assert from 'node:assert/strict'
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { gatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { gatewayOf, keyOf } from '#test/kit/gateway.ts'
import type { Identity, StatusFacts } from './publish.ts'
import type { PathReading } from './path/paths.ts'
import { endpointOf, faultStatus, statusOf } from './publish.ts'

const self = {
  clusterID: 'east',
  node: 'n1',
  bootID: 'aa',
  nodeAddress: '192.0.2.7',
  namespace: 'tombolo-system',
  publicKey: keyOf('east/n1'),
  port: 51820,
  cables: ['wireguard'],
  ipsecPort: 4500,
} satisfies Identity
const joined = { kept: ['wireguard'], use: 'wireguard', presharedKey: undefined } as const
const peer = { ...gatewayOf('west', 'n1'), ...joined, carries: true }
const facts = (rttMs: number, change: Partial<StatusFacts> = {}): StatusFacts => ({
  claim: { role: 'Active', term: 2 },
  duty: 'Full',
  driver: 'wireguard (kernel)',
  peers: [peer],
  cables: [{ cable: 'wireguard', publicKey: peer.publicKey, address: '192.0.2.1:51820', rxBytes: 1, txBytes: 1 }],
  pulses: [{ publicKey: peer.publicKey, link: { state: 'Connected', rttMs } } as StatusFacts['pulses'][number]],
  paths: new Map(),
  refused: [],
  now: new Date('2030-01-01T00:00:00Z'),
  freshRtt: true,
  ...change,
})
const nowhere = { zones: [], regions: [] }
const endpoint = (status: GatewayEndpoint['status']) =>
  ({ ...endpointOf(self, new Map(), undefined, nowhere), status }) as GatewayEndpoint
const rtt = (status: GatewayEndpoint['status']) => status?.connections?.[0]?.rttMicros

suite('what a gateway says of itself', () => {
  test('says which way packets take and why, and through a relay no address', () => {
    const through = (path: PathReading) => {
      const status = statusOf(undefined, facts(1, { paths: new Map([[peer.publicKey, path]]) }))
      assert.ok(gatewayEndpoint.parse(endpoint(status)).ok)
      const [one] = status.connections ?? []
      return [one?.path, one?.relay, one?.pathReason, one?.address]
    }
    assert.deepEqual(through({ path: 'Direct', reason: 'Answers' }), ['Direct', undefined, 'Answers', '192.0.2.1:51820'])
    assert.deepEqual(through({ path: 'Relay', relay: 'hub/n1', reason: 'Silent' }), ['Relay', 'hub/n1', 'Silent', undefined])
  })

  test('names where it is heard from behind a NAT, after its own address', () => {
    const said = endpointOf(self, new Map(), undefined, nowhere, { address: '203.0.113.9', port: 4242 }) as GatewayEndpoint
    assert.deepEqual(
      said.spec.candidates.map(({ type, address, port }) => `${type} ${address}:${port}`),
      [`NodeInternal ${self.nodeAddress}:51820`, 'Reflexive 203.0.113.9:4242'],
    )
  })

  test('is a good GatewayEndpoint', () => assert.ok(gatewayEndpoint.parse(endpoint(statusOf(undefined, facts(0.9)))).ok))

  test('says where its cluster is, if anybody knows', () => {
    const of = (zones: string[], regions: string[]) =>
      (endpointOf(self, new Map(), undefined, { zones, regions }) as GatewayEndpoint).spec.topology
    assert.deepEqual([of([], []), of(['a'], [])], [undefined, { zones: ['a'], regions: [] }])
  })

  test('says what passes where that is less than the cable’s device takes', () => {
    const mtuOf = (size: number | undefined) => {
      const [pulse] = facts(1).pulses
      const pulses = pulse === undefined ? [] : [{ ...pulse, most: 1420, size }]
      return statusOf(undefined, facts(1, { pulses })).connections?.[0]?.mtu
    }
    assert.deepEqual([1420, 1320, undefined].map(mtuOf), [undefined, 1320, undefined])
  })

  test('with more peers than it has room for it says what it can, those that carry traffic first', () => {
    const peers = Array.from({ length: 1100 }, (_, n) => ({
      ...gatewayOf(`c${n}`, 'n1', { publicKey: peer.publicKey }),
      ...joined,
      carries: n >= 1090,
    }))
    const status = statusOf(undefined, facts(1, { peers }))
    assert.ok(gatewayEndpoint.parse(endpoint(status)).ok)
    const said = new Set(status.connections?.map((c): string => c.clusterID))
    assert.ok(peers.filter((p) => p.carries).every((p) => said.has(p.clusterID)))
  })

  test('an idle gateway comes to the same words, so that nothing is written', () => {
    const before = statusOf(undefined, facts(0.9))
    const later = facts(0.95, { now: new Date('2030-01-01T01:00:00Z'), cables: [{ ...facts(1).cables[0]!, rxBytes: 999 }] })
    assert.deepEqual(statusOf(endpoint(before), later), before)
  })

  test('a round trip is published anew only when it is wrong by much, and not too often', () => {
    const before = endpoint(statusOf(undefined, facts(1)))
    assert.equal(rtt(statusOf(before, facts(5.9))), 1000)
    assert.equal(rtt(statusOf(before, facts(9))), 9000)
    assert.equal(rtt(statusOf(before, facts(9, { freshRtt: false }))), 1000)
  })

  test('a peer that is not taken is a condition with its reason', () => {
    const { conditions } = statusOf(undefined, facts(1, { refused: [{ about: 'north', says: 'its 10.0.0.0/8 overlaps ours' }] }))
    assert.match(conditions?.find((c) => c.type === 'PeersAccepted')?.message ?? '', /north: its 10\.0\.0\.0\/8/)
  })

  test('one that was drained or whose node is cordoned says so, and how it is undone', () => {
    const said = (duty: StatusFacts['duty']) =>
      statusOf(undefined, facts(1, { duty })).conditions?.find((c) => c.type === 'Electable')
    assert.equal(said('Full')?.status, 'True')
    assert.deepEqual([said('Drained')?.reason, said('Cordoned')?.reason], ['Drained', 'Cordoned'])
    assert.match(said('Drained')?.message ?? '', /tombolo gateway uncordon/)
  })

  test('one that cannot set its node up says so, carries nothing, and takes it back when it can', () => {
    const fault = faultStatus(undefined, { role: 'Active', term: 2 }, new Error('no /dev/net/tun'), new Date(), 'long')
    assert.deepEqual([fault.role, fault.connections], ['Standby', []])
    const ready = (status: GatewayEndpoint['status']) => status?.conditions?.find((c) => c.type === 'Ready')
    assert.match(ready(fault)?.message ?? '', /no \/dev\/net\/tun/)
    assert.equal(ready(statusOf(endpoint(fault), facts(1)))?.status, 'True')
  })

  test('names its cables where they are not WireGuard’s alone, and IPsec once it has a certificate', () => {
    const spec = (cables: Identity['cables'], certificate?: string) =>
      (endpointOf({ ...self, cables }, new Map(), certificate, nowhere) as GatewayEndpoint).spec
    assert.deepEqual([spec(['wireguard'], 'PEM').cables, spec(['wireguard'], 'PEM').ipsec], [undefined, undefined])
    assert.deepEqual([spec(['ipsec', 'wireguard']).cables, spec(['ipsec']).ipsec], [['ipsec', 'wireguard'], undefined])
    assert.deepEqual(spec(['ipsec'], 'PEM').ipsec, { port: 4500, certificate: 'PEM' })
  })
})
