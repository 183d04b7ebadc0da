import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Allocation } from '#crds/allocation.ts'
import { exportedEndpoints } from '#crds/exported-endpoints.ts'
import { contentLabel } from '#crds/places.ts'
import { exportedService } from '#crds/exported-service.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import { allocationOf, constituent, endpoints, http } from '#test/kit/services.ts'
import type { Allocations } from './believe.ts'
import { believer, doubles, oneOfContent, oneOfEach } from './believe.ts'

const known: readonly string[] = ['east', 'west']
const allocations: Allocations = (id) => (known.includes(id) ? allocationOf(id as 'east') : 'its cluster was not admitted')
const believe = believer(allocations)
/** As the wire could carry it: any spec under any name. */
const twisted = (object: KubeObject, spec: object, metadata: object = {}): KubeObject => ({
  ...object,
  metadata: { ...object.metadata, ...metadata },
  spec: { ...(object.spec as object), ...spec },
})

suite('what other members say', () => {
  test('is believed of themselves', () => {
    assert.deepEqual(believe.service(constituent('east')), { object: constituent('east'), refused: [] })
    assert.deepEqual(believe.endpoints(endpoints('east', [1])), { object: endpoints('east', [1]), refused: [] })
    assert.deepEqual(believe.about(endpoints('east', [1])), { clusterID: 'east', key: { namespace: 'shop', name: 'web' } })
  })

  test('is kept once: what is believed as it came is the object that came, and what is not is another', () => {
    const [service, whole] = [constituent('east'), endpoints('east', [1, 2])]
    assert.equal(believe.service(service).object, service)
    assert.equal(believe.endpoints(whole).object, whole)
    const more = twisted(whole, { more: 'than is known' })
    assert.deepEqual([believe.endpoints(more).object, more.spec === whole.spec], [whole, false])
  })

  test('is one thing of each service: of a cluster that says more the first by name counts, and the others are told of', () => {
    const said = (cluster: 'east' | 'west', name: string) => {
      const object = constituent(cluster)
      return { ...object, metadata: { ...object.metadata, name } }
    }
    fc.assert(
      fc.property(fc.shuffledSubarray(['1', '2', '30', '4'], { minLength: 1 }), (names) => {
        const all = [...names.map((name) => said('east', name)), said('west', '9')]
        const [first = '', ...others] = names.toSorted()
        assert.deepEqual(
          oneOfEach(all).map(({ metadata }) => metadata.name),
          [first, '9'],
        )
        assert.deepEqual(
          doubles(all),
          others
            .slice(0, 1)
            .map(
              (name) =>
                `ExportedService tombolo-m-east/${name}: shop/web: ${first} of the same cluster is that already${others.length > 1 ? `, and so for ${others.length - 1} more` : ''}`,
            ),
        )
      }),
    )
  })

  test('counts once of each object of endpoints: the first by name of those of one content', () => {
    const said = (name: string, content: string) => {
      const object = endpoints('east', [1])
      return { ...object, metadata: { ...object.metadata, name, labels: { [contentLabel]: content } } }
    }
    assert.deepEqual(
      oneOfContent([said('7', 'a'), said('5', 'b'), said('3', 'a')]).map(({ metadata }) => metadata.name),
      ['3', '5'],
    )
  })

  const services: readonly (readonly [string, KubeObject, RegExp])[] = [
    ['of another member', twisted(constituent('east'), { clusterID: 'west' }), /it speaks for west/],
    ['of a cluster that was not admitted', constituent('north'), /north.*was not admitted|not admitted/],
    ['without a spec', { ...constituent('east'), spec: undefined }, /spec/],
    [
      'with a port name that no Service can have',
      twisted(constituent('east'), { ports: [{ ...http, name: 'Port A' }] }),
      /ports\.0\.name/,
    ],
    ['with a label that no object can have', twisted(constituent('east'), { labels: { a: '-' } }), /labels\.a/],
    [
      'with more annotations than an object can have',
      twisted(constituent('east'), { annotations: Object.fromEntries(Array.from({ length: 33 }, (_, n) => [`a${n}`, ''])) }),
      /annotations: want at most 32/,
    ],
    [
      'with a key of an annotation that no object can have',
      twisted(constituent('east'), { annotations: { 'a b': '' } }),
      /annotations/,
    ],
    [
      'with an application protocol that is none',
      twisted(constituent('east'), { ports: [{ ...http, appProtocol: 'a b' }] }),
      /appProtocol/,
    ],
    [
      'with a key whose prefix is longer than any object can have',
      twisted(constituent('east'), { annotations: { [`${'a.'.repeat(130)}b/x`]: '' } }),
      /annotations/,
    ],
    [
      'with an annotation longer than any that is exported',
      twisted(constituent('east'), { annotations: { note: 'x'.repeat(200_000) } }),
      /annotations\.note/,
    ],
    ['of a type that is none', twisted(constituent('east'), { type: 'ExternalName' }), /spec\.type/],
    ['with a protocol that is none', twisted(constituent('east'), { ports: [{ ...http, protocol: 'QUIC' }] }), /protocol/],
    ['with an affinity that is none', twisted(constituent('east'), { sessionAffinity: 'Cookie' }), /sessionAffinity/],
    ['for a cluster that could be none', twisted(constituent('east'), { exportTo: ['west', '*'] }), /exportTo\.1/],
    ['for no cluster at all', twisted(constituent('east'), { exportTo: [] }), /exportTo/],
    [
      'for more clusters than a fleet has',
      twisted(constituent('east'), { exportTo: Array.from({ length: 501 }, (_, n) => `c${n}`) }),
      /exportTo/,
    ],
    ['with no family', twisted(constituent('east'), { ipFamilies: [] }), /ipFamilies/],
    ['with a name that is no Service’s', twisted(constituent('east'), { name: '../../x' }), /spec\.name/],
  ]
  for (const [name, object, why] of services)
    test(`a service ${name} is refused by name, and stands for nothing`, () => {
      const { object: read, refused } = believe.service(object)
      assert.equal(read, undefined)
      assert.match(refused.join(), why)
      assert.match(refused.join(), /^ExportedService tombolo-m-/)
    })

  test('endpoints outside the addresses of the cluster are dropped, counted and named; the others stay', () => {
    const all = ['10.1.0.1', '10.2.0.1', '10.101.0.1', '192.168.0.1'].map((address) => ({ address, ready: true }))
    const { object, refused } = believe.endpoints(endpoints('east', [], {}, { endpoints: all }))
    assert.deepEqual(
      object?.spec.endpoints.map(({ address }) => address),
      ['10.1.0.1'],
    )
    assert.deepEqual(refused, [
      'ExportedEndpoints tombolo-m-east/endpoints: addresses that are not the cluster’s own: 3, such as 10.2.0.1',
    ])
  })

  test('an address of the other family than the object says is none of it', () => {
    const { object, refused } = believe.endpoints(
      endpoints('east', [], {}, { endpoints: [{ address: 'fd00:1::1', ready: true }] }),
    )
    assert.deepEqual([object?.spec.endpoints, refused.length], [[], 1])
  })

  test('an address has one spelling and comes once', () => {
    const spellings = ['fd00:1::1', 'FD00:1:0:0:0:0:0:1'].map((address) => ({ address, ready: true }))
    const { object } = believe.endpoints(endpoints('east', [], {}, { addressType: 'IPv6', endpoints: spellings }))
    assert.deepEqual(object?.spec.endpoints, [{ address: 'fd00:1::1', ready: true }])
  })

  test('T5: of a name that is granted to others is nothing, and is told by the name', () => {
    const { spec, ...rest } = allocationOf('east')
    const exports = { ...spec.exports, reserved: ['shop/web'] }
    const shut = believer(() => ({ ...rest, spec: { ...spec, exports } }))
    for (const { object, refused } of [shut.service(constituent('east')), shut.endpoints(endpoints('east', [1]))]) {
      assert.equal(object, undefined)
      assert.match(refused.join(), /tombolo-m-east\/\w+: shop\/web: no ExportGrant lets this cluster/)
    }
  })

  test('is read again when the cluster is admitted with other addresses, and only then', () => {
    let now: Allocation | string = allocationOf('east')
    const changing = believer(() => now)
    const object = endpoints('east', [1])
    const first = changing.endpoints(object)
    assert.equal(changing.endpoints(object), first)
    now = { ...now, spec: { ...now.spec, podCIDRs: allocationOf('west').spec.podCIDRs } }
    assert.deepEqual(changing.endpoints(object).object?.spec.endpoints, [])
    now = 'its cluster is not routed here'
    assert.equal(changing.endpoints(object).object, undefined)
  })

  test('whatever it is, it never throws', () => {
    const anyObject = fc.record({
      apiVersion: fc.string(),
      kind: fc.constantFrom(exportedService.kind, exportedEndpoints.kind),
      metadata: fc.record({ name: fc.string(), namespace: fc.constant('tombolo-m-east') }),
      spec: fc.anything(),
    })
    fc.assert(
      fc.property(anyObject, (object) => {
        const read = object.kind === exportedService.kind ? believe.service(object) : believe.endpoints(object)
        assert.ok(read.object !== undefined || read.refused.length === 1)
        assert.equal(believe.about(object) === undefined, read.object === undefined)
      }),
    )
  })
})
