import { isWell } from './well.ts'
import assert from 'node:assert/strict'
import { addressesOf } from './endpoints.ts'
import { clustersOf } from './clusters.ts'
import { connectionsOf } from './connections.ts'
import { gatewaysOf, stateOf } from './gateways.ts'
import { membersOf } from './members.ts'
import { networksOf } from './networks.ts'
import { servicesOf } from './services.ts'
import { versionsOf } from './versions.ts'
import type { Cluster } from '#test/kit/services.ts'
import { allocationOf, constituent, idOf } from '#test/kit/services.ts'
import { emptySnapshot, gatewayOf, goodSnapshot, podOf, withBroker, withMember } from '#test/kit/snapshot.ts'
import type { BrokerView, MemberView, Slice, Snapshot } from '../snapshot.ts'

const takenAt = new Date('2026-01-02T00:10:00Z')
const at = '2026-01-02T00:00:00Z'

type Fields = Readonly<Record<string, unknown>>
const object = (kind: string, name: string, namespace: string, rest: Fields) => ({
  apiVersion: 'tombolo.dev/v1alpha1',
  kind,
  metadata: { name, namespace },
  ...rest,
})
const condition = (type: string, status: string, message = '', reason = type) => ({
  type,
  status,
  reason,
  message,
  lastTransitionTime: at,
})

/** `east-1 Active 3` is the gateway of cluster east on node east-1 in term 3. */
const gateway = (text: string, connections: readonly Fields[] = []) => {
  const [node = '', role = 'Standby', term = '0'] = text.split(' ')
  const clusterID = node.split('-')[0] ?? ''
  return object('GatewayEndpoint', `gw-${node}`, `tombolo-m-${clusterID}`, {
    spec: {
      clusterID,
      node,
      candidates: [{ type: 'NodeInternal', address: node === 'west-1' ? 'fd00::7' : '192.0.2.1', port: 51820 }],
      wireguard: { publicKey: 'K' },
    },
    status: { role, term: Number(term), driver: 'wireguard (kernel)', connections },
  })
}
/** `west-1 Connected 640` is a connection to the gateway on west-1 with a round trip of 640 µs. */
const to = (text: string, more: Fields = {}) => {
  const [node = '', state = 'Connecting', rtt] = text.split(' ')
  return {
    endpoint: `gw-${node}`,
    clusterID: node.split('-')[0],
    node,
    state,
    ...(rtt === undefined ? {} : { rttMicros: Number(rtt) }),
    ...more,
  }
}
const addresses = (id: string) => ({ clusterID: id, podCIDRs: [`pods-${id}`], serviceCIDRs: [`services-${id}`] })
const allocation = (id: string) => object('Allocation', id, 'tombolo-system', { spec: addresses(id) })

function member(id: string, more: Fields = {}): Snapshot {
  const membership = object('Membership', 'membership', 'tombolo-system', {
    spec: { ...addresses(id), clusterset: 'default', image: 'i', wireguardPort: 51820 },
    status: { conditions: [condition('Ready', 'True')] },
  })
  const running = ['east-1', 'east-2']
  const view = {
    membership,
    allocations: [allocation(id)],
    gateways: [],
    certificates: [],
    running,
    exports: [],
    imports: [],
    trafficPolicies: [],
    slices: [],
    ...more,
  }
  return { ...emptySnapshot, member: view as unknown as MemberView, takenAt }
}

function broker(more: Fields): Snapshot {
  const view = {
    fleet: {},
    members: [],
    requests: [],
    exportGrants: [],
    allocations: [],
    heartbeats: [],
    gateways: [],
    certificates: [],
    services: [],
    endpoints: [],
    ...more,
  }
  return { ...emptySnapshot, broker: view as unknown as BrokerView, takenAt }
}

suite('clusters, as a member sees them', () => {
  const local = (conditions: readonly Fields[] | undefined, metadata: Fields = {}) => ({
    membership: {
      ...object('Membership', 'membership', 'tombolo-system', { spec: addresses('east') }),
      metadata: { name: 'membership', ...metadata },
      ...(conditions === undefined ? {} : { status: { conditions } }),
    },
  })
  const cases: readonly { readonly name: string; readonly snapshot: Snapshot; readonly rows: readonly string[] }[] = [
    { name: 'a cluster alone is ready when its Membership is', snapshot: member('east'), rows: ['east Local Ready'] },
    {
      name: 'a cluster that was never looked at says so',
      snapshot: member('east', local(undefined)),
      rows: ['east Local NotReady: the operator has not reported yet'],
    },
    {
      name: 'a cluster that is not ready says why in the operator’s words',
      snapshot: member('east', local([condition('Ready', 'False', 'agent: 1 of 2 ready')])),
      rows: ['east Local NotReady: agent: 1 of 2 ready'],
    },
    {
      name: 'a broker that does not answer leaves a cluster ready and is told',
      snapshot: member('east', local([condition('Ready', 'True'), condition('BrokerReachable', 'False', 'no route')])),
      rows: ['east Local Ready: no route'],
    },
    {
      name: 'a cluster that leaves says which step it is at',
      snapshot: member('east', local([condition('Leaving', 'True', '', 'CleaningNodes')], { deletionTimestamp: at })),
      rows: ['east Local Leaving: CleaningNodes'],
    },
    {
      name: 'a peer is as connected as the cable between the active gateways',
      snapshot: member('east', {
        allocations: [allocation('west'), allocation('east')],
        gateways: [gateway('east-1 Active', [to('west-1 Connected 640'), to('west-2 Error')]), gateway('west-1 Active')],
      }),
      rows: ['east Local Ready on east-1', 'west Peer Connected on west-1 0.64 ms'],
    },
    {
      name: 'of two gateways that say Active the one of the higher term counts',
      snapshot: member('east', {
        allocations: [allocation('west')],
        gateways: [
          gateway('east-1 Active', [to('west-1 Error', { message: 'no answer' }), to('west-2 Connected 2000')]),
          gateway('west-1 Active 4'),
          gateway('west-2 Active 5'),
        ],
      }),
      rows: ['east Local Ready on east-1', 'west Peer Connected on west-2 2 ms'],
    },
    {
      name: 'a broken cable has a reason and no round trip, whatever it once had',
      snapshot: member('east', {
        allocations: [allocation('west')],
        gateways: [gateway('east-1 Active', [to('west-1 Error 640', { message: 'silent for 3 s' })]), gateway('west-1 Active')],
      }),
      rows: ['east Local Ready on east-1', 'west Peer Error on west-1: silent for 3 s'],
    },
    {
      name: 'a peer without an active gateway, and a cluster without one of its own, say so',
      snapshot: member('east', { allocations: [allocation('west'), allocation('north')], gateways: [gateway('west-1 Active')] }),
      rows: [
        'east Local Ready',
        'north Peer NoGateway: it has announced no active gateway',
        'west Peer Connecting on west-1: no gateway is active here',
      ],
    },
  ]
  for (const { name, snapshot, rows } of cases) test(name, () => assert.deepEqual(said(snapshot), rows))
})

suite('clusters, as the broker sees them', () => {
  const ready = { status: { conditions: [condition('Ready', 'True')] } }
  const joined = (id: string, rest: Fields = ready) => object('Member', id, 'tombolo-broker', { spec: addresses(id), ...rest })
  const heard = (id: string, secondsAgo: number) => ({
    namespace: `tombolo-m-${id}`,
    heardAt: new Date(takenAt.getTime() - secondsAgo * 1000),
    goodForSeconds: 60,
  })
  const cases: readonly { readonly name: string; readonly snapshot: Snapshot; readonly rows: readonly string[] }[] = [
    { name: 'a broker without members has no rows', snapshot: broker({}), rows: [] },
    {
      name: 'a member that is heard and has an active gateway is ready',
      snapshot: broker({ members: [joined('east')], heartbeats: [heard('east', 90)], gateways: [gateway('east-1 Active')] }),
      rows: ['east Member Ready on east-1'],
    },
    {
      name: 'a member that fell silent is not called ready for what it once wrote',
      snapshot: broker({ members: [joined('east')], heartbeats: [heard('east', 121)], gateways: [gateway('east-1 Active')] }),
      rows: ['east Member Silent on east-1: last heard at 2026-01-02T00:07:59.000Z'],
    },
    {
      name: 'a member that was never heard, one without a gateway, one not provisioned and one that goes',
      snapshot: broker({
        members: [
          joined('a'),
          joined('b'),
          joined('c', {}),
          { ...joined('d'), metadata: { name: 'd', namespace: 'tombolo-broker', deletionTimestamp: at } },
        ],
        heartbeats: [heard('b', 1)],
      }),
      rows: [
        'a Member Silent: never heard',
        'b Member NoGateway: it has announced no active gateway',
        'c Member NotReady: the broker controller has not reported yet',
        'd Member Leaving: its namespace is being removed',
      ],
    },
  ]
  for (const { name, snapshot, rows } of cases) test(name, () => assert.deepEqual(said(snapshot), rows))

  const asks = (id: string, status: Fields | undefined, ...conditions: readonly Fields[]) =>
    object('JoinRequest', id, `tombolo-j-${id}`, {
      spec: { ...addresses(id), clusterUID: `uid-${id}` },
      ...(status === undefined ? {} : { status: { ...status, conditions } }),
    })
  const overlap = condition('Overlap', 'True', '10.2.0.0/16 of "d" overlaps 10.2.0.0/16 of member "a"')
  test('clusters that would be members stand beside them, with what became of each; who overlaps is called so', () => {
    const well = { heartbeats: [heard('a', 1)], gateways: [] }
    const member = joined('a', { status: { conditions: [condition('Ready', 'True'), overlap] } })
    const requests = [
      asks('a', { state: 'Refused' }, overlap),
      asks('b', { state: 'AwaitingApproval', message: 'compare' }),
      asks('c', { state: 'Refused', message: 'no grant' }),
      asks('d', { state: 'Refused', message: 'overlaps a' }, overlap),
      asks('e', undefined),
      asks('f', { state: 'Admitted' }),
      asks('g', { state: 'Left' }),
    ]
    assert.deepEqual(
      membersOf(broker({ members: [member], requests, ...well })).map(
        ({ id, state, message }) => `${id} ${state}: ${message ?? ''}`,
      ),
      [
        'a NoGateway: it has announced no active gateway',
        'b AwaitingApproval: compare',
        'c Refused: no grant',
        'd Overlap: overlaps a',
        'e Pending: ',
      ],
    )
    const ready = broker({ members: [member], requests, ...well, gateways: [gateway('a-1 Active')] })
    assert.match(membersOf(ready)[0]?.message ?? '', /overlaps/)
  })
})

const said = (snapshot: Snapshot): readonly string[] =>
  clustersOf(snapshot).map(
    ({ id, view, state, gateway: node, rttMs, message }) =>
      `${id} ${view} ${state}${node === undefined ? '' : ` on ${node}`}${rttMs === undefined ? '' : ` ${rttMs} ms`}${message === undefined ? '' : `: ${message}`}`,
  )

suite('gateways and connections', () => {
  const gateways = [
    gateway('east-1 Active', [to('west-1 Connected 640', { address: '192.0.2.7:51820', since: at }), to('west-2 Connected 900')]),
    gateway('east-2 Standby', [to('west-1 Connected 700')]),
    gateway('west-1 Active', [to('east-1 Connected 640'), to('east-2 Connecting')]),
    gateway('west-2 Standby'),
  ]
  const cables = (snapshot: Snapshot) =>
    connectionsOf(snapshot).map((c) => `${c.node} → ${c.remoteNode} ${c.role} ${c.state} ${c.rttMs ?? '-'}`)

  test('a member tells of its own connections, and traffic goes between active gateways alone', () => {
    assert.deepEqual(cables(member('east', { gateways })), [
      'east-1 → west-1 Active Connected 0.64',
      'east-1 → west-2 Standby Connected 0.9',
      'east-2 → west-1 Standby Connected 0.7',
    ])
  })

  test('what a gateway said that does not run any more is not repeated', () => {
    const snapshot = member('east', { gateways, running: ['east-2'] })
    assert.deepEqual(cables(snapshot)[0], 'east-1 → west-1 Standby Error -')
    assert.equal(connectionsOf(snapshot)[0]?.message, 'no gateway runs on east-1 now')
    assert.deepEqual(gatewaysOf(snapshot).map((g) => `${g.node} ${g.role}`)[0], 'east-1 Unknown')
    assert.equal(clustersOf(snapshot)[0]?.gateway, undefined)
  })

  test('a gateway that was drained, or whose node is cordoned, says so; nothing else is told of it', () => {
    const electable = (status: string, reason: string) => ({
      status: { conditions: [condition('Electable', status, '', reason)] },
    })
    const of = (rest: Fields) => ({ ...gateway('east-1'), ...rest }) as unknown as MemberView['gateways'][number]
    assert.deepEqual(
      [electable('True', 'InService'), electable('False', 'Drained'), electable('False', 'Cordoned'), {}].map((g) =>
        stateOf(of(g)),
      ),
      [undefined, 'Drained', 'Cordoned', undefined],
    )
  })

  test('the broker tells of the connections of all', () => {
    assert.deepEqual(cables(broker({ gateways })).slice(3), [
      'west-1 → east-1 Active Connected 0.64',
      'west-1 → east-2 Standby Connecting -',
    ])
  })

  test('a connection carries what it is made of', () => {
    assert.deepEqual(connectionsOf(member('east', { gateways }))[0], {
      cluster: 'east',
      node: 'east-1',
      remoteCluster: 'west',
      remoteNode: 'west-1',
      role: 'Active',
      driver: 'wireguard (kernel)',
      state: 'Connected',
      rttMs: 0.64,
      address: '192.0.2.7:51820',
      path: undefined,
      pathReason: undefined,
      since: at,
      pairKey: undefined,
      message: undefined,
    })
  })

  test('a connection says which way it takes, and why', () => {
    const way = (change: object) => {
      const [one, ...rest] = gateways as unknown as MemberView['gateways']
      const [first, ...others] = one?.status?.connections ?? []
      const changed = { ...one, status: { ...one?.status, connections: [{ ...first, ...change }, ...others] } }
      const row = connectionsOf(member('east', { gateways: [changed, ...rest] as unknown as typeof gateways }))[0]
      return [row?.path, row?.pathReason]
    }
    assert.deepEqual(way({ path: 'Direct', pathMessage: 'passes' }), ['direct', 'passes'])
    assert.deepEqual(way({ path: 'Relay', relay: 'hub/n1' }), ['relay hub/n1', undefined])
  })

  test('a gateway shows its first candidate, an IPv6 one in brackets, and how many of its cables are up', () => {
    const rows = gatewaysOf(member('east', { gateways }))
    assert.deepEqual(
      rows.map((g) => `${g.node} ${g.role} ${g.address} ${g.connected}/${g.connections}`),
      [
        'east-1 Active 192.0.2.1:51820 2/2',
        'east-2 Standby 192.0.2.1:51820 1/1',
        'west-1 Active [fd00::7]:51820 1/2',
        'west-2 Standby 192.0.2.1:51820 0/0',
      ],
    )
  })

  test('a gateway tells until when its certificate lasts, once it holds it', () => {
    const own = gateways[0] ?? assert.fail()
    const until = '2026-01-02T00:00:00Z'
    const held = (inUse?: string) =>
      object('GatewayCertificate', own.metadata.name, 'tombolo-system', {
        spec: { clusterID: 'east', ...(inUse === undefined ? {} : { inUse }) },
        status: { notAfter: until },
      })
    const untilOf = (certificate: Fields) =>
      gatewaysOf(member('east', { gateways, certificates: [certificate] })).map((g) => g.certificateUntil)
    assert.deepEqual(untilOf(held('ab')), [until, undefined, undefined, undefined])
    assert.deepEqual(untilOf(held()), [undefined, undefined, undefined, undefined])
  })

  test('a gateway that has not reported has no role', () => {
    const silent = { ...gateway('east-1'), status: undefined }
    assert.equal(gatewaysOf(member('east', { gateways: [silent] }))[0]?.role, 'Unknown')
  })
})

suite('services, as a member sees them', () => {
  const svcExport = (name: string, ...conditions: readonly Fields[]) =>
    object('ServiceExport', name, 'shop', conditions.length === 0 ? {} : { status: { conditions } })
  const svcImport = (name: string, clusters: readonly string[], ...conditions: readonly Fields[]) =>
    object('ServiceImport', name, 'shop', {
      spec: { type: 'ClusterSetIP', ips: ['10.9.0.1'], ports: [{ port: 80 }, { port: 53, protocol: 'UDP' }] },
      status: { clusters: clusters.map((cluster) => ({ cluster })), conditions },
    })
  /** `web east 2/3`, IPv4 unless said otherwise. */
  const slice = (text: string, addressType = 'IPv4'): Slice => {
    const [service = '', cluster = '', counts = ''] = text.split(' ')
    const [ready, endpoints] = counts.split('/').map(Number)
    return { namespace: 'shop', service, cluster, addressType, endpoints: endpoints ?? 0, ready: ready ?? 0 }
  }
  const cases: readonly { readonly name: string; readonly view: Fields; readonly rows: readonly string[] }[] = [
    {
      name: 'an import counts the endpoints of all clusters and of no other service',
      view: {
        imports: [svcImport('web', ['west', 'east'])],
        exports: [svcExport('web', condition('Valid', 'True'), condition('Ready', 'True'))],
        slices: [slice('web east 2/2'), slice('web west 0/1'), slice('api west 9/9')],
      },
      rows: ['web exported from east,west 2/3 Ready'],
    },
    {
      name: 'an endpoint of two families is one endpoint',
      view: {
        imports: [svcImport('web', ['west'])],
        slices: [slice('web west 2/2'), slice('web west 1/1'), slice('web west 2/3', 'IPv6')],
      },
      rows: ['web imported from west 3/3 Ready'],
    },
    {
      name: 'without an endpoint that is ready nobody answers',
      view: { imports: [svcImport('web', ['west'])], slices: [slice('web west 0/2')] },
      rows: ['web imported from west 0/2 NoEndpoints: no endpoint is ready'],
    },
    {
      name: 'until the import has a status its slices say where it is from',
      view: {
        imports: [{ ...svcImport('web', []), status: undefined }],
        slices: [slice('web west 1/1'), slice('web east 1/1')],
      },
      rows: ['web imported from east,west 2/2 Ready'],
    },
    {
      name: 'a conflict comes before everything else',
      view: {
        imports: [svcImport('web', ['west'])],
        exports: [svcExport('web', condition('Conflict', 'True', 'ports differ'), condition('Ready', 'False', 'pending'))],
        slices: [slice('web west 1/1')],
      },
      rows: ['web exported from west 1/1 Conflict: ports differ'],
    },
    {
      name: 'an export of a service that is missing is told although others export it',
      view: {
        imports: [svcImport('web', ['west'])],
        exports: [svcExport('web', condition('Valid', 'False', 'there is no Service shop/web'))],
        slices: [slice('web west 1/1')],
      },
      rows: ['web exported from west 1/1 Invalid: there is no Service shop/web'],
    },
    {
      name: 'an export of what is granted to others says so',
      view: { exports: [svcExport('web', { ...condition('Valid', 'False', 'not exported'), reason: 'NotGranted' })] },
      rows: ['web exported from  0/0 NotGranted: not exported'],
    },
    {
      name: 'an import that this cluster cannot use says why',
      view: { imports: [svcImport('web', ['west'], condition('Ready', 'False', 'exported for IPv6'))] },
      rows: ['web imported from west 0/0 Pending: exported for IPv6'],
    },
    {
      name: 'exports that have led to nothing are there, each with its reason',
      view: {
        exports: [
          svcExport('new'),
          svcExport('odd', condition('Valid', 'False', 'of type ExternalName')),
          svcExport('slow', condition('Valid', 'True'), condition('Ready', 'False', 'the broker does not hold the export yet')),
        ],
      },
      rows: [
        'new exported from  0/0 Pending: the operator has not imported it yet',
        'odd exported from  0/0 Invalid: of type ExternalName',
        'slow exported from  0/0 Pending: the broker does not hold the export yet',
      ],
    },
  ]
  for (const { name, view, rows } of cases)
    test(name, () => {
      const found = servicesOf(member('east', view))
      assert.deepEqual(
        found.map(
          (s) =>
            `${s.name} ${s.exportedHere === true ? 'exported' : 'imported'} from ${s.clusters.join(',')} ${s.readyEndpoints}/${s.endpoints} ${s.state}${s.message === undefined ? '' : `: ${s.message}`}`,
        ),
        rows,
      )
    })

  test('who answers is shown where not all do: by a traffic policy, with what of it holds nowhere, or as others have no endpoint here', () => {
    const policies = (...clusters: readonly Fields[]) => [
      object('ServiceTrafficPolicy', 'web', 'shop', {
        status: { clusters, conditions: [condition('Ready', 'False', 'spec.order names wets', 'UnknownCluster')] },
      }),
    ]
    const shown = (trafficPolicies: readonly Fields[], ...slices: readonly string[]) => {
      const view = { imports: [svcImport('web', ['east', 'west'])], slices: slices.map((text) => slice(text)), trafficPolicies }
      const [row] = servicesOf(member('east', view))
      return [row?.answering, row?.clusters, row?.state, row?.message]
    }
    const [east, west] = [
      { cluster: 'east', state: 'Unready' },
      { cluster: 'west', state: 'Answers' },
    ]
    const both = ['web east 0/1', 'web west 1/1']
    assert.deepEqual(shown([], ...both), [undefined, ['east', 'west'], 'Ready', undefined])
    assert.deepEqual(shown([], 'web west 1/1'), [['west'], ['east', 'west'], 'Ready', undefined])
    assert.deepEqual(shown([])[0], undefined)
    assert.deepEqual(shown(policies(east, west), ...both), [
      ['west'],
      ['east', 'west'],
      'Ready',
      'traffic policy: spec.order names wets',
    ])
  })

  test('whom this cluster exports to is shown where that is not everybody, with what is wrong with it', () => {
    const annotations = { 'tombolo.dev/export-to': 'west,suoth' }
    const known = condition('ImportersKnown', 'False', 'export-to names suoth')
    const own = svcExport('web', condition('Valid', 'True'), condition('Ready', 'True'), known)
    const exports = [{ ...own, metadata: { name: 'web', namespace: 'shop', annotations } }]
    const [row] = servicesOf(member('east', { imports: [svcImport('web', ['east'])], exports, slices: [slice('web east 1/1')] }))
    assert.deepEqual(row?.exportedTo, [{ from: 'east', to: ['suoth', 'west'] }])
    assert.deepEqual([row.state, row.message], ['Ready', 'export-to names suoth'])
  })

  test('what chose is named: its policy, or the fleet where it has a default that this cluster takes', () => {
    const own = allocationOf('east')
    const allocations = [{ ...own, spec: { ...own.spec, traffic: { locality: 'Local', minReadyEndpoints: 1 } } }]
    const chosenBy = (view: Fields) => {
      const [row] = servicesOf(
        member('east', { imports: [svcImport('web', ['east', 'west'])], slices: [slice('web east 1/1')], ...view }),
      )
      return [row?.answering, row?.chosenBy]
    }
    const trafficPolicies = [
      object('ServiceTrafficPolicy', 'web', 'shop', { status: { clusters: [{ cluster: 'west', state: 'Answers' }] } }),
    ]
    assert.deepEqual(chosenBy({}), [['east'], undefined])
    assert.deepEqual(chosenBy({ allocations }), [['east'], 'Fleet'])
    assert.deepEqual(chosenBy({ allocations, trafficPolicies }), [['west'], 'ServiceTrafficPolicy'])
  })

  test('with weights that hold, what share of the calls each has that answers', () => {
    const of = (cluster: string, wantedPercent: number, gotPercent: number) => ({
      cluster,
      state: 'Answers',
      share: { wantedPercent, gotPercent, readyEndpoints: 4, usedEndpoints: 1 },
    })
    const clusters = [of('east', 70, 75), of('west', 30, 25), { cluster: 'south', state: 'Standby' }]
    const view = {
      imports: [svcImport('web', ['east', 'west', 'south'])],
      trafficPolicies: [object('ServiceTrafficPolicy', 'web', 'shop', { status: { clusters } })],
    }
    const [row] = servicesOf(member('north', view))
    assert.deepEqual(row?.shares, [
      { cluster: 'east', wanted: 70, got: 75 },
      { cluster: 'west', wanted: 30, got: 25 },
    ])
  })

  test('a service is shown with its name in the DNS, its addresses and ports', () => {
    const [row] = servicesOf(member('east', { imports: [svcImport('web', ['west'])] }))
    assert.deepEqual([row?.dnsName, row?.ips, row?.ports], ['web.shop.svc.clusterset.local', ['10.9.0.1'], ['80/TCP', '53/UDP']])
  })
})

suite('services, as the broker sees them', () => {
  const exported = (cluster: string, type: string, port: number, exportedAt: string) =>
    object('ExportedService', 'web', `tombolo-m-${cluster}`, {
      spec: {
        clusterID: cluster,
        namespace: 'shop',
        name: 'web',
        type,
        ports: [{ name: 'http', protocol: 'TCP', port }],
        ipFamilies: ['IPv4'],
        exportedAt,
      },
    })
  const endpoints = (cluster: string, ready: readonly boolean[]) =>
    object('ExportedEndpoints', 'x', `tombolo-m-${cluster}`, {
      spec: {
        clusterID: cluster,
        namespace: 'shop',
        name: 'web',
        addressType: 'IPv4',
        endpoints: ready.map((r) => ({ ready: r })),
      },
    })
  const row = (view: Fields) => {
    const [first, ...others] = servicesOf(broker(view))
    assert.deepEqual(others, [])
    return first
  }

  test('what all export under one name is one row', () => {
    const found = row({
      services: [exported('west', 'ClusterSetIP', 80, at), exported('east', 'ClusterSetIP', 80, at)],
      endpoints: [endpoints('east', [true, false]), endpoints('west', [true])],
    })
    assert.deepEqual(
      [found?.state, found?.clusters, found?.readyEndpoints, found?.endpoints, found?.exportedHere],
      ['Ready', ['east', 'west'], 2, 3, undefined],
    )
  })

  test('a conflict is what every member finds, and who lost it serves nothing', () => {
    const found = row({
      services: [exported('west', 'Headless', 80, '2026-01-03T00:00:00Z'), exported('east', 'ClusterSetIP', 80, at)],
      endpoints: [endpoints('east', [true]), endpoints('west', [true, true])],
    })
    assert.deepEqual([found?.state, found?.type, found?.clusters, found?.endpoints], ['Conflict', 'ClusterSetIP', ['east'], 1])
    assert.match(found?.message ?? '', /^type: 1 of 2 clusters \(west\) differ from east/)
  })
})

test('clusters that export for different ones differ only where some cluster imports from both', () => {
  const seen = (east: readonly Cluster[], west: readonly Cluster[]) => {
    const services = [
      constituent('east', { exportTo: east.map((id) => idOf(id)) }),
      constituent('west', { exportTo: west.map((id) => idOf(id)), sessionAffinity: 'ClientIP' }),
    ]
    const [row] = servicesOf({ ...withBroker({ services, allocations: [] }), member: undefined })
    return [row?.state, row?.exportedTo]
  }
  const to = (from: Cluster, ...clusters: readonly Cluster[]) => ({ from, to: clusters })
  assert.deepEqual(seen(['north'], ['south']), ['Ready', [to('east', 'north'), to('west', 'south')]])
  assert.deepEqual(seen(['north', 'south'], ['south']), ['Conflict', [to('east', 'north', 'south'), to('west', 'south')]])
  assert.deepEqual(seen(['west'], ['south'])[0], 'Conflict')
})

test('T5: a service that a member publishes without a grant is a row of its own, and no part of the service', () => {
  const west = allocationOf('west')
  const allocations = [
    allocationOf('east'),
    { ...west, spec: { ...west.spec, exports: { ...west.spec.exports, reserved: ['shop/web'] } } },
  ]
  const seen = withBroker({ services: [constituent('east'), constituent('west')], allocations })
  assert.deepEqual(
    servicesOf({ ...seen, member: undefined }).map(({ clusters, state }) => [clusters, state]),
    [
      [['east'], 'Ready'],
      [['west'], 'NotGranted'],
    ],
  )
})

test('only Ready and Connected need no look', () => {
  const rows = clustersOf(
    member('east', { allocations: [allocation('west')], gateways: [gateway('east-1 Active'), gateway('west-1 Active')] }),
  )
  assert.deepEqual(
    rows.map((row) => [row.state, isWell(row)]),
    [
      ['Ready', true],
      ['Connecting', false],
    ],
  )
})

suite('what a fleet is made of', () => {
  const held = { ...allocationOf('west'), spec: { ...allocationOf('west').spec, state: 'Quarantined' as const } }

  test('members are the broker’s, with when they were last heard', () => {
    const heard = new Date(goodSnapshot.takenAt.getTime() - 5000)
    const seen = withBroker({ heartbeats: [{ namespace: 'tombolo-m-east', heardAt: heard, goodForSeconds: 60 }] })
    assert.deepEqual(
      membersOf(seen).map((m) => [m.id, m.state, m.silentSeconds, m.clusterUID, m.fingerprint]),
      [
        ['east', 'Ready', 5, 'uid-east', undefined],
        ['west', 'Silent', undefined, 'uid-west', undefined],
      ],
    )
    assert.deepEqual(membersOf({ ...seen, broker: undefined }), [])
  })

  test('a member with an identity has its fingerprint', () => {
    const identity = { signingKey: 'A'.repeat(43) + '=', agreementKey: 'B'.repeat(43) + '=' }
    const seen = withBroker({
      allocations: [{ ...allocationOf('east'), spec: { ...allocationOf('east').spec, identity } as never }],
    })
    assert.match(membersOf(seen)[0]?.fingerprint ?? '', /^[0-9a-f]{4}-/)
  })

  test('a member in quarantine is shown as such, by the broker and by the others', () => {
    const state = (rows: readonly { readonly id: string; readonly state: string }[]) => rows.find((r) => r.id === 'west')?.state
    assert.equal(state(membersOf(withBroker({ allocations: [held] }))), 'Quarantined')
    assert.equal(state(clustersOf(withMember({ allocations: [allocationOf('east'), held] }))), 'Quarantined')
  })

  test('an endpoint is behind NAT when others hear it under an address that it does not name', () => {
    const nat = (address: string | undefined) =>
      addressesOf(withMember({ gateways: [gatewayOf('east', { address }), gatewayOf('west')] })).find((e) => e.cluster === 'west')
        ?.behindNAT
    assert.deepEqual([nat('198.51.100.1:51820'), nat('203.0.113.9:40000'), nat(undefined)], [false, true, undefined])
    assert.deepEqual(addressesOf(goodSnapshot)[0]?.candidates, ['NodeInternal 192.0.2.1:51820'])
  })

  test('networks know of the cluster asked what is known of no other', () => {
    assert.deepEqual(
      networksOf(goodSnapshot).map((n) => [n.cluster, n.view, n.families.join(), n.cni, n.kubeProxy, n.nodes, n.mtu]),
      [
        ['east', 'Local', 'IPv4,IPv6', 'flannel', 'nftables', 2, 1420],
        ['west', 'Peer', 'IPv4,IPv6', undefined, undefined, undefined, 1420],
      ],
    )
  })

  test('versions are what each component is to run and what it does', () => {
    const seen = withMember(({ pods }) => ({ pods: [...pods.slice(0, -1), podOf('dns east-2', { image: 'old' })] }))
    assert.deepEqual(
      versionsOf(seen).map((v) => `${v.component} ${v.configured ?? ''} ${v.running.join()} ${v.pods} ${v.arch.join()}`),
      [
        'broker-controller tombolo/tombolo:1 tombolo/tombolo:1 1 amd64',
        'agent tombolo/tombolo:1 tombolo/tombolo:1 2 amd64',
        'dns tombolo/tombolo:1 old,tombolo/tombolo:1 2 amd64',
        'gateway tombolo/tombolo:1 tombolo/tombolo:1 1 amd64',
        'operator tombolo/tombolo:1 tombolo/tombolo:1 2 amd64',
      ],
    )
  })
})
