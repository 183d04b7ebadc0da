import assert from 'node:assert/strict'
import type { EndpointSlice, Service } from '#lib/kube/kinds.ts'
import { exportGrant } from '#crds/export-grant.ts'
import { exportedEndpoints } from '#crds/exported-endpoints.ts'
import { exportedService } from '#crds/exported-service.ts'
import { mcsServiceNameLabel, managedBy } from '#crds/places.ts'
import { allocationOf, exporting, http, idOf, podOf, service, sliceOf, web } from '#test/kit/services.ts'
import type { Exporting, Offer } from './export.ts'
import { offerOf } from './export.ts'

const east = idOf('east')
const offer = (change: Partial<Exporting> = {}): Offer =>
  offerOf({
    self: east,
    key: web,
    export: exporting({ creationTimestamp: '2030-01-01T00:00:01Z' }),
    service: service(),
    slices: [sliceOf('east', [1])],
    allocation: allocationOf('east'),
    isPublished: () => false,
    ...change,
  })
function offered(change: Partial<Exporting> = {}) {
  const made = offer(change)
  assert.equal(made.kind, 'offered')
  return made
}
const specOf = (spec: Service['spec']) => offered({ service: service(spec) }).service.spec
const endpointsOf = (...slices: EndpointSlice[]) => offered({ slices }).endpoints.flatMap(({ spec }) => spec.endpoints)
const named = (name: string, slice: EndpointSlice): EndpointSlice => ({ ...slice, metadata: { ...slice.metadata, name } })
const going = { deletionTimestamp: '2030-01-01T00:00:00Z' }

suite('what a cluster offers', () => {
  test('[mcs 7] nothing without a ServiceExport, or with one that is being deleted', () => {
    assert.deepEqual(offer({ export: undefined }), { kind: 'none' })
    assert.deepEqual(offer({ export: exporting(going) }), { kind: 'none' })
  })

  /** What an apiserver of another version may have let in. */
  const hostile: readonly (readonly [string, Partial<Exporting>, string, RegExp])[] = [
    [
      'a Service with a port name that none can have',
      { service: service({ ports: [{ ...http, name: 'Port A' }] }) },
      'InvalidExport',
      /spec\.ports\.0\.name: "Port A" is not valid/,
    ],
    [
      'a Service with more ports than are exported',
      { service: service({ ports: Array.from({ length: 101 }, (_, n) => ({ ...http, name: `p${n}`, port: n + 1 })) }) },
      'InvalidExport',
      /spec\.ports/,
    ],
    [
      'more annotations than an object can have',
      { export: exporting({}, { exportedAnnotations: Object.fromEntries(Array.from({ length: 33 }, (_, n) => [`a${n}`, ''])) }) },
      'InvalidExport',
      /spec\.annotations/,
    ],
    [
      'an annotation longer than any that is exported',
      { export: exporting({}, { exportedAnnotations: { note: 'x'.repeat(200_000) } }) },
      'InvalidExport',
      /spec\.annotations\.note/,
    ],
  ]
  const refused: readonly (readonly [string, Partial<Exporting>, string, RegExp])[] = [
    ['a Service that does not exist', { service: undefined }, 'NoService', /no Service shop\/web: create it/],
    ['a Service that is being deleted', { service: { ...service(), metadata: { ...web, ...going } } }, 'NoService', /create it/],
    [
      'a Service that is a name for something else',
      { service: service({ type: 'ExternalName', externalName: 'example.com' }) },
      'InvalidServiceType',
      /ExternalName/,
    ],
    [
      'a Service that is itself an import',
      { service: { ...service(), metadata: { ...web, labels: { ...managedBy, [mcsServiceNameLabel]: 'db' } } } },
      'InvalidServiceType',
      /the cluster it comes from/,
    ],
    [
      'labels that no object can have',
      { export: exporting({}, { exportedLabels: { 'no label': 'x' } }) },
      'InvalidExport',
      /spec\.labels/,
    ],
    [
      'an annotation that names no clusters',
      { export: exporting({ annotations: { 'tombolo.dev/export-to': 'west south' } }) },
      'InvalidExport',
      /metadata\.annotations\["tombolo\.dev\/export-to"\]: "west south" is not valid \(want ids of clusters with commas between/,
    ],
    ...hostile,
  ]
  for (const [name, change, reason, says] of refused)
    test(`[mcs 8] ${name} is refused, with what to do`, () => {
      const made = offer(change)
      assert.equal(made.kind, 'refused')
      assert.equal(made.reason, reason)
      assert.match(made.message, says)
    })

  const shop = (exports: object, namespace = 'shop'): Partial<Exporting> => {
    const { spec, ...rest } = allocationOf('east')
    return { key: { ...web, namespace }, allocation: { ...rest, spec: { ...spec, exports: { ...spec.exports, ...exports } } } }
  }
  const ungranted: readonly (readonly [string, Partial<Exporting>, RegExp])[] = [
    ['that is granted to others', shop({ reserved: ['shop/*'] }), /shop\/web is not exported: the fleet lets other clusters/],
    ['of a namespace that every cluster has', shop({}, 'kube-system'), /every cluster has for itself/],
    ['that no grant names, where one must', shop({ ungranted: 'Deny' }), /only what a grant names/],
  ]
  for (const [name, change, says] of ungranted)
    test(`T5: a name ${name} is refused, with the command that grants it`, () => {
      const made = offer(change)
      assert.ok(made.kind === 'refused')
      assert.equal(made.reason, 'NotGranted')
      assert.match(made.message, says)
      const [, json = ''] = /echo '(.*)' \| kubectl --context BROKER apply -f - \(/.exec(made.message) ?? []
      const grant = exportGrant.parse(JSON.parse(json))
      assert.ok(grant.ok)
      assert.deepEqual(grant.value.spec, { namespace: change.key?.namespace, services: ['web'], clusters: ['east'] })
    })

  test('nothing until it is known which addresses this cluster may announce', () =>
    assert.equal(offer({ allocation: undefined }).kind, 'waiting'))

  test('the Service as others need it, and no more of it', () => {
    assert.deepEqual(
      specOf({ type: 'ClusterIP', clusterIP: '10.101.0.9', selector: { app: 'web' }, internalTrafficPolicy: 'Cluster' }),
      {
        clusterID: 'east',
        ...web,
        type: 'ClusterSetIP',
        ports: [http],
        ipFamilies: ['IPv4'],
        internalTrafficPolicy: 'Cluster',
        exportedAt: '2030-01-01T00:00:01Z',
      },
    )
  })

  test('[mcs 8] types that only add ways in from outside are exported as what they are inside', () => {
    for (const type of ['ClusterIP', 'NodePort', 'LoadBalancer'] as const)
      assert.equal(specOf({ type, clusterIP: '10.101.0.9' }).type, 'ClusterSetIP')
    assert.equal(specOf({ clusterIP: 'None' }).type, 'Headless')
  })

  test('affinity with its time, but not of a headless service', () => {
    const affinity = { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 10 } } } as const
    const { sessionAffinity, sessionAffinityTimeoutSeconds } = specOf(affinity)
    assert.deepEqual([sessionAffinity, sessionAffinityTimeoutSeconds], ['ClientIP', 10])
    assert.equal(specOf({ ...affinity, clusterIP: 'None' }).sessionAffinity, undefined)
  })

  test('[mcs 10] labels and annotations only as the ServiceExport says, never those of the Service', () => {
    const from = exporting(
      { labels: { of: 'the export' } },
      { exportedLabels: { tier: 'front' }, exportedAnnotations: { note: 'hi' } },
    )
    const { labels, annotations } = offered({
      export: from,
      service: { ...service(), metadata: { ...web, labels: { of: 'the service' } } },
    }).service.spec
    assert.deepEqual([labels, annotations], [{ tier: 'front' }, { note: 'hi' }])
  })

  test('the clusters that may import it as the annotation of the ServiceExport says, and it alone', () => {
    const annotations = { 'tombolo.dev/export-to': 'west, south' }
    assert.deepEqual(offered({ export: exporting({ annotations }) }).service.spec.exportTo, ['south', 'west'])
    const elsewhere = { export: exporting({}, { exportedAnnotations: annotations }), service: service() }
    assert.equal(offered(elsewhere).service.spec.exportTo, undefined)
  })

  test('a ServiceExport without a spec is one', () => {
    const { spec: _, ...bare } = exporting()
    assert.equal(offer({ export: bare }).kind, 'offered')
  })

  test('families from the Service, or from its addresses', () => {
    assert.deepEqual(specOf({ ipFamilies: ['IPv6', 'IPv4'] }).ipFamilies, ['IPv6', 'IPv4'])
    assert.deepEqual(specOf({ ipFamilies: [], clusterIPs: ['10.101.0.9', 'fd00:101::9'] }).ipFamilies, ['IPv4', 'IPv6'])
    assert.deepEqual(specOf({ ipFamilies: [], clusterIP: 'None' }).ipFamilies, ['IPv4'])
  })

  test('[mcs 30] endpoints by what differs from the ordinary', () => {
    assert.deepEqual(
      endpointsOf(
        sliceOf('east', [1], { nodeName: 'n1', zone: 'z1', hostname: 'web-0' }),
        named('b', sliceOf('east', [2], { conditions: { ready: false, serving: true, terminating: true } })),
        named('c', sliceOf('east', [3], { conditions: {} })),
      ).toSorted((a, b) => (a.address < b.address ? -1 : 1)),
      [
        { address: '10.1.0.1', ready: true, hostname: 'web-0', node: 'n1', zone: 'z1' },
        { address: '10.1.0.2', ready: false, serving: true, terminating: true },
        { address: '10.1.0.3', ready: true },
      ],
    )
  })

  test('an endpoint on its way from one slice to another is one, and ready if either says so', () => {
    const [a, b] = [sliceOf('east', [1]), named('b', sliceOf('east', [1], { conditions: { ready: false } }))]
    for (const slices of [
      [a, b],
      [b, a],
    ])
      assert.deepEqual(endpointsOf(...slices), [{ address: '10.1.0.1', ready: true }])
  })

  test('addresses that this cluster was not admitted with are left out and counted', () => {
    const { endpoints, remarks } = offered({ slices: [sliceOf('east', [1]), named('b', sliceOf('west', [1, 2, 3, 4]))] })
    assert.deepEqual(
      endpoints.flatMap(({ spec }) => spec.endpoints.map((e) => e.address)),
      ['10.1.0.1'],
    )
    assert.match(remarks.join(), /left out.*host’s network are: 4 \(10\.2\.0\.1, 10\.2\.0\.2, 10\.2\.0\.3, …\)/)
  })

  test('[mcs 37] a name too long for DNS is said, and costs only the name', () => {
    const key = { namespace: 'n'.repeat(63), name: 's'.repeat(63) }
    const { remarks, endpoints } = offered({
      key,
      self: idOf('east'),
      slices: [sliceOf('east', [1], { hostname: 'h'.repeat(63) })],
    })
    assert.equal(endpoints.length, 1)
    assert.deepEqual(remarks, [])
    const far = 'c'.repeat(53) as typeof east
    assert.match(offered({ key, self: far, slices: [sliceOf('east', [1], { hostname: 'h'.repeat(63) })] }).remarks.join(), /253/)
  })

  test('endpoints apart by family and by the ports they listen on', () => {
    const other = { name: 'http', protocol: 'TCP', port: 8081 }
    const six = sliceOf('east', [], {}, { addressType: 'IPv6', endpoints: [{ addresses: ['FD00:1:0:0:0::5'] }] })
    const { endpoints } = offered({
      slices: [sliceOf('east', [1]), named('b', sliceOf('east', [2], {}, { ports: [other] })), named('c', six)],
    })
    assert.deepEqual(
      endpoints.map(({ spec }) => [spec.addressType, spec.ports[0]?.port, spec.endpoints[0]?.address]),
      [
        ['IPv4', 8080, '10.1.0.1'],
        ['IPv4', 8081, '10.1.0.2'],
        ['IPv6', 8080, 'fd00:1::5'],
      ],
    )
    assert.equal(new Set(endpoints.map(({ metadata }) => metadata.name)).size, 3)
  })

  test('slices of names, slices that are going and endpoints without an address say nothing', () => {
    const names = sliceOf('east', [], {}, { addressType: 'FQDN', endpoints: [{ addresses: ['example.com'] }] })
    const leaving = named('b', sliceOf('east', [1]))
    leaving.metadata.deletionTimestamp = '2030-01-01T00:00:00Z'
    const odd = sliceOf(
      'east',
      [],
      {},
      { endpoints: [{ addresses: [] }, { addresses: ['fd00:1::1'] }, { addresses: ['010.1.0.1'] }] },
    )
    const none = sliceOf('east', [], {}, { endpoints: null })
    assert.deepEqual(endpointsOf(names, leaving, odd, none), [])
  })

  test('what is offered is what the other side believes: both kinds parse', () => {
    const { service: made, endpoints } = offered({
      slices: [sliceOf('east', [1], { zone: 'not a zone!', hostname: 'web-0', nodeName: 'n1.example' })],
    })
    assert.ok(exportedService.parse(made).ok)
    for (const object of endpoints) assert.ok(exportedEndpoints.parse(object).ok)
    assert.equal(endpoints[0]?.spec.endpoints[0]?.zone, undefined)
  })

  test('of a thousand endpoints each object has at most 200, and one that changes changes one object', () => {
    const pods = Array.from({ length: 1000 }, (_, n) => n)
    const texts = (change: (n: number) => boolean) =>
      offered({
        slices: pods.map((n) => named(`s${n}`, sliceOf('east', [n], { conditions: { ready: !change(n) } }))),
      }).endpoints.map((object) => JSON.stringify(object))
    const [before, after] = [texts(() => false), texts((n) => n === 500)]
    assert.ok(before.every((text) => text.split('"address"').length - 1 <= 200))
    const changed = after.filter((text) => !before.includes(text))
    assert.equal(changed.length, 1)
    assert.match(changed[0] ?? '', new RegExp(`"${podOf('east', 500)}","ready":false`))
    assert.equal(after.length, before.length)
  })
})
