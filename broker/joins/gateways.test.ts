import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Connection, GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import type { ClusterID } from '#lib/net/cluster-id.ts'
import { keptFree, mostKeptFree } from './gateways.ts'

const now = new Date('2026-01-01T01:00:00Z')
const [fresh, old] = ['2026-01-01T00:50:00Z', '2026-01-01T00:45:00Z']
const ids = (...names: readonly string[]) => new Set(names as ClusterID[])

const gateway = (
  id: string,
  node: string,
  addresses: readonly string[],
  creationTimestamp: string,
  connections: readonly Partial<Connection>[] = [],
): GatewayEndpoint =>
  ({
    metadata: { name: `${id}-${node}`, namespace: `tombolo-m-${id}`, creationTimestamp },
    spec: { clusterID: id, node, candidates: addresses.map((address) => ({ type: 'NodeInternal', address, port: 51820 })) },
    status: { connections },
  }) as unknown as GatewayEndpoint

const reaches = (endpoint: string, address: string, state: Connection['state'] = 'Connected'): Partial<Connection> => ({
  endpoint,
  clusterID: endpoint.slice(0, endpoint.indexOf('-')) as ClusterID,
  state,
  address,
})
const kept = (gateways: readonly GatewayEndpoint[], admitted = ids('east', 'west')) =>
  keptFree(gateways, admitted, now).map(({ clusterID, address }) => `${clusterID} ${address}`)

suite('addresses that are kept free for gateways', () => {
  test('are those of a new gateway, on its word', () =>
    assert.deepEqual(kept([gateway('east', '1', ['192.0.2.1', '198.51.100.1'], fresh)]), ['east 192.0.2.1', 'east 198.51.100.1']))

  test('after a while only those at which another member reaches it, behind whatever port', () => {
    const own = gateway('east', '1', ['192.0.2.1', '10.9.0.1', '2001:db8::1'], old)
    assert.deepEqual(kept([own]), [])
    const far = [
      reaches('east-1', '192.0.2.1:40000'),
      reaches('east-1', '[2001:db8::1]:51820'),
      reaches('east-1', '10.9.0.1:1', 'Error'),
    ]
    assert.deepEqual(kept([own, gateway('west', '1', ['192.0.2.9'], old, far)]), ['east 192.0.2.1', 'east 2001:db8::1'])
  })

  test('not those at which it says of itself, or of a gateway of another name, that it is reached', () => {
    const liar = gateway('east', '1', ['10.9.0.1'], old, [reaches('east-1', '10.9.0.1:51820')])
    assert.deepEqual(kept([liar, gateway('west', '1', ['192.0.2.9'], old, [reaches('east-2', '10.9.0.1:51820')])]), [])
  })

  test('in a fleet of one nobody else can tell, and all are kept', () =>
    assert.deepEqual(kept([gateway('east', '1', ['192.0.2.1'], old)], ids('east')), ['east 192.0.2.1']))

  test('whatever members announce, one keeps so many and no more, those that are reached first, and takes none from another', () => {
    const address = fc.tuple(fc.nat(3), fc.nat(255)).map(([a, b]) => `10.${a}.${b}.1`)
    const announced = fc.array(
      fc.tuple(fc.constantFrom('east', 'west', 'north'), fc.array(address, { minLength: 1, maxLength: 8 })),
      {
        maxLength: 30,
      },
    )
    fc.assert(
      fc.property(announced, address, (all, real) => {
        const noise = all.map(([id, addresses], n) => gateway(id, `${n}`, addresses, fresh))
        const honest = gateway('west', 'real', [real], old)
        const witness = gateway('east', 'witness', ['192.0.2.1'], old, [reaches('west-real', `${real}:51820`)])
        const found = keptFree([...noise, honest, witness], ids('east', 'west', 'north'), now)
        const counts = Map.groupBy(found, (one) => one.clusterID)
        for (const [id, own] of counts) assert.ok(own.length <= mostKeptFree, `${id} keeps ${own.length}`)
        assert.ok(found.some((one) => one.clusterID === 'west' && one.address === real))
      }),
    )
  })
})
