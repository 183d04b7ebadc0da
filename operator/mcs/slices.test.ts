import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  derivedServiceName,
  mcsServiceNameLabel,
  mcsSourceClusterLabel,
  sliceManagedByLabel,
  sliceManager,
} from '#crds/places.ts'
import type { EndpointSlice } from '#lib/kube/kinds.ts'
import { constituent, endpoints, http, podOf, web } from '#test/kit/services.ts'
import type { Imported, SourceCluster } from './slices.ts'
import { derivedPortName, slicesOf } from './slices.ts'

const owner = { apiVersion: 'multicluster.x-k8s.io/v1beta1', kind: 'ServiceImport', name: 'web', uid: 'u1' }
const imported = (change: Partial<Imported> = {}): Imported => ({
  key: web,
  type: 'ClusterSetIP',
  ports: [http],
  owner,
  isThere: () => false,
  ...change,
})
const from = (change: Partial<SourceCluster> = {}): SourceCluster => ({
  service: constituent('east'),
  endpoints: [endpoints('east', [1])],
  nodes: 'theirs',
  ...change,
})
const addresses = (slices: readonly EndpointSlice[]) =>
  slices.flatMap((slice) => (slice.endpoints ?? []).flatMap((e) => e.addresses))
const upTo = (count: number) => Array.from({ length: count }, (_, n) => n)

suite('slices of an imported service', () => {
  test('[mcs 28, mcs 29] say what they are of, whose they are and who made them, and never the name of the exported Service', () => {
    const [slice] = slicesOf(imported(), from())
    assert.deepEqual(slice?.metadata.labels, {
      'app.kubernetes.io/managed-by': 'tombolo',
      [mcsServiceNameLabel]: 'web',
      [mcsSourceClusterLabel]: 'east',
      [sliceManagedByLabel]: sliceManager,
      'kubernetes.io/service-name': derivedServiceName('shop', 'web'),
    })
    assert.deepEqual(slice.metadata.ownerReferences, [owner])
    assert.equal(slice.metadata.namespace, 'shop')
  })

  test('of a headless service are hidden from kube-proxy and carry the ports’ own names', () => {
    const unnamed = { protocol: 'TCP', port: 80 } as const
    const service = constituent('east', { type: 'Headless', ports: [unnamed] })
    const [slice] = slicesOf(
      imported({ type: 'Headless', ports: [unnamed, { ...http, port: 81 }] }),
      from({ service, endpoints: [endpoints('east', [1], {}, { ports: [{ protocol: 'TCP', port: 8080 }] })] }),
    )
    assert.equal(slice?.metadata.labels?.['service.kubernetes.io/headless'], '')
    assert.deepEqual(slice.ports, [{ name: '', protocol: 'TCP', port: 8080 }])
  })

  test('have another name for another family, which no slice can change', () => {
    const [v4, v6] = (['IPv4', 'IPv6'] as const).map((addressType) =>
      slicesOf(imported(), from({ endpoints: [endpoints('east', [1], {}, { addressType })] })),
    )
    assert.notEqual(v4?.[0]?.metadata.name, v6?.[0]?.metadata.name)
  })

  test('[mcs 30] keep what an endpoint says of itself', () => {
    const change = { hostname: 'web-0', zone: 'z1', ready: false, serving: true, terminating: true }
    const [slice] = slicesOf(imported(), from({ endpoints: [endpoints('east', [1], change)] }))
    assert.deepEqual(slice?.endpoints, [
      { addresses: ['10.1.0.1'], conditions: { ready: false, serving: true, terminating: true }, hostname: 'web-0', zone: 'z1' },
    ])
  })

  test('[mcs 30] name nodes of our own only: another cluster’s node may be called like one of ours', () => {
    const nodeOf = (nodes: SourceCluster['nodes']) =>
      slicesOf(imported(), from({ nodes, endpoints: [endpoints('east', [1], { node: 'n1' })] }))[0]?.endpoints?.[0]?.nodeName
    assert.deepEqual([nodeOf('ours'), nodeOf('theirs')], ['n1', undefined])
  })

  test('[mcs 27] hint at zones when the service prefers what is near', () => {
    const hints = (trafficDistribution?: string) =>
      slicesOf(imported({ trafficDistribution }), from({ endpoints: [endpoints('east', [1], { zone: 'z1' })] }))[0]
        ?.endpoints?.[0]?.hints
    assert.deepEqual(hints('PreferClose'), { forZones: [{ name: 'z1' }] })
    assert.equal(hints(), undefined)
  })

  const ports: readonly (readonly [
    string,
    Partial<Parameters<typeof constituent>[1]>,
    readonly (readonly [string, number])[],
  ])[] = [
    ['the very port that won', { ports: [http] }, [['http', 8080]]],
    ['not another number under the same name', { ports: [{ ...http, port: 81 }] }, []],
    ['not another protocol', { ports: [{ ...http, protocol: 'UDP' }] }, []],
    ['not the same number under another name', { ports: [{ ...http, name: 'web' }] }, []],
    [
      'also with another application protocol, which is only advice',
      { ports: [{ ...http, appProtocol: 'h2c' }] },
      [['http', 8080]],
    ],
  ]
  for (const [name, spec, served] of ports)
    test(`[mcs 24] serve ${name}`, () => {
      const made = slicesOf(imported(), from({ service: constituent('east', spec) }))
      assert.deepEqual(
        made.flatMap((slice) => (slice.ports ?? []).map((port) => [port.name, port.port])),
        served,
      )
      assert.equal(made.length, served.length)
    })

  test('without a port serve nothing, but a headless service is its endpoints’ names', () => {
    const none = { service: constituent('east', { ports: [] }), endpoints: [endpoints('east', [1], {}, { ports: [] })] }
    assert.deepEqual(slicesOf(imported({ ports: [] }), from(none)), [])
    const headless = { ...none, service: constituent('east', { ports: [], type: 'Headless' }) }
    assert.deepEqual(addresses(slicesOf(imported({ ports: [], type: 'Headless' }), from(headless))), ['10.1.0.1'])
  })

  test('[mcs 28] never mix families, nor clusters, and are named apart', () => {
    const six = endpoints('east', [], {}, { addressType: 'IPv6', endpoints: [{ address: 'fd00:1::1', ready: true }] })
    const all = [
      ...slicesOf(
        imported(),
        from({ endpoints: [endpoints('east', [1]), { ...six, metadata: { ...six.metadata, name: 'six' } }] }),
      ),
      ...slicesOf(imported(), from({ service: constituent('west'), endpoints: [endpoints('west', [1])] })),
    ]
    assert.deepEqual(
      all.map((slice) => [slice.addressType, ...addresses([slice])]),
      [
        ['IPv4', '10.1.0.1'],
        ['IPv6', 'fd00:1::1'],
        ['IPv4', '10.2.0.1'],
      ],
    )
    assert.equal(new Set(all.map((slice) => slice.metadata.name)).size, 3)
  })

  test('[mcs 30] hold every endpoint once, at most a hundred each; one that changes rewrites one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.nat(199), (count, which) => {
        const texts = (change: object) => {
          const object = endpoints('east', upTo(count))
          const changed = object.spec.endpoints.map((e) => (e.address === podOf('east', which) ? { ...e, ...change } : e))
          return slicesOf(imported(), from({ endpoints: [{ ...object, spec: { ...object.spec, endpoints: changed } }] }))
        }
        const before = texts({})
        assert.ok(before.every((slice) => (slice.endpoints ?? []).length <= 100))
        assert.deepEqual(
          addresses(before).sort(),
          upTo(count)
            .map((n) => podOf('east', n))
            .sort(),
        )
        const after = texts({ ready: false }).filter((slice, i) => JSON.stringify(slice) !== JSON.stringify(before[i]))
        assert.equal(after.length, which < count ? 1 : 0)
      }),
      { numRuns: 30 },
    )
  })

  test('stay two when one of their endpoints goes and there is room for all in one', () => {
    const of = (count: number, isThere: (name: string) => boolean) =>
      slicesOf(imported({ isThere }), from({ endpoints: [endpoints('east', upTo(count))] }))
    const names = new Set(of(101, () => false).map(({ metadata }) => metadata.name))
    assert.equal(names.size, 2)
    const after = of(100, (name) => names.has(name))
    assert.deepEqual(new Set(after.map(({ metadata }) => metadata.name)), names)
    assert.equal(of(50, (name) => names.has(name)).length, 1)
  })

  test('ports of the derived Service have names, each its own, and the same when others come', () => {
    const unnamed = { protocol: 'TCP', port: 80 } as const
    const taken = { name: 'port-80', protocol: 'TCP', port: 81 } as const
    assert.equal(derivedPortName(unnamed, [unnamed]), 'port-80')
    assert.equal(derivedPortName(unnamed, [unnamed, http]), 'port-80')
    assert.equal(derivedPortName(unnamed, [unnamed, taken]), 'port-80-x')
    assert.equal(derivedPortName(http, [unnamed, http]), 'http')
  })
})
