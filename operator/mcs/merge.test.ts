import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { ExportedService, ServicePort } from '#crds/exported-service.ts'
import type { Cluster } from '#test/kit/services.ts'
import { constituent, http } from '#test/kit/services.ts'
import { decidedIn, decidedText, merge } from './merge.ts'

type Spec = ExportedService['spec']
type Change = Partial<Spec>

const grpc = { name: 'grpc', protocol: 'TCP', port: 9000 } as const
const reasonOf = (...all: ExportedService[]) => merge(all)?.conflict?.reason
/** East exported first. */
const two = (east: Change, west: Change) => [constituent('east', east), constituent('west', west)] as const

suite('merge', () => {
  test('nobody exports: there is no service', () => assert.equal(merge([]), undefined))

  test('one cluster alone agrees with itself', () => {
    const merged = merge([constituent('east')])
    assert.equal(merged?.conflict, undefined)
    assert.deepEqual([merged?.type, merged?.global.ports, merged?.global.ipFamilies], ['ClusterSetIP', [http], ['IPv4']])
  })

  test('[mcs 21] the oldest export decides, whichever cluster it is in', () => {
    const merged = merge([
      constituent('east', { sessionAffinity: 'ClientIP', exportedAt: '2030-01-01T00:00:09Z' }),
      constituent('west', { internalTrafficPolicy: 'Local' }),
    ])
    assert.deepEqual([merged?.global.sessionAffinity, merged?.global.internalTrafficPolicy], [undefined, 'Local'])
  })

  test('[mcs 21] exports of the same second are ordered by the names of their clusters', () => {
    const exportedAt = '2030-01-01T00:00:00Z'
    const merged = merge([
      constituent('west', { exportedAt, trafficDistribution: 'PreferClose' }),
      constituent('east', { exportedAt }),
    ])
    assert.equal(merged?.global.trafficDistribution, undefined)
    assert.deepEqual(
      merged?.contributors.map(({ spec }) => spec.clusterID),
      ['east', 'west'],
    )
  })

  test('two ways to write one moment are one moment, and who does not say when comes last', () => {
    const merged = merge([
      constituent('east', { exportedAt: 'yesterday' }),
      constituent('west', { exportedAt: '2030-01-01T01:00:00+01:00' }),
      constituent('north', { exportedAt: '2030-01-01T00:00:00Z' }),
    ])
    assert.deepEqual(
      merged?.contributors.map(({ spec }) => spec.clusterID),
      ['north', 'west', 'east'],
    )
  })

  test('[mcs 21] nobody makes itself older than the broker knows it, or wins a conflict by what the broker has not taken', () => {
    const merged = merge([
      constituent('east'),
      constituent('west', { type: 'Headless', exportedAt: '1970-01-01T00:00:00Z' }, '2031-01-01T00:00:00Z'),
      { ...constituent('north', { exportedAt: '1970-01-01T00:00:00Z' }), metadata: { name: 'x' } },
    ])
    assert.equal(merged?.type, 'ClusterSetIP')
    assert.deepEqual(
      merged.contributors.map(({ spec }) => spec.clusterID),
      ['east', 'north'],
    )
  })

  suite('remembers who decided, as a broker that is made anew gives every export a new age', () => {
    const anew = (cluster: Cluster, at: string, change: Change = {}) => constituent(cluster, change, `2031-01-01T00:00:0${at}Z`)
    const typeOf = (all: readonly ExportedService[], before = merge(two({}, { type: 'Headless' }))?.decided) =>
      merge(all, decidedIn(before === undefined ? undefined : decidedText(before)))?.type
    test('who decided goes on, though another is written again first', () => {
      const all = [anew('east', '9'), anew('west', '1', { type: 'Headless' })]
      assert.equal(merge(all)?.type, 'Headless')
      assert.equal(typeOf(all), 'ClusterSetIP')
      const again = merge(all, merge(all, merge(two({}, {}))?.decided)?.decided)
      assert.equal(again?.type, 'ClusterSetIP')
    })
    test('also while the broker does not have it yet', () => {
      const { creationTimestamp: _, ...metadata } = constituent('east').metadata
      assert.equal(typeOf([{ ...constituent('east'), metadata }, anew('west', '1', { type: 'Headless' })]), 'ClusterSetIP')
    })
    test('not when its export was made anew', () => {
      const exportedAt = '2031-01-01T00:00:05Z'
      assert.equal(typeOf([anew('east', '9', { exportedAt }), anew('west', '1', { type: 'Headless' })]), 'Headless')
    })
    test('not against one that is older than it', () => {
      const older = constituent('north', { type: 'Headless', exportedAt: '2029-01-01T00:00:00Z' }, '2029-01-01T00:00:00Z')
      assert.equal(typeOf([constituent('east'), older]), 'Headless')
    })
    test('nothing of one that is alone, or of what cannot be read', () => {
      assert.equal(merge([constituent('east')])?.decided, undefined)
      for (const text of [undefined, '', 'east', 'east x y']) assert.equal(decidedIn(text), undefined)
    })
  })

  const ports: readonly (readonly [string, ServicePort[], ServicePort[], ServicePort[], string | undefined])[] = [
    ['the same ports in another order', [http, grpc], [grpc, http], [http, grpc], undefined],
    ['a port more in one cluster is a union, and said', [http], [http, grpc], [http, grpc], 'PortConflict'],
    ['of two numbers under one name the older stays', [http], [{ ...http, port: 81 }], [http], 'PortConflict'],
    ['of two names for one number the older stays', [http], [{ ...http, name: 'web' }], [http], 'PortConflict'],
    [
      'no name is a name',
      [{ protocol: 'TCP', port: 80 }],
      [{ protocol: 'TCP', port: 81 }],
      [{ protocol: 'TCP', port: 80 }],
      'PortConflict',
    ],
    [
      'one number under two protocols is two ports',
      [http],
      [{ ...http, name: 'h3', protocol: 'UDP' }],
      [http, { ...http, name: 'h3', protocol: 'UDP' }],
      'PortConflict',
    ],
    ['another application protocol is another port', [http], [{ ...http, appProtocol: 'grpc' }], [http], 'PortConflict'],
  ]
  for (const [name, east, west, union, reason] of ports)
    test(`[mcs 23] ports: ${name}`, () => {
      const merged = merge(two({ ports: east }, { ports: west }))
      assert.deepEqual(merged?.global.ports, union)
      assert.equal(merged.conflict?.reason, reason)
    })

  const fields: readonly (readonly [string, Change, Change, Change])[] = [
    [
      'SessionAffinityConflict',
      { sessionAffinity: 'ClientIP', sessionAffinityTimeoutSeconds: 10_800 },
      {},
      { sessionAffinity: 'ClientIP', sessionAffinityTimeoutSeconds: 10_800 },
    ],
    ['SessionAffinityConflict', {}, { sessionAffinity: 'ClientIP', sessionAffinityTimeoutSeconds: 10 }, {}],
    [
      'SessionAffinityConfigConflict',
      { sessionAffinity: 'ClientIP', sessionAffinityTimeoutSeconds: 10 },
      { sessionAffinity: 'ClientIP', sessionAffinityTimeoutSeconds: 20 },
      { sessionAffinityTimeoutSeconds: 10 },
    ],
    [
      'InternalTrafficPolicyConflict',
      { internalTrafficPolicy: 'Cluster' },
      { internalTrafficPolicy: 'Local' },
      { internalTrafficPolicy: 'Cluster' },
    ],
    ['TrafficDistributionConflict', { trafficDistribution: 'PreferClose' }, {}, { trafficDistribution: 'PreferClose' }],
    ['LabelsConflict', { labels: { tier: 'a' } }, { labels: { tier: 'a', zone: 'b' } }, { labels: { tier: 'a' } }],
    ['AnnotationsConflict', {}, { annotations: { note: 'a' } }, {}],
    ['IPFamilyConflict', { ipFamilies: ['IPv4'] }, { ipFamilies: ['IPv6', 'IPv4'] }, { ipFamilies: ['IPv4', 'IPv6'] }],
  ]
  for (const [reason, east, west, chosen] of fields)
    test(`[mcs 20, mcs 22] ${reason}: it is said, and the oldest decides`, () => {
      const merged = merge(two(east, west))
      assert.equal(merged?.conflict?.reason, reason)
      assert.deepEqual({ ...merged.global, ...chosen }, merged.global)
    })

  test('what is left out and what it means are the same', () => {
    assert.equal(reasonOf(...two({ sessionAffinity: 'None', internalTrafficPolicy: 'Cluster', labels: {} }, {})), undefined)
    assert.equal(reasonOf(...two({ ipFamilies: ['IPv4', 'IPv6'] }, { ipFamilies: ['IPv6', 'IPv4'] })), undefined)
  })

  test('[mcs 20] a service with an address and one without cannot be one: the younger type serves nothing and adds no ports', () => {
    const merged = merge(two({}, { type: 'Headless', ports: [grpc] }))
    assert.equal(merged?.conflict?.reason, 'TypeConflict')
    assert.deepEqual([merged.type, merged.global.ports], ['ClusterSetIP', [http]])
    assert.deepEqual(
      merged.contributors.map(({ spec }) => spec.clusterID),
      ['east'],
    )
  })

  test('[mcs 22] several conflicts are all named, and the message says who, of how many, against whom, and what to do', () => {
    const conflict = merge([
      constituent('east'),
      constituent('west', { ports: [grpc], trafficDistribution: 'PreferClose' }),
      constituent('north', { ports: [grpc] }),
    ])?.conflict
    assert.equal(conflict?.reason, 'PortConflict,TrafficDistributionConflict')
    assert.match(conflict.message, /ports: 2 of 3 clusters \(north, west\) differ from east, whose export is the oldest/)
    assert.match(conflict.message, /trafficDistribution: 1 of 3 clusters \(west\)/)
    assert.match(conflict.message, /Make the Services equal/)
  })

  test('[mcs 22] a conflict that is resolved is gone', () => {
    assert.equal(reasonOf(...two({}, { ports: [grpc] })), 'PortConflict')
    assert.equal(reasonOf(...two({ ports: [grpc] }, { ports: [grpc] })), undefined)
  })

  test('a reason that names every conflict at once still fits into a condition', () => {
    const none = { ports: [], sessionAffinity: 'None' }
    const all = merge([
      constituent('east', { sessionAffinity: 'ClientIP', sessionAffinityTimeoutSeconds: 10 }),
      constituent('west', Object.assign({}, ...fields.map(([, east, west]) => ({ ...east, ...west })), none) as Change),
      constituent('north', { type: 'Headless' }),
      constituent('south', { sessionAffinity: 'ClientIP', sessionAffinityTimeoutSeconds: 20 }),
    ])
    assert.equal(all?.conflict?.reason.split(',').length, 9)
    assert.ok(all.conflict.reason.length <= 1024)
  })

  const port = fc.record(
    { name: fc.constantFrom('a', 'b', 'c'), protocol: fc.constantFrom('TCP', 'UDP'), port: fc.integer({ min: 1, max: 4 }) },
    { requiredKeys: ['protocol', 'port'] },
  )
  const change = fc.record(
    {
      type: fc.constantFrom('ClusterSetIP', 'Headless'),
      ports: fc.array(port, { maxLength: 4 }),
      ipFamilies: fc.constantFrom(['IPv4'], ['IPv6'], ['IPv4', 'IPv6']),
      sessionAffinity: fc.constantFrom('None', 'ClientIP'),
      exportedAt: fc.constantFrom('2030-01-01T00:00:00Z', '2030-01-01T00:00:01Z', 'never'),
      labels: fc.dictionary(fc.constantFrom('a', 'b'), fc.constantFrom('1', '2')),
    },
    { requiredKeys: [] },
  ) as fc.Arbitrary<Change>
  const clustersets = fc
    .subarray(['east', 'west', 'north', 'south'] as Cluster[], { minLength: 1 })
    .chain((clusters) => fc.tuple(...clusters.map((cluster) => change.map((spec) => constituent(cluster, spec)))))
    .map((all) => [...all])

  test('[mcs 22] every member comes to the same verdict: the order in which exports are heard does not matter', () => {
    fc.assert(
      fc.property(
        clustersets.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
        ([all, shuffled]) => assert.deepEqual(merge(shuffled), merge(all)),
      ),
    )
  })

  test('[mcs 23] names and numbers of ports are unique, and every port is one that a contributor has', () => {
    fc.assert(
      fc.property(clustersets, (all) => {
        const merged = merge(all)
        const chosen = merged?.global.ports ?? []
        assert.equal(new Set(chosen.map(({ name }) => name ?? '')).size, chosen.length)
        assert.equal(new Set(chosen.map(({ protocol, port }) => `${protocol} ${port}`)).size, chosen.length)
        const offered = new Set(merged?.contributors.flatMap(({ spec }) => spec.ports.map((p) => JSON.stringify(p))))
        assert.ok(chosen.every((p) => offered.has(JSON.stringify(p))))
      }),
    )
  })

  test('[mcs 16, mcs 26] equal exports never conflict; families are never empty', () => {
    fc.assert(
      fc.property(change, (spec) => {
        const all = (['east', 'west', 'north'] as const).map((cluster) => constituent(cluster, spec))
        assert.equal(merge(all)?.conflict, undefined)
        assert.notEqual(merge(all)?.global.ipFamilies.length, 0)
      }),
    )
  })

  test('[mcs 25] the oldest keeps serving with all its ports, whoever comes later', () => {
    fc.assert(
      fc.property(clustersets, change, (all, spec) => {
        const before = merge(all)
        const after = merge([
          ...all.filter((s) => s.spec.clusterID !== 'south'),
          constituent('south', { ...spec, exportedAt: '2031-01-01T00:00:00Z' }),
        ])
        if (
          all.some((s) => s.spec.clusterID === 'south') ||
          before === undefined ||
          all.some((s) => s.spec.exportedAt === 'never')
        )
          return
        assert.equal(after?.type, before.type)
        assert.deepEqual(after.global.ports.slice(0, before.global.ports.length), before.global.ports)
      }),
    )
  })
})
