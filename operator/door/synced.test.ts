import assert from 'node:assert/strict'
import type { Allocation } from '#crds/allocation.ts'
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { gatewayEndpointName } from '#crds/places.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import type { Owned } from './judge.ts'
import type { AllocationOf, Synced } from './synced.ts'
import { bringIn as bringInAs, publish, reader, syncedAllocation, syncedGatewayEndpoint } from './synced.ts'

const key = 'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg='
const otherKey = 'AAAA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg0='
const nameOf = gatewayEndpointName
const endpoint = (
  clusterID: string,
  node: string,
  namespace: string,
  name = nameOf(clusterID, node),
  connections?: readonly object[],
): GatewayEndpoint =>
  ({
    apiVersion: 'tombolo.dev/v1alpha1',
    kind: 'GatewayEndpoint',
    metadata: { name, namespace, uid: `uid-${node}`, resourceVersion: '7' },
    spec: {
      clusterID,
      node,
      candidates: [{ type: 'NodeInternal', address: '172.29.1.1', port: 51820 }],
      wireguard: { publicKey: key },
    },
    status: { role: 'Active', term: 3, ...(connections === undefined ? {} : { connections }) },
  }) as unknown as GatewayEndpoint
const allocation = (clusterID: string, namespace = `tombolo-m-${clusterID}`, name = 'allocation'): Allocation =>
  ({
    apiVersion: 'tombolo.dev/v1alpha1',
    kind: 'Allocation',
    metadata: { name, namespace },
    spec: { clusterID, podCIDRs: ['10.241.0.0/16'], serviceCIDRs: ['10.91.0.0/16'] },
  }) as unknown as Allocation

/** Every cluster was admitted, if nothing else is said. */
const admitted: AllocationOf = (clusterID) => allocation(clusterID)
const bringIn = <T extends Owned>(
  synced: Synced<T>,
  self: string,
  atBroker: readonly KubeObject[],
  local: readonly T[],
  read = reader(synced, admitted),
) => bringInAs(synced, self, atBroker, local, read)

suite('the door, outward', () => {
  test('publishes our own objects with their status, into our namespace, and nothing the apiserver added', () => {
    const { put, drop } = publish(
      syncedGatewayEndpoint,
      'east',
      [endpoint('east', 'n1', 'tombolo-system'), endpoint('west', 'n1', 'tombolo-system')],
      [],
    )
    assert.deepEqual(
      put.map((c) => [c.object.metadata.namespace, c.object.metadata.name, c.object.metadata.uid, c.status]),
      [['tombolo-m-east', nameOf('east', 'n1'), undefined, { role: 'Active', term: 3 }]],
    )
    assert.deepEqual(drop, [])
  })

  test('makes an object anew when its key is another: at the broker a key does not change', () => {
    const spec = { ...endpoint('east', 'n1', '').spec, wireguard: { publicKey: otherKey } }
    const [local, published] = [endpoint('east', 'n1', 'tombolo-system'), endpoint('east', 'n1', 'tombolo-m-east')]
    const renewed = { ...local, spec }
    const first = publish(syncedGatewayEndpoint, 'east', [renewed], [published])
    assert.deepEqual([first.put, first.drop], [[], [published]])
    const then = publish(syncedGatewayEndpoint, 'east', [renewed], [])
    assert.deepEqual([then.put.length, then.drop], [1, []])
    const same = publish(syncedGatewayEndpoint, 'east', [local], [published])
    assert.deepEqual([same.put.length, same.drop], [1, []])
  })

  test('takes back what we no longer have, and only from our own namespace', () => {
    const { drop } = publish(
      syncedGatewayEndpoint,
      'east',
      [],
      [endpoint('east', 'n2', 'tombolo-m-east'), endpoint('west', 'n1', 'tombolo-m-west')],
    )
    assert.deepEqual(
      drop.map((o) => o.metadata.name),
      [nameOf('east', 'n2')],
    )
  })
})

suite('the door, inward', () => {
  test('a copy with another key is made anew: nobody makes a key look older than it is', () => {
    const remote = endpoint('west', 'n1', 'tombolo-m-west')
    const spec = { ...remote.spec, wireguard: { publicKey: otherKey } }
    const local = { ...endpoint('west', 'n1', 'tombolo-system'), spec } as unknown as GatewayEndpoint
    const first = bringIn(syncedGatewayEndpoint, 'east', [remote], [local])
    assert.deepEqual([first.put, first.drop], [[], [local]])
    const then = bringIn(syncedGatewayEndpoint, 'east', [remote], [])
    assert.deepEqual([then.put.length, then.drop], [1, []])
    const later = bringIn(syncedGatewayEndpoint, 'east', [remote], [endpoint('west', 'n1', 'tombolo-system')])
    assert.deepEqual([later.put.length, later.drop], [1, []])
  })

  const unreachable: readonly (readonly [string, RegExp])[] = [
    ['127.0.0.1', /unicast address/],
    ['169.254.169.254', /unicast address/],
    ['010.1.1.1', /an IPv4 or IPv6 address/],
    ['10.91.0.1', /no candidate may be an address of a pod or a Service/],
  ]
  for (const [address, why] of unreachable)
    test(`a gateway that would have us send to ${address} is refused by the rules of the broker, and stays out`, () => {
      const west = endpoint('west', 'n1', 'tombolo-m-west')
      const spec = { ...west.spec, candidates: [{ type: 'NodeInternal', address, port: 1 }] }
      const twisted = { ...west, spec } as GatewayEndpoint
      const { put, refused } = bringIn(syncedGatewayEndpoint, 'east', [twisted], [])
      assert.deepEqual(put, [])
      assert.match(refused[0]?.why ?? '', why)
    })

  test('a gateway that comes before what its cluster was admitted with is judged when that is there', () => {
    const west = endpoint('west', 'n1', 'tombolo-m-west')
    const twisted = { ...west, spec: { ...west.spec, candidates: [{ type: 'NodeInternal', address: '10.91.0.1', port: 1 }] } }
    const known = new Map<string, Allocation>()
    const read = reader(syncedGatewayEndpoint, (clusterID) => known.get(clusterID))
    const count = () => bringIn(syncedGatewayEndpoint, 'east', [twisted as GatewayEndpoint], [], read).put.length
    assert.equal(count(), 1)
    known.set('west', allocation('west'))
    assert.equal(count(), 0)
  })

  test('copies the others’ gateways and leaves our own where they are', () => {
    const own = endpoint('east', 'n1', 'tombolo-system')
    const { put, drop } = bringIn(
      syncedGatewayEndpoint,
      'east',
      [endpoint('west', 'n1', 'tombolo-m-west'), endpoint('east', 'n1', 'tombolo-m-east')],
      [own],
    )
    assert.deepEqual(
      put.map((c) => [c.object.metadata.namespace, c.object.metadata.name]),
      [['tombolo-system', nameOf('west', 'n1')]],
    )
    assert.deepEqual(drop, [])
  })

  test('a copy says since when the broker has the object: however late a cluster comes, it tells whose a key was first', () => {
    const remote = endpoint('west', 'n1', 'tombolo-m-west')
    const published = { ...remote, metadata: { ...remote.metadata, creationTimestamp: '2026-01-01T00:00:00Z' } }
    const [copy] = bringIn(syncedGatewayEndpoint, 'east', [published], []).put
    assert.deepEqual(copy?.object.metadata.annotations, { 'tombolo.dev/published-at': '2026-01-01T00:00:00Z' })
  })

  test('copies every Allocation, our own too: routes are built from admitted addresses only', () => {
    const { put } = bringIn(syncedAllocation, 'east', [allocation('east'), allocation('west')], [])
    assert.deepEqual(
      put.map((c) => c.object.metadata.name),
      ['east', 'west'],
    )
  })

  test('a member that left takes its copies with it', () => {
    const { drop } = bringIn(syncedGatewayEndpoint, 'east', [], [endpoint('west', 'n1', 'tombolo-system')])
    assert.deepEqual(
      drop.map((o) => o.metadata.name),
      [nameOf('west', 'n1')],
    )
  })

  test('on a broker that is a member itself, its own copies are nobody’s word', () => {
    const { put, refused } = bringIn(
      syncedGatewayEndpoint,
      'east',
      [endpoint('west', 'n1', 'tombolo-m-west'), endpoint('west', 'n1', 'tombolo-system')],
      [],
    )
    assert.deepEqual([put.length, refused], [1, []])
  })

  test('a name that its content does not have is refused: it would be another cluster’s copy, or our own object', () => {
    const west = endpoint('west', 'n1', 'tombolo-m-west')
    const overWest = endpoint('mal', 'x', 'tombolo-m-mal', west.metadata.name)
    const own = endpoint('east', 'n1', 'tombolo-system')
    const overOurs = endpoint('mal', 'y', 'tombolo-m-mal', own.metadata.name)
    const { put, refused } = bringIn(syncedGatewayEndpoint, 'east', [west, overWest, overOurs], [own])
    assert.deepEqual(
      put.map((c) => [c.object.metadata.name, (c.object as GatewayEndpoint).spec.clusterID]),
      [[west.metadata.name, 'west']],
    )
    assert.deepEqual(
      refused.map((r) => r.object),
      [`GatewayEndpoint tombolo-m-mal/${west.metadata.name}`, `GatewayEndpoint tombolo-m-mal/${own.metadata.name}`],
    )
    const second = bringIn(syncedAllocation, 'east', [allocation('west'), allocation('west', 'tombolo-m-west', 'x')], [])
    assert.deepEqual([second.put.length, second.refused.length], [1, 1])
  })

  test('of a peer’s connections only those with us are copied: the others are nothing to us, and change all the time', () => {
    const connections = ['east', 'south'].map((clusterID) => ({
      endpoint: nameOf(clusterID, 'n1'),
      clusterID,
      node: 'n1',
      state: 'Connected',
    }))
    const west = endpoint('west', 'n1', 'tombolo-m-west', undefined, connections)
    assert.deepEqual(
      bringIn(syncedGatewayEndpoint, 'east', [west], []).put.map((c) => c.status),
      [{ role: 'Active', term: 3, connections: [connections[0]] }],
    )
    assert.deepEqual(
      publish(syncedGatewayEndpoint, 'west', [{ ...west }], []).put.map((c) => c.status),
      [west.status],
    )
  })

  test('one cluster has a place for so many gateways, and no more', () => {
    const many = Array.from({ length: 40 }, (_, n) => endpoint('mal', `n${n}`, 'tombolo-m-mal'))
    const { put, refused } = bringIn(syncedGatewayEndpoint, 'east', [...many, endpoint('west', 'n1', 'tombolo-m-west')], [])
    assert.deepEqual([put.length, refused.length], [33, 8])
    assert.match(refused[0]?.why ?? '', /more than 32/)
  })

  test('an object is judged once, however many passes look at it', () => {
    let reads = 0
    const kind = { ...syncedGatewayEndpoint.kind, parse: (o: unknown) => (reads++, syncedGatewayEndpoint.kind.parse(o)) }
    const counting = { ...syncedGatewayEndpoint, kind }
    const read = reader(counting, admitted)
    const all = [endpoint('west', 'n1', 'tombolo-m-west'), endpoint('south', 'n1', 'tombolo-m-south')]
    bringIn(counting, 'east', all, [], read)
    bringIn(counting, 'east', all, [], read)
    assert.equal(reads, 2)
  })

  const hostile: readonly (readonly [string, KubeObject, RegExp])[] = [
    ['one that speaks for another cluster', endpoint('north', 'n1', 'tombolo-m-west'), /speaks for north/],
    [
      'one without a spec',
      { apiVersion: 'tombolo.dev/v1alpha1', kind: 'GatewayEndpoint', metadata: { name: 'x', namespace: 'tombolo-m-west' } },
      /spec/,
    ],
    [
      'one with a port of 0',
      withSpec({ candidates: [{ type: 'NodeInternal', address: '172.29.1.1', port: 0 }] }),
      /candidates\.0\.port/,
    ],
    [
      'one with a zero-padded address',
      withSpec({ candidates: [{ type: 'NodeInternal', address: '010.1.1.1', port: 1 }] }),
      /address/,
    ],
    ['one with a key that is no key', withSpec({ wireguard: { publicKey: 'x'.repeat(44) } }), /publicKey/],
  ]
  for (const [name, object, why] of hostile) {
    test(`${name} is refused, named, and stops nobody else`, () => {
      const { put, refused } = bringIn(syncedGatewayEndpoint, 'east', [object, endpoint('south', 'n1', 'tombolo-m-south')], [])
      assert.deepEqual(
        put.map((c) => c.object.metadata.name),
        [nameOf('south', 'n1')],
      )
      assert.equal(refused.length, 1)
      assert.match(`${refused[0]?.object} ${refused[0]?.why}`, why)
    })
  }
})

function withSpec(change: object): KubeObject {
  const object = endpoint('west', 'n1', 'tombolo-m-west')
  return { ...object, spec: { ...object.spec, ...change } }
}
