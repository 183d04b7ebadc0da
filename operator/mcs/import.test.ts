import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { ExportedEndpoints } from '#crds/exported-endpoints.ts'
import { maxEndpointsPerObject } from '#crds/exported-endpoints.ts'
import type { ExportedService, ServicePort } from '#crds/exported-service.ts'
import { derivedServiceName, mcsSourceClusterLabel } from '#crds/places.ts'
import type { ServiceImport } from '#crds/service-import.ts'
import type { EndpointSlice, Service } from '#lib/kube/kinds.ts'
import { settled } from '#lib/kube/controller.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import type { Plan, Step } from '#lib/kube/plan.ts'
import { marked } from '#lib/kube/plan.ts'
import type { Cluster } from '#test/kit/services.ts'
import { constituent, endpoints, http, idOf, web } from '#test/kit/services.ts'
import { fieldManager } from '../install/install.ts'
import type { Importing } from './import.ts'
import { planImport } from './import.ts'
import { merge } from './merge.ts'
import { pack } from './pack.ts'
import type { Offer } from './export.ts'
import { planPublish } from './publish.ts'
import type { SourceCluster } from './slices.ts'
import type { Traffic } from './traffic.ts'
import { sourceOf } from './traffic.ts'

type Spec = Partial<ExportedService['spec']>
type Had = Importing['have']

const empty: Had = { import: undefined, service: undefined, slices: [] }
const open = { kind: 'open', rttMicros: undefined } as const
const derived = derivedServiceName('shop', 'web')
const source = (cluster: Cluster, spec: Spec = {}, pods: readonly number[] = [1]): SourceCluster => ({
  service: constituent(cluster, spec),
  endpoints: [endpoints(cluster, pods)],
  nodes: 'theirs',
})

function seen(sources: readonly SourceCluster[], have: Had = empty, change: Partial<Importing> = {}): Importing {
  return {
    self: idOf('west'),
    key: web,
    namespace: 'present',
    merged: merge(sources.map(({ service }) => service)),
    isAwaited: (cluster) => cluster !== 'west',
    sources,
    families: ['IPv4'],
    podFamilies: ['IPv4'],
    traffic: { policy: undefined, fleets: undefined, pathTo: () => open },
    have,
    now: new Date('2030-01-01T00:00:00Z'),
    ...change,
  }
}

const line = (step: Step): string =>
  `${step.do} ${step.kind.kind} ${step.do === 'apply' ? step.object.metadata.name : step.key.name}`.replace(derived, 'derived')
/** Slices by their cluster, since their names are hashes. */
const lines = ({ steps }: Plan): readonly string[] =>
  steps.map((step) =>
    step.do === 'apply' && step.kind.kind === 'EndpointSlice'
      ? `apply EndpointSlice ${step.object.metadata.labels?.[mcsSourceClusterLabel] ?? ''}`
      : line(step),
  )

/** What an apiserver makes of the steps. Families beside IPv4 have the address fd00::n. */
function applied(have: Had, { steps }: Plan): Had {
  return steps.reduce((now, step): Had => {
    const { kind } = step.kind
    const name = step.do === 'apply' ? step.object.metadata.name : step.key.name
    const others = now.slices.filter((slice) => slice.metadata.name !== name)
    if (step.do === 'delete')
      return kind === 'ServiceImport'
        ? { ...now, import: undefined }
        : kind === 'Service'
          ? { ...now, service: undefined }
          : { ...now, slices: others }
    if (step.do === 'status') return { ...now, import: { ...now.import, status: step.status } as ServiceImport }
    const object: KubeObject = marked(step.object, fieldManager)
    object.metadata = { ...object.metadata, uid: `uid of ${name}`, generation: 1 }
    if (kind === 'ServiceImport') return { ...now, import: { ...now.import, ...object } }
    if (kind === 'EndpointSlice') return { ...now, slices: [...others, object as EndpointSlice] }
    const spec = (object as Service).spec
    const clusterIPs = spec?.ipFamilies?.map((family) => (family === 'IPv4' ? '10.102.0.10' : 'fd00:102::10')) ?? []
    return { ...now, service: { ...object, spec: { ...spec, clusterIPs } } }
  }, have)
}

/** What a client can be kept to, `number address target`, and the port's name: as kube-proxy joins a Service with its slices. */
const reachedBy = ({ service, slices }: Had): ReadonlyMap<string, string> =>
  new Map(
    (service?.spec?.ports ?? []).flatMap(({ name = '', port }) =>
      slices.flatMap((slice) =>
        (slice.ports ?? [])
          .filter((target) => (target.name ?? '') === name)
          .flatMap((target) =>
            (slice.endpoints ?? []).map((e) => [`${port} ${e.addresses[0] ?? ''} ${target.port ?? ''}`, name] as const),
          ),
      ),
    ),
  )

type Offered = { readonly pods: readonly number[]; readonly ports: readonly ServicePort[] }

const published = (offer: Offer, have: readonly KubeObject[]) => planPublish(offer, have, (_, content) => content)

/** An import that follows two clusters write by write: of theirs to the broker, and of its own. */
class Walk {
  have = empty
  readonly moments: ReadonlyMap<string, string>[] = []
  readonly #published = new Map<Cluster, readonly KubeObject[]>()

  to({ policy, ...offers }: Readonly<Record<'east' | 'north', Offered>> & { readonly policy: Traffic['policy'] }): void {
    for (const cluster of ['east', 'north'] as const) {
      const offer = offerIn(cluster, offers[cluster])
      for (let plan = published(offer, this.#of(cluster)); plan.steps.length > 0; plan = published(offer, this.#of(cluster)))
        for (const step of plan.steps) {
          this.#published.set(cluster, publishedBy(this.#of(cluster), step))
          this.#follow(policy)
        }
    }
    this.#follow(policy)
  }

  #of(cluster: Cluster): readonly KubeObject[] {
    return this.#published.get(cluster) ?? []
  }

  #follow(policy: Traffic['policy']): void {
    const sources = [...this.#published.values()].flatMap(sourceIn)
    const plan = () => planImport(seen(sources, this.have, { traffic: { policy, fleets: undefined, pathTo: () => open } }))
    for (let { steps } = plan(); steps.length > 0; { steps } = plan())
      for (const step of steps) {
        this.have = applied(this.have, { steps: [step], next: settled })
        this.moments.push(reachedBy(this.have))
      }
  }
}

/** As `offerOf` packs it. */
function offerIn(cluster: Cluster, { pods, ports }: Offered) {
  const targets = ports.map((port) => ({ ...port, port: port.port + 8000 }))
  const packed = [...pack(pods, String, maxEndpointsPerObject, () => false)].map(([leaf, some]) => {
    const made = endpoints(cluster, some, {}, { ports: targets })
    return { ...made, metadata: { ...made.metadata, name: `${targets.length} ${leaf}` } }
  })
  return { kind: 'offered', service: constituent(cluster, { ports: [...ports] }), endpoints: packed, remarks: [] } as const
}

/** What the broker makes of a step. */
function publishedBy(have: readonly KubeObject[], step: Step): readonly KubeObject[] {
  const name = step.do === 'apply' ? step.object.metadata.name : step.key.name
  const others = have.filter(({ kind, metadata }) => kind !== step.kind.kind || metadata.name !== name)
  return step.do === 'apply' ? [...others, marked(step.object, fieldManager)] : others
}

function sourceIn(objects: readonly KubeObject[]): readonly SourceCluster[] {
  const service = objects.find((object): object is ExportedService => object.kind === 'ExportedService')
  const packed = objects.filter((object): object is ExportedEndpoints => object.kind === 'ExportedEndpoints')
  return service === undefined ? [] : [{ service, endpoints: packed, nodes: 'theirs' }]
}

/** Plans and applies until nothing is left; the plans on the way, in lines. */
function converged(sources: readonly SourceCluster[], first: Had = empty, change: Partial<Importing> = {}) {
  const rounds: (readonly string[])[] = []
  let have = first
  for (
    let plan = planImport(seen(sources, have, change));
    plan.steps.length > 0;
    plan = planImport(seen(sources, have, change))
  ) {
    rounds.push(lines(plan))
    have = applied(have, plan)
    assert.ok(rounds.length < 10, `no end: ${JSON.stringify(rounds)}`)
  }
  return { rounds, have }
}
const readyOf = (have: Had) =>
  have.import?.status?.conditions?.map(({ type, status, reason }) => `${type} ${status} ${reason}`).join()

const ownersOf = ({ metadata }: KubeObject) => metadata.ownerReferences?.map(({ kind, uid }) => `${kind} ${uid}`)

suite('an import', () => {
  test('comes in the order of its needs: the address, the name, then what is behind it', () => {
    const { rounds, have } = converged([source('east')])
    assert.deepEqual(rounds, [
      ['apply Service derived'],
      ['apply ServiceImport web', 'apply EndpointSlice east'],
      ['status ServiceImport web'],
    ])
    assert.deepEqual(have.import?.spec, {
      type: 'ClusterSetIP',
      ports: [http],
      ips: ['10.102.0.10'],
      ipFamilies: ['IPv4'],
      sessionAffinity: 'None',
    })
    assert.deepEqual([have.import.status?.clusters, have.import.status?.endpointSliceObjects], [[{ cluster: 'east' }], 'Present'])
    assert.equal(readyOf(have), 'Ready True Ready')
    assert.equal(have.service?.metadata.ownerReferences, undefined)
    assert.deepEqual(have.slices.map(ownersOf), [[`Service uid of ${derived}`]])
    assert.equal(have.import.metadata.annotations?.['multicluster.kubernetes.io/derived-service'], derived)
  })

  test('once it is there nothing is written', () => {
    const { have } = converged([source('east'), source('west')])
    assert.deepEqual(planImport(seen([source('east'), source('west')], have)).steps, [])
  })

  test('an endpoint that changes is one write of one slice', () => {
    const { have } = converged([source('east'), source('west')])
    assert.deepEqual(converged([source('east', {}, [2]), source('west')], have).rounds, [['apply EndpointSlice east']])
  })

  test('[mcs 15, mcs 16] a headless one has no address, but families, and no Service of its own', () => {
    const { rounds, have } = converged([source('east', { type: 'Headless', ipFamilies: ['IPv4', 'IPv6'] })])
    assert.deepEqual(rounds, [['apply ServiceImport web'], ['apply EndpointSlice east'], ['status ServiceImport web']])
    assert.deepEqual([have.import?.spec?.ips, have.import?.spec?.ipFamilies], [undefined, ['IPv4', 'IPv6']])
    assert.deepEqual(have.slices.map(ownersOf), [['ServiceImport uid of web']])
    assert.equal(have.import?.metadata.annotations?.['multicluster.kubernetes.io/derived-service'], undefined)
  })

  test('turns from one type into the other when the export that decided goes', () => {
    const both = [source('east'), source('west', { type: 'Headless' })]
    const first = converged(both)
    assert.deepEqual(first.have.import?.status?.clusters, [{ cluster: 'east' }])
    const { have } = converged(both.slice(1), first.have)
    assert.deepEqual([have.import?.spec?.type, have.service, have.slices.length], ['Headless', undefined, 1])
    assert.deepEqual(converged(both, have).have.import?.spec?.ips, ['10.102.0.10'])
  })

  test('what is reached before and after a change is reached all the while, under the name by which kube-proxy keeps a client to it', () => {
    const plain = { protocol: 'TCP', port: 80 } as const
    const offers = fc.record({
      pods: fc.uniqueArray(fc.nat(599), { maxLength: 450, size: 'max' }),
      ports: fc.constantFrom<readonly ServicePort[]>([plain], [plain, { ...plain, name: 'more', port: 81 }]),
    })
    const denied = { deny: [idOf('north')], minReadyEndpoints: 1 }
    const counting = [
      { order: [idOf('east'), idOf('north')], minReadyEndpoints: 1 },
      { order: [idOf('north')], minReadyEndpoints: 100 },
    ]
    const both = fc.record({ east: offers, north: offers })
    const any = fc.constantFrom<Traffic['policy']>(undefined, denied, ...counting)
    // Where it is counted, and the counts change, another may be chosen in between, and should be.
    const changes = fc.oneof(
      fc.tuple(both, both, fc.constantFrom(undefined, denied)).map(
        ([x, y, policy]) =>
          [
            { ...x, policy },
            { ...y, policy },
          ] as const,
      ),
      fc.tuple(both, any, any).map(
        ([same, x, y]) =>
          [
            { ...same, policy: x },
            { ...same, policy: y },
          ] as const,
      ),
    )
    fc.assert(
      fc.property(changes, ([before, after]) => {
        const walk = new Walk()
        walk.to(before)
        const first = reachedBy(walk.have)
        walk.moments.length = 0
        walk.to(after)
        const stays = [...first].filter(([target]) => reachedBy(walk.have).has(target))
        for (const reached of walk.moments) for (const [target, name] of stays) assert.equal(reached.get(target), name, target)
      }),
      { numRuns: 10, endOnFailure: true },
    )
  })

  test('goes with the last export, and takes all that was made for it', () => {
    const { have } = converged([source('east')])
    const [round] = converged([], have).rounds
    assert.deepEqual(round?.slice(0, 2), ['delete ServiceImport web', 'delete Service derived'])
    assert.equal(round.length, 3)
    const { steps } = planImport(seen([], have))
    assert.ok(steps.every((step) => step.do === 'delete' && step.uid !== undefined && step.uid !== ''))
  })

  test('[mcs 12] is not where the namespace is not, and nobody cleans up in one that is going', () => {
    const { have } = converged([source('east')])
    for (const sources of [[source('east')], []])
      for (const had of [empty, have]) assert.deepEqual(planImport(seen(sources, had, { namespace: 'absent' })).steps, [])
  })

  test('new slices are there before old ones go', () => {
    const { have } = converged([source('east')])
    const other = { ...source('east'), endpoints: [{ ...endpoints('east', [1]), metadata: { name: 'other' } }] }
    const { rounds } = converged([other], have)
    assert.deepEqual(rounds[0], ['apply EndpointSlice east'])
    assert.match(rounds[1]?.join() ?? '', /^delete EndpointSlice/)
  })

  for (const name of [
    ...['app.kubernetes.io/instance', 'app.kubernetes.io/managed-by'],
    ...['argocd.argoproj.io/instance', 'argocd.argoproj.io/tracking-id', 'argocd.argoproj.io/sync-options'],
    ...['kubectl.kubernetes.io/last-applied-configuration', 'meta.helm.sh/release-name', 'helm.sh/resource-policy'],
    ...['kustomize.toolkit.fluxcd.io/name', 'helm.toolkit.fluxcd.io/namespace'],
    ...['objectset.rio.cattle.io/hash', 'config.kubernetes.io/owning-inventory'],
  ])
    test(`D2: ${name} of an export does not come onto the import, whose cluster would take it for its own and prune it`, () => {
      const { have } = converged([
        source('east', { labels: { [name]: 'x', 'my-helm.sh/chart': 'y' }, annotations: { [name]: 'x', plain: 'y' } }),
      ])
      const { labels = {}, annotations = {} } = have.import?.metadata ?? {}
      assert.deepEqual([labels[name] === 'x', name in annotations], [false, false])
      assert.deepEqual([labels['my-helm.sh/chart'], annotations.plain], ['y', 'y'])
    })

  test('has the properties that the merge chose, also on the Service behind it', () => {
    const { have } = converged([
      source('east', {
        ports: [
          { protocol: 'TCP', port: 80 },
          { name: 'h3', protocol: 'UDP', port: 443, appProtocol: 'h3' },
        ],
        sessionAffinity: 'ClientIP',
        sessionAffinityTimeoutSeconds: 10,
        internalTrafficPolicy: 'Local',
        trafficDistribution: 'PreferClose',
        labels: { tier: 'front', 'app.kubernetes.io/managed-by': 'somebody', 'tombolo.dev/cluster-id': 'west' },
        annotations: { note: 'hi', 'multicluster.kubernetes.io/derived-service': 'kubernetes', 'applied.tombolo.dev/x': '1' },
      }),
    ])
    assert.deepEqual(have.import?.spec, {
      type: 'ClusterSetIP',
      ports: [
        { protocol: 'TCP', port: 80 },
        { name: 'h3', protocol: 'UDP', appProtocol: 'h3', port: 443 },
      ],
      ips: ['10.102.0.10'],
      ipFamilies: ['IPv4'],
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 10 } },
      internalTrafficPolicy: 'Local',
      trafficDistribution: 'PreferClose',
    })
    assert.deepEqual(have.import.metadata.labels, { tier: 'front', 'app.kubernetes.io/managed-by': 'tombolo' })
    const { 'applied.tombolo.dev/tombolo-operator': _, ...annotations } = have.import.metadata.annotations ?? {}
    assert.deepEqual(annotations, { note: 'hi', 'multicluster.kubernetes.io/derived-service': derived })
    assert.deepEqual(have.service?.spec?.ports, [
      { name: 'port-80', protocol: 'TCP', port: 80 },
      { name: 'h3', protocol: 'UDP', port: 443, appProtocol: 'h3' },
    ])
    assert.deepEqual(
      [have.service.spec.sessionAffinity, have.service.spec.sessionAffinityConfig, have.service.spec.internalTrafficPolicy],
      ['ClientIP', { clientIP: { timeoutSeconds: 10 } }, 'Local'],
    )
  })

  const both = { families: ['IPv4', 'IPv6'] } as const
  test('[mcs 15] has an address of each family that the service and this cluster both have, in the service’s order', () => {
    const { have } = converged([source('east', { ipFamilies: ['IPv6', 'IPv4'] })], empty, both)
    assert.deepEqual(
      [have.import?.spec?.ipFamilies, have.import?.spec?.ips],
      [
        ['IPv6', 'IPv4'],
        ['fd00:102::10', '10.102.0.10'],
      ],
    )
    assert.equal(have.service?.spec?.ipFamilyPolicy, 'RequireDualStack')
    const single = converged([source('east', { ipFamilies: ['IPv6', 'IPv4'] })]).have
    assert.deepEqual([single.import?.spec?.ipFamilies, single.import?.spec?.ips], [['IPv4'], ['10.102.0.10']])
  })

  test('[mcs 15] keeps its first family, and its address, when another cluster brings one more or decides otherwise', () => {
    const first = converged([source('west')], empty, both).have
    const { have, rounds } = converged([source('west'), source('east', { ipFamilies: ['IPv6', 'IPv4'] })], first, both)
    assert.deepEqual(
      [have.import?.spec?.ipFamilies, have.import?.spec?.ips],
      [
        ['IPv4', 'IPv6'],
        ['10.102.0.10', 'fd00:102::10'],
      ],
    )
    assert.equal(rounds[0]?.join(), 'apply Service derived')
    assert.ok(!rounds.flat().includes('delete Service derived'))
  })

  test('gets another address only when no export has the family of the one it had', () => {
    const first = converged([source('east')], empty, both).have
    const { have, rounds } = converged([source('east', { ipFamilies: ['IPv6'] })], first, both)
    assert.deepEqual(rounds[0], ['delete Service derived'])
    assert.deepEqual(have.import?.spec?.ips, ['fd00:102::10'])
  })

  test('[mcs 17] of a family that this cluster does not have says so, and has no address', () => {
    const { have } = converged([source('east', { ipFamilies: ['IPv6'] })])
    assert.equal(readyOf(have), 'Ready False IPFamilyNotSupported')
    assert.deepEqual([have.import?.spec?.ips, have.import?.spec?.ipFamilies, have.service], [[], ['IPv6'], undefined])
    assert.match(have.import?.status?.conditions?.[0]?.message ?? '', /dual-stack/)
    assert.equal(readyOf(converged([source('east')], have).have), 'Ready True Ready')
  })

  test('[mcs 17] a headless one of a family that this cluster’s pods do not have says so, and has no endpoints', () => {
    const six = [source('east', { type: 'Headless', ipFamilies: ['IPv6'] })]
    const { have } = converged(six)
    assert.equal(readyOf(have), 'Ready False IPFamilyNotSupported')
    assert.deepEqual([have.slices, have.import?.spec?.ips, have.import?.spec?.ipFamilies], [[], undefined, ['IPv6']])
    assert.match(have.import?.status?.conditions?.[0]?.message ?? '', /for IPv6, and this cluster’s pods have IPv4/)
    assert.equal(readyOf(converged(six, have, { podFamilies: ['IPv4', 'IPv6'] }).have), 'Ready True Ready')
  })

  test('waits, and deletes nothing, until it is known what this cluster was admitted with, and for the address of a Service that has none yet', () => {
    const { have } = converged([source('east')])
    for (const sources of [[source('east')], []])
      assert.deepEqual(planImport(seen(sources, have, { families: undefined })).steps, [])
    const { clusterIPs: _, ...spec } = have.service?.spec ?? {}
    const pending = { ...empty, service: { ...have.service, spec } as Service }
    assert.deepEqual(planImport(seen([source('east')], pending)).steps, [])
  })

  test('[mcs 14] that somebody changed is put right again', () => {
    const { have } = converged([source('east')])
    const changed = { ...have, import: { ...have.import, spec: { ...have.import?.spec, ips: ['1.2.3.4'] } } as ServiceImport }
    assert.deepEqual(converged([source('east')], changed).have.import?.spec?.ips, ['10.102.0.10'])
    assert.deepEqual(converged([source('east')], { ...have, service: undefined }).rounds[0], ['apply Service derived'])
  })

  suite('with a traffic policy', () => {
    const policy = { order: [idOf('east'), idOf('west')], minReadyEndpoints: 2 }
    const traffic: Traffic = { policy, fleets: undefined, pathTo: () => open }
    const change = { traffic }
    const of = (east: readonly number[]) => [source('east', {}, east), source('west')]
    const behind = (have: Had) => have.slices.map(sourceOf).sort()

    test('has the slices of those alone that answer, and names all that export it', () => {
      const { have } = converged(of([1, 2]), empty, change)
      assert.deepEqual([behind(have), have.import?.status?.clusters?.length], [['east'], 2])
      assert.deepEqual(planImport(seen(of([1, 2]), have, change)).steps, [])
    })

    test('another cluster comes before the one goes that it stands in for', () => {
      const { have } = converged(of([1, 2]), empty, change)
      const [first, second] = converged(of([]), have, change).rounds
      assert.deepEqual(first, ['apply EndpointSlice west'])
      assert.match(second?.join() ?? '', /^delete EndpointSlice/)
    })

    test('goes back to the first when it can, and to all when there is no policy', () => {
      const { have } = converged(of([1]), empty, change)
      assert.deepEqual(behind(have), ['east', 'west'])
      assert.deepEqual(behind(converged(of([1, 2]), have, change).have), ['east'])
      assert.deepEqual(behind(converged(of([1, 2]), converged(of([1, 2]), empty, change).have).have), ['east', 'west'])
    })

    suite('that has weights', () => {
      const weights = [
        { cluster: idOf('east'), weight: 1 },
        { cluster: idOf('west'), weight: 1 },
      ]
      const weighted = { traffic: { ...traffic, policy: { minReadyEndpoints: 1, weights } } }
      const used = (have: Had) =>
        Object.fromEntries(
          [...Map.groupBy(have.slices, sourceOf)].map(([cluster, slices]) => [
            cluster,
            slices.flatMap(({ endpoints: some }) => some ?? []).length,
          ]),
        )

      test('has so many endpoints of each as make its share, and is written once', () => {
        const { have } = converged(of([1, 2, 3]), empty, weighted)
        assert.deepEqual(used(have), { east: 1, west: 1 })
        assert.deepEqual(planImport(seen(of([1, 2, 3]), have, weighted)).steps, [])
      })

      test('has all of one that answers alone, and all of both without them', () => {
        const { have } = converged([source('east', {}, [1, 2, 3])], converged(of([1, 2, 3]), empty, weighted).have, weighted)
        assert.deepEqual(used(have), { east: 3 })
        assert.deepEqual(used(converged(of([1, 2, 3]), have).have), { east: 3, west: 1 })
      })

      test('asks no zone to call its own endpoints alone, as then others would call the rest', () => {
        const hints = (change: Partial<Importing>) => {
          const near = { ...constituent('east', { trafficDistribution: 'PreferSameZone' }) }
          const zoned = { service: near, endpoints: [endpoints('east', [1], { zone: 'a' })], nodes: 'theirs' } as const
          return converged([zoned], empty, change).have.slices.flatMap((s) =>
            (s.endpoints ?? []).map((e) => e.hints !== undefined),
          )
        }
        assert.deepEqual([hints({}), hints(weighted)], [[true], [false]])
      })

      test('leaves the others as they are while the broker is not heard', () => {
        const { have } = converged(of([1, 2, 3]), empty, weighted)
        assert.deepEqual(converged([source('west')], have, { ...weighted, merged: 'unheard' }).rounds, [])
      })
    })

    test('our own endpoints come to nobody’s help while the broker was not heard and another answers', () => {
      const { have } = converged(of([1, 2]), empty, change)
      const unheard = { ...change, merged: 'unheard' } as const
      assert.deepEqual(converged([source('west')], have, unheard).rounds, [])
      assert.deepEqual(behind(converged([source('west')], converged(of([1]), empty, change).have, unheard).have), [
        'east',
        'west',
      ])
    })
  })

  const ours = { 'app.kubernetes.io/managed-by': 'tombolo' }
  const foreign: readonly (readonly [string, (have: Had) => Had])[] = [
    ['ServiceImport', (have) => ({ ...have, import: { ...have.import, metadata: { ...web, uid: 'theirs' } } as ServiceImport })],
    [
      'Service',
      (have) => ({ ...have, service: { ...have.service, metadata: { ...web, name: derived, uid: 'theirs' } } as Service }),
    ],
  ]
  for (const [kind, change] of foreign)
    test(`a ${kind} of somebody else that has our name is neither written nor deleted, and named`, () => {
      const have = change(converged([source('east')]).have)
      const plan = planImport(seen([source('east')], have))
      assert.deepEqual(plan.steps, [])
      assert.match(plan.next.kind === 'blocked' ? plan.next.message : '', new RegExp(`^${kind} shop/.* was not made by Tombolo`))
      const dropped = lines(planImport(seen([], have)))
      assert.ok(!dropped.some((text) => text.startsWith(`delete ${kind} `)))
      assert.deepEqual(planImport(seen([source('east')], have, { merged: 'unheard' })).steps, [])
    })

  suite('while the broker was not heard', () => {
    const known = converged([source('east'), source('west')]).have
    const unheard = (sources: readonly SourceCluster[], have: Had) => converged(sources, have, { merged: 'unheard' }).rounds

    test('stays as it is, with the endpoints of the others', () => assert.deepEqual(unheard([source('west')], known), []))
    test('follows our own endpoints', () =>
      assert.deepEqual(unheard([source('west', {}, [9])], known), [['apply EndpointSlice west']]))
    test('lets go of our own endpoints alone when we export no more', () => {
      const [round = []] = unheard([], known)
      assert.equal(round.length, 1)
      assert.match(round[0] ?? '', /^delete EndpointSlice/)
    })
    suite('has no use for a cluster that cannot answer while another does', () => {
      const pathTo: Traffic['pathTo'] = (cluster) => (cluster === 'east' ? { kind: 'dead', why: 'cut' } : open)
      const left = (have: Had, change: Partial<Importing>, sources = [source('west')]) =>
        converged(sources, have, { merged: 'unheard', ...change })
          .have.slices.map(sourceOf)
          .sort()
      test('as no cable to it carries anything', () =>
        assert.deepEqual(left(known, { traffic: { policy: undefined, fleets: undefined, pathTo } }), ['west']))
      test('as a policy has come to deny it', () => {
        const policy = { deny: [idOf('east')], minReadyEndpoints: 1 }
        assert.deepEqual(left(known, { traffic: { policy, fleets: undefined, pathTo: () => open } }), ['west'])
      })
      test('as it was thrown out', () => assert.deepEqual(left(known, { isAwaited: () => false }), ['west']))
      test('but keeps one that stands by: nothing else would bring it back', () => {
        const policy = { order: [idOf('west')], minReadyEndpoints: 1 }
        assert.deepEqual(left(known, { traffic: { policy, fleets: undefined, pathTo: () => open } }), ['east', 'west'])
      })
      test('and keeps the only one', () =>
        assert.deepEqual(
          left(converged([source('east')]).have, { traffic: { policy: undefined, fleets: undefined, pathTo } }, []),
          ['east'],
        ))
    })
    test('is not made: nobody knows what the others export', () => assert.deepEqual(unheard([source('west')], empty), []))
    test('a malformed one is left for later', () => {
      const { spec: _, ...bare } = known.import ?? { metadata: { name: 'web', labels: ours } }
      assert.deepEqual(unheard([source('west')], { ...known, import: bare as ServiceImport, slices: [] }), [])
    })
  })
})
