import assert from 'node:assert/strict'
import { grantFor, joiner, memberOf } from '#test/kit/joining.ts'
import { joiningObjects } from './objects.ts'
import type { PlaceSeen } from './plan.ts'
import { planPlace } from './plan.ts'

const east = joiner('east')
const nothing: PlaceSeen = {
  clusterID: 'east',
  grant: undefined,
  member: undefined,
  namespace: undefined,
  account: undefined,
  asks: undefined,
  now: new Date('2026-01-01T00:00:00Z'),
}
const place = joiningObjects('east') as Pick<PlaceSeen, 'namespace' | 'account' | 'asks'>
const said = (seen: Partial<PlaceSeen>): readonly string[] =>
  planPlace({ ...nothing, ...seen }).steps.map((step) =>
    step.do === 'apply' ? `+${step.kind.kind} ${step.object.metadata.name}` : `-${step.kind.kind} ${step.key.name}`,
  )
const made = ['+Namespace tombolo-j-east', '+ServiceAccount joiner', '+RoleBinding tombolo-joiner']
const gone = ['-ServiceAccount joiner', '-RoleBinding tombolo-joiner', '-Namespace tombolo-j-east']

const going = memberOf(east, {}, { deletionTimestamp: '2026-01-01T00:00:00Z' })

suite('the place where a cluster asks to join', () => {
  test('is made for a grant, and looked at again when that expires', () => {
    assert.deepEqual(said({ grant: grantFor(east) }), made)
    const { next } = planPlace({ ...nothing, grant: grantFor(east) })
    assert.deepEqual(next.kind === 'again' && next.afterMs, 15 * 60_000 + 100)
  })

  test('stays for one that waits for approval, longer than the grant lasts, and not for ever', () => {
    const claimed = (until: string) =>
      grantFor(
        east,
        { expiresAt: '2025-12-31T23:59:59Z' },
        { claim: { by: 'x', until }, failedAttempts: ['1', '2', '3', '4', '5'] },
      )
    const grant = claimed('2026-01-05T00:00:00Z')
    assert.deepEqual(said({ grant }), made)
    const { next } = planPlace({ ...nothing, grant })
    assert.deepEqual(next.kind === 'again' && next.afterMs, 4 * 24 * 3600_000 + 100)
    assert.deepEqual(said({ ...place, grant: claimed('2026-01-01T00:00:00Z') }), gone)
  })

  test('stays for one that is locked, for the time that it had: who holds it is told so', () => {
    const grant = grantFor(east, {}, { failedAttempts: ['1', '2', '3', '4', '5'] })
    assert.deepEqual(said({ grant }), made)
    const { next } = planPlace({ ...nothing, grant })
    assert.deepEqual(next.kind === 'again' && next.afterMs, 15 * 60_000 + 100)
  })

  test('stays for a member, whose credentials are renewed there, without a look at the clock', () => {
    assert.deepEqual(said({ member: memberOf(east) }), made)
    assert.equal(planPlace({ ...nothing, member: memberOf(east) }).next.kind, 'settled')
  })

  for (const [name, seen] of [
    ['without a grant', {}],
    ['when the grant has expired', { grant: grantFor(east, { expiresAt: '2025-12-31T23:59:59Z' }) }],
    ['when it was used by one that is no member any more', { grant: grantFor(east, {}, { usedBy: 'x' }) }],
    [
      'when it is locked and its time is over',
      {
        grant: grantFor(east, {}, { failedAttempts: ['1', '2', '3', '4', '5'] }),
        now: new Date('2026-01-01T00:15:00Z'),
      },
    ],
    ['when the member is being removed', { member: going }],
    ['when the member is being removed and there is a grant for its return', { member: going, grant: grantFor(east) }],
  ] as const)
    test(`goes ${name}, the account first, as its tokens die with it`, () => assert.deepEqual(said({ ...place, ...seen }), gone))

  test('nothing is done twice about one that is going', () => {
    const metadata = { name: 'tombolo-j-east', deletionTimestamp: '2026-01-01T00:00:00Z' }
    const leaving = { apiVersion: 'v1', kind: 'Namespace', metadata }
    assert.deepEqual(said({ ...place, namespace: leaving }), [])
    assert.deepEqual(said({ namespace: leaving, grant: grantFor(east) }), [])
  })
})
