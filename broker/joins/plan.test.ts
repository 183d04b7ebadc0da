import assert from 'node:assert/strict'
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { gatewayEndpoint } from '#crds/gateway-endpoint.ts'
import type { JoinGrant } from '#crds/join-grant.ts'
import type { JoinRequest } from '#crds/join-request.ts'
import { longestAnswer } from '#crds/join-request.ts'
import type { Member } from '#crds/member.ts'
import { maxReserved } from '#crds/fleet.ts'
import { fingerprint, newIdentity, publicIdentity } from '#lib/identity/identity.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import type { ClusterID } from '#lib/net/cluster-id.ts'
import { ok } from '#lib/std/result.ts'
import type { Joiner } from '#test/kit/joining.ts'
import { fleetWith, grantFor, joiner, memberOf, requestBy } from '#test/kit/joining.ts'
import type { OwnAddresses } from './own-addresses.ts'
import type { JoinsSeen } from './plan.ts'
import { planJoins } from './plan.ts'

const now = new Date('2026-01-01T00:01:00Z')
const [west, north] = [joiner('west'), joiner('north')]
const own: OwnAddresses = { identity: undefined, apiservers: [], nodes: [] }
const brokerAt = (more: Partial<OwnAddresses>, names: readonly (readonly [string, string[]])[] = []): JoinsSeen['broker'] => ({
  version: '0.1.0',
  addresses: ok({ ...own, ...more }),
  names: new Map(names),
})
const seen = (more: Partial<JoinsSeen>): JoinsSeen => ({
  fleet: fleetWith(),
  requests: [],
  grants: [grantFor(west), grantFor(north)],
  members: [],
  gateways: ok([]),
  broker: brokerAt({}),
  placed: new Set(['west', 'north']),
  self: 'me',
  now,
  ...more,
})

/** `west: Pending`, `+Member west`, `-Member west`, in the order of the steps, and `issue west`; what is said of grants and the Fleet left out. */
const said = (more: Partial<JoinsSeen>): readonly string[] => {
  const plan = planJoins(seen(more))
  return [
    ...plan.steps.flatMap((step) => {
      switch (step.do) {
        case 'apply':
          return `+${step.kind.kind} ${step.object.metadata.name}`
        case 'status':
          return step.kind.kind === 'JoinRequest' ? `${step.key.name}: ${(step.status as { state: string }).state}` : []
        case 'delete':
          return `-${step.kind.kind} ${step.key.name}`
      }
    }),
    ...plan.issue.map(({ request: { metadata } }) => `issue ${metadata.name}`),
  ]
}
const statusOf = (kind: string, name: string, more: Partial<JoinsSeen>) => {
  const step = planJoins(seen(more)).steps.find((s) => s.do === 'status' && s.kind.kind === kind && s.key.name === name)
  assert.ok(step?.do === 'status')
  return step.status
}
const grantStatus = (more: Partial<JoinsSeen>) => statusOf('JoinGrant', 'west', more) as NonNullable<JoinGrant['status']>

const gatewayAt = (id: string, address: string, creationTimestamp = '2026-01-01T00:00:30Z'): GatewayEndpoint =>
  ({
    apiVersion: gatewayEndpoint.apiVersion,
    kind: gatewayEndpoint.kind,
    metadata: { name: `${id}-00000000`, namespace: `tombolo-m-${id}`, creationTimestamp },
    spec: {
      clusterID: id,
      node: 'n1',
      candidates: [{ type: 'NodeInternal', address, port: 51820 }],
      wireguard: { publicKey: 'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=' },
    },
  }) as unknown as GatewayEndpoint

suite('answers to join requests', () => {
  test('the Fleet keeps a status when the last addresses of those that left are taken', () => {
    // Real apiservers refuse what server-side apply makes of an empty one, and no join would be answered any more.
    const lapsed = { cidr: '10.9.0.0/16' as CIDR, clusterID: 'gone', clusterUID: 'uid-gone', until: '2025-01-01T00:00:00Z' }
    const fleet = { ...fleetWith(), status: { released: [lapsed] } } as JoinsSeen['fleet']
    assert.deepEqual(Object.keys(planJoins(seen({ fleet })).fleet), ['observedGeneration'])
  })

  test('a cluster that left has its addresses back at once by its old keys; with others, whatever UID it names, it waits and is let in by time alone', () => {
    const until = '2026-01-01T00:02:00Z'
    const identity = fingerprint(publicIdentity(west.identity))
    const released = [{ cidr: '10.2.0.0/16' as CIDR, clusterID: west.id, clusterUID: 'uid-west', identity, until }]
    const asksAs = (who: Joiner): Partial<JoinsSeen> => ({
      fleet: fleetWith({}, { released }),
      requests: [requestBy(who, { uid: 'uid-west', pods: ['10.2.0.0/16'] })],
      grants: [grantFor(who)],
    })
    assert.deepEqual(said(asksAs(west)), ['+Member west', 'west: Pending'])
    const stranger = asksAs({ ...west, identity: newIdentity() })
    assert.deepEqual(said(stranger), ['west: Pending'])
    const { message } = statusOf('JoinRequest', 'west', stranger) as NonNullable<JoinRequest['status']>
    assert.match(message ?? '', /10\.2\.0\.0\/16 of "west", which left .* until 2026-01-01T00:02:00Z.*its keys/)
    const { next } = planJoins(seen(stranger))
    assert.ok(next.kind === 'again' && next.afterMs === 60_100)
    assert.deepEqual(said({ ...stranger, now: new Date('2026-01-01T00:02:01Z') }), ['+Member west', 'west: Pending'])
  })

  const asks = requestBy(west, { pods: ['10.2.0.0/16'], services: ['10.102.0.0/16'] })
  const member = memberOf(west, { pods: ['10.2.0.0/16'], services: ['10.102.0.0/16'] })
  const unready: Member = { ...member, status: { observedGeneration: 0, conditions: [] } }
  const answered = (state: 'Refused' | 'Admitted', more: object = {}): JoinRequest => ({
    ...asks,
    status: { observedGeneration: 1, state, message: '', ...more },
  })

  test('a first request makes a Member and stays Pending until that is provisioned; then it gets its credentials', () => {
    assert.deepEqual(said({ requests: [asks] }), ['+Member west', 'west: Pending'])
    assert.deepEqual(said({ requests: [asks], members: [unready] }), ['+Member west', 'west: Pending'])
    assert.deepEqual(said({ requests: [asks], members: [member] }), ['+Member west', 'issue west'])
  })

  test('no words of another member hold up the credentials of one that asks for what it has', () => {
    const again = requestBy(west, { pods: ['10.2.0.0/16'], services: ['10.102.0.0/16'] }, {}, false)
    const members = [member, memberOf(north, { pods: ['10.9.0.0/16'], services: ['10.109.0.0/16'] })]
    const inside = gatewayAt('north', '10.2.0.5')
    assert.deepEqual(said({ requests: [again], members, gateways: ok([inside]) }), ['+Member west', 'issue west'])
    // Nor is it held up when the administrator has drawn the fleet's addresses narrower since.
    const fleet = fleetWith({ addresses: ['192.168.0.0/16' as CIDR] })
    assert.deepEqual(said({ requests: [again], members, fleet }), ['+Member west', 'issue west'])
  })

  test('where a gateway is reached is kept free; not so what a member says of another’s addresses, or says in quarantine', () => {
    const members = (state: 'Admitted' | 'Quarantined') => [
      memberOf(north, { pods: ['10.9.0.0/16'], services: ['10.109.0.0/16'], state }),
    ]
    const at = (address: string, state: 'Admitted' | 'Quarantined' = 'Admitted') =>
      said({ requests: [asks], members: members(state), gateways: ok([gatewayAt('north', address)]) })
    assert.deepEqual(at('10.2.0.5'), ['west: Refused'])
    assert.deepEqual(at('10.2.0.5', 'Quarantined'), ['+Member west', 'west: Pending'])
    assert.deepEqual(at('10.9.0.5'), ['+Member west', 'west: Pending'])
  })

  test('what a member announces and nobody reaches keeps no range from a newcomer for long', () => {
    const members = ['north', 'south'].map((id, i) =>
      memberOf(joiner(id), { pods: [`10.${8 + i}.0.0/16`], services: [`10.${108 + i}.0.0/16`] }),
    )
    const at = (minutes: number) =>
      said({
        requests: [asks],
        members,
        gateways: ok([gatewayAt('north', '10.2.0.5')]),
        now: new Date(new Date('2026-01-01T00:00:30Z').getTime() + minutes * 60_000),
      })
    assert.deepEqual(at(14), ['west: Refused'])
    assert.deepEqual(at(15), ['+Member west', 'west: Pending'])
  })

  test('what is being given to another is waited for, and not by who it is given to, nor after its time', () => {
    const until = '2026-01-01T00:02:00Z'
    const reserved = [{ by: 'other', clusterID: west.id, clusterUID: 'uid-west', cidrs: ['10.2.0.0/16' as CIDR], until }]
    const asksAs = (who: Joiner, at = now): Partial<JoinsSeen> => ({
      fleet: fleetWith({}, { reserved }),
      requests: [requestBy(who, { pods: ['10.2.0.0/17'] })],
      now: at,
    })
    assert.deepEqual(said(asksAs(west)), ['+Member west', 'west: Pending'])
    assert.deepEqual(said(asksAs(north)), ['north: Pending'])
    const { message } = statusOf('JoinRequest', 'north', asksAs(north)) as NonNullable<JoinRequest['status']>
    assert.match(message ?? '', /10\.2\.0\.0\/16, which is being given to "west", until 2026-01-01T00:02:00Z/)
    const { next, fleet } = planJoins(seen(asksAs(north)))
    assert.ok(next.kind === 'again' && next.afterMs === 10_100)
    assert.deepEqual(fleet.reserved, reserved)
    assert.deepEqual(said(asksAs(north, new Date(until))), ['+Member north', 'north: Pending'])
    // Ours, of a run that has ended, and no Member came of it.
    assert.deepEqual(said({ ...asksAs(north), self: 'other' }), ['+Member north', 'north: Pending'])
  })

  test('where the Fleet has no room for more the oldest come first, and the others have no answer yet', () => {
    const reserved = Array.from({ length: maxReserved - 1 }, (_, i) => ({
      by: 'other',
      clusterID: `c${i}` as ClusterID,
      clusterUID: 'uid',
      cidrs: [`172.16.${i}.0/24` as CIDR],
      until: '2026-01-01T00:02:00Z',
    }))
    const younger = requestBy(
      north,
      { pods: ['10.9.0.0/16'], services: ['10.109.0.0/16'] },
      { creationTimestamp: '2026-01-01T00:00:01Z' },
    )
    const full = { fleet: fleetWith({}, { reserved }), requests: [younger, asks] }
    assert.deepEqual(said(full), ['+Member west', 'west: Pending'])
    assert.deepEqual([...planJoins(seen(full)).reserves], ['west'])
    assert.equal((statusOf('JoinGrant', 'north', full) as NonNullable<JoinGrant['status']>).state, 'Open')
    assert.deepEqual(planJoins(seen(full)).next.kind, 'again')
  })

  test('the time of the request stays with the Member, though not a time that has not come', () => {
    const spec = (requestedAt: string) => {
      const request = requestBy(west, { pods: ['10.2.0.0/16'], services: ['10.102.0.0/16'], requestedAt })
      const step = planJoins(seen({ requests: [request] })).steps.find((s) => s.do === 'apply')
      return step?.do === 'apply' ? (step.object.spec as Member['spec']).requestedAt : undefined
    }
    assert.equal(spec('2026-01-01T00:00:30Z'), '2026-01-01T00:00:30Z')
    assert.equal(spec('2027-01-01T00:00:00Z'), '2026-01-01T00:06:00Z')
  })

  test('what is malformed, of a member or of whoever asks, is refused or passed over, and holds nobody up', () => {
    const west = { clusterID: 'west', node: 'x', candidates: {} }
    const gateway = { apiVersion: 'v', kind: 'k', metadata: { name: 'g', namespace: 'tombolo-m-west' }, spec: west } as never
    for (const spec of [undefined, {}, { clusterID: 'north' }, { ...asks.spec, identity: undefined }]) {
      const broken = { ...requestBy(north), spec } as never
      const grants = [grantFor(joiner('west')), grantFor(north)]
      assert.deepEqual(said({ requests: [broken], gateways: ok([gateway]), grants }), ['north: Refused'])
    }
    assert.deepEqual(said({ requests: [asks], gateways: ok([gateway]) }), ['+Member west', 'west: Pending'])
  })

  test('an answer is never longer than its field, whatever is to be repeated in it', () => {
    const capabilities = Array.from({ length: 32 }, (_, i) => `cable/${String(i).padStart(63, 'x')}`)
    const { message, state } = statusOf('JoinRequest', 'west', { requests: [requestBy(west, { capabilities })] }) as NonNullable<
      JoinRequest['status']
    >
    assert.equal(state, 'Refused')
    assert.equal(message?.length, longestAnswer)
  })

  test('one that has its credentials is left alone', () => {
    const done = answered('Admitted', { credentials: { ephemeralKey: 'k', ciphertext: 'c' } })
    assert.deepEqual(said({ requests: [done], members: [member] }), [])
  })

  test('a member that asks for other addresses waits until they are its own', () => {
    const other = requestBy(west, { pods: ['10.3.0.0/16'], services: ['10.102.0.0/16'] })
    assert.deepEqual(said({ requests: [other], members: [member] }), ['+Member west', 'west: Pending'])
    assert.equal(grantStatus({ requests: [other], members: [member] }).state, 'Used')
    const moved = memberOf(west, { pods: ['10.3.0.0/16'], services: ['10.102.0.0/16'] })
    assert.equal(grantStatus({ requests: [other], members: [moved] }).state, 'Used')
    assert.deepEqual(said({ requests: [other], members: [moved] }), ['+Member west', 'issue west'])
  })

  test('two requests that overlap make one Member, that of the older', () => {
    const younger = requestBy(north, { pods: ['10.2.128.0/17'] }, { creationTimestamp: '2026-01-01T00:00:01Z' })
    for (const requests of [
      [asks, younger],
      [younger, asks],
    ])
      assert.deepEqual(said({ requests }), ['+Member west', 'west: Pending', 'north: Refused'])
  })

  test('who overlaps is told so by a condition of that name, with both names and what to do', () => {
    const younger = requestBy(north, { pods: ['10.2.128.0/17'] }, { creationTimestamp: '2026-01-01T00:00:01Z' })
    const conditions = (name: string) =>
      (statusOf('JoinRequest', name, { requests: [younger, asks] }) as JoinRequest['status'])?.conditions ?? []
    const overlap = conditions('north').find(({ type }) => type === 'Overlap')
    assert.equal(overlap?.status, 'True')
    assert.match(
      overlap.message,
      /10\.2\.128\.0\/17 of "north" overlaps pod CIDR 10\.2\.0\.0\/16 of member "west".*renumber one of them/,
    )
    assert.deepEqual(
      conditions('north').map(({ type, status, reason }) => [type, status, reason]),
      [
        ['Ready', 'False', 'Overlap'],
        ['Stalled', 'True', 'Overlap'],
        ['Overlap', 'True', 'Overlap'],
      ],
    )
    assert.deepEqual(
      conditions('west').map(({ type }) => type),
      ['Ready', 'Stalled'],
    )
  })

  test('who does not fit is refused, and holds no address against anybody', () => {
    const old = requestBy(north, { pods: ['10.2.0.0/16'], version: '0.9.0' }, { creationTimestamp: '2025-12-31T23:59:59Z' })
    assert.deepEqual(said({ requests: [old, asks] }), ['north: Refused', '+Member west', 'west: Pending'])
    const fleet = fleetWith({ cables: ['other'] as never })
    assert.deepEqual(said({ requests: [asks], fleet }), ['west: Refused'])
  })

  test('nobody is asked to approve what would be refused, and who is refused has claimed no grant', () => {
    const manual = fleetWith({ approval: 'Manual' })
    const taken = [memberOf(north, { pods: ['10.2.128.0/17'], services: ['10.109.0.0/16'] })]
    const old = requestBy(west, { pods: ['10.2.0.0/16'], version: '0.9.0' })
    for (const refused of [
      { fleet: manual, requests: [asks], members: taken },
      { fleet: manual, requests: [asks], broker: brokerAt({ nodes: ['10.2.3.4'] }) },
      { fleet: manual, requests: [old] },
      { fleet: fleetWith({ approval: 'Manual', cables: ['other'] as never }), requests: [asks] },
    ]) {
      assert.deepEqual(said(refused), ['west: Refused'])
      assert.equal(grantStatus(refused).state, 'Open')
    }
    assert.deepEqual(said({ fleet: manual, requests: [asks] }), ['west: AwaitingApproval'])
  })

  test('who waits for approval keeps nobody out; it is refused when its addresses are gone, and judged again when it is approved', () => {
    const fleet = fleetWith({ approval: 'Manual' })
    const approved = (one: Joiner) => grantFor(one, { approved: fingerprint(publicIdentity(one.identity)) })
    const younger = requestBy(
      north,
      { pods: ['10.2.128.0/17'], services: ['10.103.0.0/16'] },
      { creationTimestamp: '2026-01-01T00:00:01Z' },
    )
    const both = { fleet, requests: [asks, younger] }
    assert.deepEqual(said(both), ['west: AwaitingApproval', 'north: AwaitingApproval'])
    const grants = [grantFor(west), approved(north)]
    assert.deepEqual(said({ ...both, grants }), ['west: Refused', '+Member north', 'north: Pending'])
    assert.deepEqual(said({ ...both, grants: [approved(west), approved(north)] }), [
      ...['+Member west', 'west: Pending'],
      'north: Refused',
    ])
  })

  test('who waits for time to pass is put before an administrator after that', () => {
    const until = '2026-01-01T00:02:00Z'
    const released = [{ cidr: '10.2.0.0/16' as CIDR, clusterID: west.id, clusterUID: 'uid-west', until }]
    const waits = { fleet: fleetWith({ approval: 'Manual' }, { released }), requests: [asks] }
    assert.deepEqual(said(waits), ['west: Pending'])
    assert.deepEqual(said({ ...waits, now: new Date('2026-01-01T00:02:01Z') }), ['west: AwaitingApproval'])
  })

  test('a member that is far behind keeps its credentials, and is remarked', () => {
    const again = requestBy(west, { pods: ['10.2.0.0/16'], services: ['10.102.0.0/16'], version: '0.9.0' }, {}, false)
    const [issue] = planJoins(seen({ requests: [again], members: [member] })).issue
    assert.match(issue?.remarks.VersionSkewed ?? '', /is "0\.9\.0", want 0\.0 to 0\.2/)
    assert.deepEqual(planJoins(seen({ requests: [asks], members: [member] })).issue[0]?.remarks, {})
  })

  test('nobody gets the addresses of the broker: those its cluster has, and those its grants name', () => {
    const at = (addresses: Partial<OwnAddresses>, server?: string) => {
      const grants = [grantFor(west, server === undefined ? {} : { server })]
      return said({ requests: [asks], grants, broker: brokerAt(addresses) })
    }
    const free = ['+Member west', 'west: Pending']
    assert.deepEqual(at({ apiservers: ['10.2.3.4'] }), ['west: Refused'])
    assert.deepEqual(at({ nodes: ['10.2.3.4'] }), ['west: Refused'])
    assert.deepEqual(at({ nodes: ['10.2.3.4'], identity: fingerprint(publicIdentity(west.identity)) }), free)
    assert.deepEqual(at({ nodes: ['10.2.3.4'], identity: fingerprint(publicIdentity(north.identity)) }), ['west: Refused'])
    assert.deepEqual(at({}, 'https://10.2.3.4:6443'), ['west: Refused'])
    assert.deepEqual(at({ apiservers: ['192.0.2.1', 'no address'], nodes: ['fd00::1'] }, 'https://hub.example:6443'), free)
  })

  test('a name by which members reach the broker is kept free where it is; one that nobody knows is remarked and holds up nobody', () => {
    const grants = [grantFor(west, { server: 'https://hub.example:6443' })]
    const at = (...addresses: string[]) => ({ requests: [asks], grants, broker: brokerAt({}, [['hub.example', addresses]]) })
    assert.deepEqual(said(at('192.0.2.7', '10.2.3.4')), ['west: Refused'])
    const status = statusOf('JoinRequest', 'west', at('10.2.3.4')) as JoinRequest['status']
    assert.match(status?.message ?? '', /contains 10\.2\.3\.4 of its apiserver, hub\.example/)
    assert.deepEqual(said(at('192.0.2.7')), ['+Member west', 'west: Pending'])
    assert.deepEqual(said(at()), ['+Member west', 'west: Pending'])
    const remarks = (...addresses: string[]) => planJoins(seen({ ...at(...addresses), members: [member] })).issue[0]?.remarks
    assert.deepEqual(remarks('192.0.2.7'), {})
    assert.match(remarks()?.BrokerNameUnknown ?? '', /hub\.example, of which DNS knows no address/)
  })

  const unread = { ok: false, error: 'where it is (403 Forbidden)' } as const
  const blind: readonly (readonly [string, Partial<JoinsSeen>])[] = [
    ['where it is itself', { broker: { ...brokerAt({}), addresses: unread } }],
    ['where gateways are', { gateways: unread }],
  ]
  for (const [what, some] of blind)
    test(`while the broker cannot read ${what}, nobody new is let in and told why; members renew, and who does not fit is refused`, () => {
      const joins = { requests: [asks], ...some }
      assert.deepEqual(said(joins), ['west: Pending'])
      const status = statusOf('JoinRequest', 'west', joins) as JoinRequest['status']
      assert.match(status?.message ?? '', /cannot read where it is \(403 Forbidden\), and lets nobody new in/)
      assert.equal(status?.conditions?.find(({ type }) => type === 'Ready')?.reason, 'GroundUnknown')
      assert.deepEqual(said({ ...joins, fleet: fleetWith({ approval: 'Manual' }) }), ['west: Pending'])
      assert.deepEqual(said({ ...joins, requests: [requestBy(west, { version: '0.9.0' })] }), ['west: Refused'])
      const renews = requestBy(west, { pods: ['10.2.0.0/16'], services: ['10.102.0.0/16'] }, {}, false)
      assert.deepEqual(said({ ...some, requests: [renews], members: [member] }), ['+Member west', 'issue west'])
      const { next } = planJoins(seen(joins))
      assert.ok(next.kind === 'again' && next.afterMs <= 10_000 && next.because.includes('403 Forbidden'))
    })

  test('a refusal stands for what was asked, also when the obstacle has gone', () => {
    assert.deepEqual(said({ requests: [answered('Refused')] }), [])
  })

  test('a member that leaves is taken off the list, and nobody else can take it off', () => {
    const leaves = requestBy(west, { intent: 'Leave' }, {}, false)
    assert.deepEqual(said({ requests: [leaves], members: [member] }), ['west: Left', '-Member west'])
    const other = requestBy(joiner('west'), { intent: 'Leave' }, {}, false)
    assert.deepEqual(said({ requests: [other], members: [member] }), ['west: Refused'])
  })

  test('a request under the id of a Member that is being removed waits', () => {
    const going = memberOf(west, { pods: ['10.2.0.0/16'] }, { deletionTimestamp: '2026-01-01T00:00:30Z' })
    assert.deepEqual(said({ requests: [asks], members: [going] }), ['west: Pending'])
  })

  test('a clock that is more than five minutes off is named', () => {
    const conditions = (requestedAt: string) => {
      const status = statusOf('JoinRequest', 'west', { requests: [requestBy(west, { requestedAt })] })
      return ((status as JoinRequest['status'])?.conditions ?? []).filter((c) => c.type === 'ClockSkewed')
    }
    assert.deepEqual(conditions('2026-01-01T00:05:00Z'), [])
    assert.deepEqual(conditions('2025-12-31T23:55:00Z'), [])
    assert.match(conditions('2026-01-01T00:05:01Z')[0]?.message ?? '', /5 minutes ahead/)
    assert.match(conditions('2025-12-31T23:54:59Z')[0]?.message ?? '', /5 minutes behind/)
    assert.match(conditions('2026-01-01T00:07:00Z')[0]?.message ?? '', /7 minutes ahead/)
    assert.match(conditions('2025-12-31T23:40:00Z')[0]?.message ?? '', /20 minutes behind/)
  })

  test('what is so already is not written again', () => {
    const first = statusOf('JoinRequest', 'west', { requests: [asks], members: [unready] })
    const again = {
      requests: [{ ...asks, status: first } as JoinRequest],
      members: [unready],
      now: new Date('2026-01-01T00:02:00Z'),
    }
    assert.deepEqual(statusOf('JoinRequest', 'west', again), first)
  })
})

suite('the state of a grant', () => {
  const asks = requestBy(west)
  test('is Pending without a place to ask at, then Open, then Expired', () => {
    assert.equal(grantStatus({ placed: new Set() }).state, 'Pending')
    assert.equal(grantStatus({}).state, 'Open')
    assert.equal(grantStatus({ now: new Date('2026-01-01T00:15:00Z') }).state, 'Expired')
  })

  test('is Claimed while the cluster that proved it waits for approval: for seven days from its request, whatever its own time', () => {
    const fleet = fleetWith({ approval: 'Manual' })
    const claimed = grantStatus({ fleet, requests: [asks] })
    assert.deepEqual([claimed.state, claimed.claim?.until], ['Claimed', '2026-01-08T00:00:00Z'])
    const grant = (spec = {}) => ({ grants: [grantFor(west, spec, claimed)], fleet, requests: [asks] })
    const days = (n: number) => new Date(now.getTime() + n * 24 * 3600_000)
    assert.deepEqual(said({ ...grant(), now: days(6) }), ['west: AwaitingApproval'])
    assert.deepEqual(said({ ...grant({ approved: claimed.claim?.by }), now: days(6) }), ['+Member west', 'west: Pending'])
    assert.deepEqual(said({ ...grant(), now: days(7) }), ['west: Refused'])
    assert.equal(grantStatus({ ...grant(), now: days(7) }).state, 'Expired')
    const { next } = planJoins(seen(grant()))
    assert.equal(next.kind === 'again' && next.afterMs, days(7).getTime() - 60_000 - now.getTime() + 100)
  })

  test('is Used by the run that lets somebody in: a request that is gone a moment later leaves nothing to use again', () => {
    assert.deepEqual(said({ requests: [asks] }), ['+Member west', 'west: Pending'])
    const status = grantStatus({ requests: [asks] })
    assert.equal(status.state, 'Used')
    assert.equal(status.usedBy, fingerprint(asks.spec.identity))
    const going = memberOf(west, {}, { deletionTimestamp: '2026-01-01T00:00:00Z' })
    assert.equal(grantStatus({ requests: [asks], members: [going] }).state, 'Open', 'nobody is let in yet')
  })

  test('is Used as soon as the member is there that proved it, also for a controller that was cut off in between', () => {
    const status = grantStatus({ requests: [asks], members: [memberOf(west)] })
    assert.equal(status.state, 'Used')
    assert.match(status.usedBy ?? '', /^([0-9a-f]{4}-?){8}$/)
  })

  test('with another code it begins anew', () => {
    const used = grantFor(west, {}, { state: 'Used', usedBy: 'x', failedAttempts: ['1', '2'] })
    assert.equal(grantStatus({ grants: [used] }).state, 'Used')
    const renewed = { ...used, spec: { ...used.spec, verifier: grantFor(north).spec.verifier } }
    const { state, usedBy, failedAttempts } = grantStatus({ grants: [renewed] })
    assert.deepEqual([state, usedBy, failedAttempts], ['Open', undefined, undefined])
  })

  test('a member that was there before does not use up a new one', () => {
    const again = requestBy(west, {}, {}, false)
    assert.equal(grantStatus({ requests: [again], members: [memberOf(west)] }).state, 'Open')
  })

  test('each request that does not prove the code counts once, and five lock it', () => {
    let grant = grantFor(west)
    for (const n of [1, 2, 3, 4, 5]) {
      const requests = [requestBy(joiner('west'), {}, { uid: `try-${n}` })]
      grant = { ...grant, status: grantStatus({ grants: [grant], requests }) }
      // A run that could not write its answer meets the same request again.
      grant = { ...grant, status: grantStatus({ grants: [grant], requests: n < 5 ? requests : [] }) }
      assert.equal(grant.status?.failedAttempts?.length, n)
    }
    assert.equal(grant.status?.state, 'Locked')
    assert.deepEqual(said({ grants: [grant], requests: [asks] }), ['west: Refused'])
  })
})
