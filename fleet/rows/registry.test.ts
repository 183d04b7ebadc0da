import assert from 'node:assert/strict'
import type { Member } from '#crds/member.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import type { ClusterID } from '#lib/net/cluster-id.ts'
import type { Joiner, Spec } from '#test/kit/joining.ts'
import { fleetWith, joiner, memberOf, requestBy } from '#test/kit/joining.ts'
import { emptySnapshot, goodSnapshot, withBroker } from '#test/kit/snapshot.ts'
import type { BrokerView } from '../snapshot.ts'
import { registryOf } from './registry.ts'

const [east, west] = [joiner('east'), joiner('west')]
const [past, soon] = ['2026-01-02T00:09:00Z', '2026-01-02T00:14:00Z']
const own = { pods: ['10.1.0.0/16'], services: ['10.101.0.0/16'] }
const gone = { deletionTimestamp: past }

const left = (cidr: string, until: string) => ({ cidr: cidr as CIDR, clusterID: 'east' as ClusterID, clusterUID: 'u', until })
const asks = (one: Joiner, spec: Spec, state?: 'Pending' | 'AwaitingApproval' | 'Refused') => {
  const request = requestBy(one, spec)
  return state === undefined ? request : { ...request, status: { observedGeneration: 1, state, message: '' } }
}
const moved = (...draining: NonNullable<NonNullable<Member['status']>['draining']>): Member => ({
  ...memberOf(east, own),
  status: { draining, conditions: [] },
})

/** `east Pods 10.1.0.0/16 Admitted`, with until when. */
const rows = (more: Partial<BrokerView>): readonly string[] =>
  registryOf(withBroker({ fleet: fleetWith(), members: [], requests: [], ...more })).map(({ cluster, use, cidr, state, until }) =>
    [cluster, use, cidr, state, until].filter((part) => part !== undefined).join(' '),
  )

suite('the registry of addresses', () => {
  const admitted = ['east Pods 10.1.0.0/16 Admitted', 'east Services 10.101.0.0/16 Admitted']
  const cases: readonly (readonly [name: string, seen: Partial<BrokerView>, rows: readonly string[]])[] = [
    ['a member has what it was admitted with', { members: [memberOf(east, own)] }, admitted],
    ['so it has in quarantine', { members: [memberOf(east, { ...own, state: 'Quarantined' })] }, admitted],
    [
      'who waits has requested, answered or not; who was refused has not',
      {
        requests: [
          asks(east, own),
          asks(west, { pods: ['10.2.0.0/16'], services: ['10.102.0.0/16'] }, 'AwaitingApproval'),
          asks(joiner('north'), own, 'Refused'),
        ],
      },
      [
        'east Pods 10.1.0.0/16 Requested',
        'east Services 10.101.0.0/16 Requested',
        'west Services 10.102.0.0/16 Requested',
        'west Pods 10.2.0.0/16 Requested',
      ],
    ],
    [
      'a member that asks for others has those, and requests these',
      { members: [memberOf(east, own)], requests: [asks(east, { ...own, pods: ['10.3.0.0/16'] }, 'Pending')] },
      ['east Pods 10.1.0.0/16 Admitted', 'east Services 10.101.0.0/16 Admitted', 'east Pods 10.3.0.0/16 Requested'],
    ],
    [
      'what it gave up drains until then, and no longer',
      {
        members: [
          moved(
            { cidr: '10.4.0.0/16' as CIDR, use: 'Pods', until: soon },
            { cidr: '10.5.0.0/16' as CIDR, use: 'Pods', until: past },
          ),
        ],
      },
      [...admitted, `east Pods 10.4.0.0/16 Draining ${soon}`],
    ],
    [
      'what a cluster left is released until then, and no longer',
      { fleet: fleetWith({}, { released: [left('10.1.0.0/16', soon), left('10.5.0.0/16', past)] }) },
      [`east 10.1.0.0/16 Released ${soon}`],
    ],
    [
      'one that is leaving has released all it has, on record or not yet',
      { members: [memberOf(east, own, gone)], fleet: fleetWith({}, { released: [left('10.1.0.0/16', soon)] }) },
      [`east 10.1.0.0/16 Released ${soon}`, 'east Services 10.101.0.0/16 Released'],
    ],
    ['one that leaves requests nothing', { requests: [asks(east, { ...own, intent: 'Leave' })] }, []],
  ]
  for (const [name, seen, wanted] of cases) test(name, () => assert.deepEqual(rows(seen), wanted))

  test('is not to be seen where there is no broker', () => {
    assert.deepEqual(registryOf(emptySnapshot), [])
    assert.notDeepEqual(registryOf(goodSnapshot), [])
  })
})
