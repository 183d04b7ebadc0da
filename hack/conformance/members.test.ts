import assert from 'node:assert/strict'
import type { Member, Seen } from './members.ts'
import { faultOf } from './members.ts'

const memberOf = (clusterID: string, change: Partial<Member> = {}): Member => ({
  clusterID,
  clusterset: 'shop',
  notReady: undefined,
  ...change,
})
const seen = (context: string, change: Partial<Seen> = {}): Seen => ({
  context,
  servesMCS: true,
  member: memberOf(context),
  ...change,
})

suite('the clusters of a conformance run', () => {
  test('members of one fleet are right, also three of them', () => {
    assert.equal(faultOf([seen('east'), seen('west')]), undefined)
    assert.equal(faultOf([seen('east'), seen('west'), seen('north')]), undefined)
  })

  const cases: readonly (readonly [string, Partial<Seen>, RegExp, RegExp])[] = [
    ['no CRDs', { servesMCS: false, member: undefined }, /"west" has no ServiceExports of multicluster.*v1beta1/, /tombolo join/],
    ['CRDs of somebody else', { member: undefined }, /"west" is no member/, /tombolo join.*--context west/],
    ['a member that is not ready', { member: memberOf('west', { notReady: 'Pending' }) }, /not Ready: Pending/, /diagnose/],
    ['a member of another fleet', { member: memberOf('west', { clusterset: 'other' }) }, /west of other/, /show clusters/],
    ['the same cluster by another name', { member: memberOf('east') }, /east to east, west to east/, /different clusters/],
  ]
  for (const [what, change, says, remedy] of cases)
    test(`${what}: it is said which, and what to do`, () => {
      const fault = faultOf([seen('east'), seen('west', change)])
      assert.match(fault?.says ?? '', says)
      assert.match(fault?.remedy ?? '', remedy)
    })
})
