import assert from 'node:assert/strict'
import { constituent, exporting, idOf } from '#test/kit/services.ts'
import type { Condition } from '#lib/kube/conditions.ts'
import type { Offer } from './export.ts'
import type { Told } from './export-status.ts'
import { exportStatus } from './export-status.ts'

const offered: Offer = { kind: 'offered', service: constituent('east'), endpoints: [], remarks: [] }
const members = ['east', 'west', 'south'] as const
const now = new Date('2030-01-01T00:00:00Z')
const conflict = { reason: 'PortConflict', message: 'ports: 1 of 2 clusters differ' }

function told(change: Partial<Told>): readonly Condition[] {
  const step = exportStatus({
    export: exporting({ generation: 3 }),
    offer: offered,
    published: 'yes',
    failure: undefined,
    conflict: undefined,
    members,
    now,
    ...change,
  })
  assert.equal(step.do, 'status')
  return (step.status as { conditions: readonly Condition[] }).conditions
}
const short = (conditions: readonly Condition[]) => conditions.map((c) => `${c.type} ${c.status} ${c.reason}`)
const with_ = (conditions: readonly Condition[]) => ({ ...exporting({ generation: 3 }), status: { conditions: [...conditions] } })

const cases: readonly (readonly [string, Partial<Told>, readonly string[], RegExp])[] = [
  ['published', {}, ['Valid True Valid', 'Ready True Exported', 'Conflict False NoConflicts'], /can import/],
  [
    'published without some endpoints',
    { offer: { ...offered, remarks: ['3 endpoints are left out'] } },
    ['Valid True Valid', 'Ready True Exported', 'Conflict False NoConflicts'],
    /3 endpoints are left out/,
  ],
  ['on its way', { published: 'no' }, ['Valid True Valid', 'Ready False Pending', 'Conflict False NoConflicts'], /does not hold/],
  [
    'not taken by the broker',
    { published: 'no', failure: 'address outside the admitted ranges' },
    ['Valid True Valid', 'Ready False Failed', 'Conflict False NoConflicts'],
    /admitted ranges/,
  ],
  ['in conflict', { conflict }, ['Valid True Valid', 'Ready True Exported', 'Conflict True PortConflict'], /1 of 2/],
  [
    'of no Service',
    { offer: { kind: 'refused', reason: 'NoService', message: 'create it' } },
    ['Valid False NoService', 'Ready False Pending'],
    /create it/,
  ],
  [
    'of a Service that cannot be exported',
    { offer: { kind: 'refused', reason: 'InvalidServiceType', message: 'ExternalName' } },
    ['Valid False InvalidServiceType', 'Ready False Failed'],
    /ExternalName/,
  ],
  [
    'of a name that is granted to others',
    { offer: { kind: 'refused', reason: 'NotGranted', message: 'can grant it' } },
    ['Valid False NotGranted', 'Ready False Failed'],
    /can grant it/,
  ],
  [
    'before this cluster was admitted',
    { offer: { kind: 'waiting', message: 'not yet' } },
    ['Valid True Valid', 'Ready False Pending'],
    /not yet/,
  ],
  [
    'before the broker was reached',
    { published: 'unheard', conflict: 'unheard' },
    ['Valid True Valid', 'Ready Unknown Pending'],
    /BrokerReachable/,
  ],
]

suite('an export says of itself', () => {
  for (const [name, change, conditions, says] of cases)
    test(`that it is ${name}`, () => {
      const made = told(change)
      assert.deepEqual(short(made), conditions)
      assert.match(made.map(({ message }) => message).join('\n'), says)
      assert.ok(made.every((c) => c.observedGeneration === 3))
    })

  test('what it said before, while the broker is not heard', () => {
    const before = told({ conflict })
    assert.deepEqual(told({ export: with_(before), published: 'unheard', conflict: 'unheard' }), before)
  })

  test('[mcs 22] that a conflict is over, also when the export itself is', () => {
    const before = with_(told({ conflict }))
    assert.equal(short(told({ export: before }))[2], 'Conflict False NoConflicts')
    const gone = told({ export: before, offer: { kind: 'refused', reason: 'NoService', message: '' } })
    assert.equal(short(gone)[2], 'Conflict False NoConflicts')
  })

  suite('whom it is for', () => {
    const toSome = (...exportTo: readonly (typeof members)[number][]): Offer => ({
      ...offered,
      service: constituent('east', { exportTo: exportTo.map((id) => idOf(id)) }),
    })
    const importersKnown = (change: Partial<Told>) => told(change).find(({ type }) => type === 'ImportersKnown')

    test('with the clusters that it names', () => {
      const made = told({ offer: toSome('south', 'west') })
      assert.deepEqual(short(made).at(-1), 'ImportersKnown True Named')
      assert.equal(made.at(-1)?.message, 'south and west may import it, and no other member')
      assert.equal(made[1]?.message, 'south and west can import the service')
    })

    test('and names those that are no members, with what to do, until they are', () => {
      const made = importersKnown({ offer: toSome('south', 'west'), members: ['east', 'west'] })
      assert.deepEqual([made?.status, made?.reason], ['False', 'UnknownCluster'])
      assert.match(made?.message ?? '', /export-to names south, no member of the fleet: write ids as tombolo show clusters does/)
    })

    test('says nothing where that is everybody, but that it is again, or that nothing is exported', () => {
      assert.equal(importersKnown({}), undefined)
      const before = with_(told({ offer: toSome('west') }))
      assert.equal(importersKnown({ export: before })?.reason, 'EveryMember')
      const refused = { kind: 'refused', reason: 'NoService', message: '' } as const
      assert.equal(importersKnown({ export: before, offer: refused })?.reason, 'NotExported')
    })
  })

  test('nothing new when nothing is', () => {
    const before = told({})
    assert.equal(told({ export: with_(before), now: new Date('2031-01-01T00:00:00Z') })[0], before[0])
  })
})
