import assert from 'node:assert/strict'
import type { Allocation } from '#crds/allocation.ts'
import { allocation } from '#crds/allocation.ts'
import { fingerprint, newIdentity, publicIdentity } from '#lib/identity/identity.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import { joiner, memberOf } from '#test/kit/joining.ts'
import type { Draining, Released } from './addresses.ts'
import { drainingOf, isDraining, isReleased, releasedOf, soonest } from './addresses.ts'
import { memberObjects } from './objects.ts'

const now = new Date('2026-01-01T00:00:00Z')
const later = new Date('2026-01-01T00:06:00Z')
const east = joiner('east')
const before = memberOf(east, { pods: ['10.1.0.0/16'], services: ['10.101.0.0/16'] })
const after = memberOf(east, { pods: ['10.2.0.0/16'], services: ['10.101.0.0/16'] })
/** What the Allocation says of a member with these draining. */
const allocationOf = (...of: Parameters<typeof memberObjects>) => memberObjects(...of).allocation as Allocation
const had = allocationOf(before)

suite('addresses that a member gives up', () => {
  const draining = drainingOf(after, had, 300, now)

  test('drain: they are believed for a while beside the new ones', () => {
    assert.deepEqual(draining, [{ cidr: '10.1.0.0/16', use: 'Pods', until: '2026-01-01T00:05:00Z' }])
    const { spec } = allocationOf(after, draining)
    assert.deepEqual([spec.podCIDRs, spec.draining], [['10.2.0.0/16', '10.1.0.0/16'], ['10.1.0.0/16']])
  })

  test('of a range that is narrowed the rest drains, its time running on while the Allocation still has all of it', () => {
    const wide = memberOf(east, { pods: ['10.0.0.0/14'], services: ['10.101.0.0/16'] })
    const narrow = memberOf(east, { pods: ['10.1.0.0/16'], services: ['10.101.0.0/16'] })
    const first = drainingOf(narrow, allocationOf(wide), 300, now)
    assert.deepEqual(
      first.map(({ cidr, until }) => [cidr, until]),
      [
        ['10.0.0.0/16', '2026-01-01T00:05:00Z'],
        ['10.2.0.0/15', '2026-01-01T00:05:00Z'],
      ],
    )
    const next = { ...narrow, status: { ...narrow.status, draining: [...first] } }
    const minute = new Date('2026-01-01T00:01:00Z')
    assert.deepEqual(drainingOf(next, allocationOf(wide), 300, minute), first)
    assert.deepEqual(drainingOf(next, allocationOf(narrow, first), 300, minute), first)
    assert.deepEqual(drainingOf(next, allocationOf(narrow), 300, later), [])
  })

  test('and the Allocation is seen with them for a moment more, while nothing drains anew', () => {
    const drained = { ...after, status: { ...after.status, draining: [...draining] } }
    const stale = allocationOf(after, draining)
    const listed = drainingOf(drained, stale, 300, later)
    assert.deepEqual(listed, draining)
    assert.ok(!listed.some((d) => isDraining(d, later)))
    assert.deepEqual(drainingOf(drained, allocationOf(after), 300, later), [])
  })

  test('their time runs on, whatever is reconciled meanwhile, and then they are gone', () => {
    const member = { ...after, status: { ...after.status, draining: [...draining] } }
    const allocation = allocationOf(member, draining)
    assert.deepEqual(drainingOf(member, allocation, 300, new Date('2026-01-01T00:04:00Z')), draining)
    assert.deepEqual(
      drainingOf({ ...member, status: { ...member.status, draining: [...draining] } }, allocationOf(member), 300, later),
      [],
    )
  })

  test('taken back, they drain no more', () => {
    const back = { ...before, status: { ...before.status, draining: [...draining] } }
    assert.deepEqual(
      drainingOf(back, allocationOf(after, draining), 300, now).map((d) => d.cidr),
      ['10.2.0.0/16'],
    )
  })

  test('of a cluster that renumbers again and again the last ones are kept, and its Allocation can be stored', () => {
    const blocks = (from: number) => Array.from({ length: 16 }, (_, i) => `10.${from + i}.0.0/16`)
    const of = (from: number, draining: Draining[]) => {
      const member = memberOf(east, { pods: blocks(from), services: ['192.168.0.0/24'] })
      return { ...member, status: { ...member.status, draining } }
    }
    const first = drainingOf(of(16, []), allocationOf(of(0, [])), 300, now)
    const second = drainingOf(of(32, [...first]), allocationOf(of(16, []), first), 300, now)
    const third = drainingOf(of(48, [...second]), allocationOf(of(32, []), second), 300, now)
    assert.deepEqual(
      third.map((d) => d.cidr),
      [...blocks(16), ...blocks(32)],
    )
    assert.ok(allocation.parse(allocationOf(of(48, [...third]), third)).ok)
  })

  test('widening a range drains nothing', () => {
    assert.deepEqual(drainingOf(memberOf(east, { pods: ['10.0.0.0/15'], services: ['10.101.0.0/16'] }), had, 300, now), [])
  })
})

suite('addresses of a member that leaves', () => {
  const going = memberOf(
    east,
    { pods: ['10.1.0.0/16'], services: ['10.101.0.0/16'] },
    { deletionTimestamp: '2026-01-01T00:00:00Z' },
  )
  const released = releasedOf([], [going], 120, now)

  test('are kept from others, from when they were first seen to go', () => {
    assert.deepEqual(
      released.map(({ cidr, clusterUID, identity, until }) => [cidr, clusterUID, identity, until]),
      ['10.1.0.0/16', '10.101.0.0/16'].map((cidr) => [
        cidr,
        'uid-east',
        fingerprint(publicIdentity(east.identity)),
        '2026-01-01T00:02:00Z',
      ]),
    )
    assert.deepEqual(releasedOf(released, [going], 120, new Date('2026-01-01T00:01:00Z')), released)
  })

  test('outlive the Member, and pass', () => {
    assert.deepEqual(releasedOf(released, [], 120, new Date('2026-01-01T00:01:00Z')), released)
    assert.deepEqual(releasedOf(released, [], 120, later), [])
    assert.equal(soonest(released, now), 120_000)
  })

  test('are its own again when it comes back', () => assert.deepEqual(releasedOf(released, [before], 120, now), []))

  test('stay on record for a cluster of that UID with other keys', () => {
    const other = { ...before, spec: { ...before.spec, identity: publicIdentity(newIdentity()) } }
    assert.deepEqual(releasedOf(released, [other], 120, now), released)
  })

  test('let the Member vanish only when all of them are on record', () => {
    assert.ok(isReleased(going, released, 120))
    assert.ok(!isReleased(going, released.slice(1), 120))
    assert.ok(isReleased(going, [], 0), 'a fleet that keeps nothing waits for nothing')
    assert.deepEqual(releasedOf([], [going], 0, now), [])
  })

  test('are not taken from another that has them on record already', () => {
    const others: Released[] = [
      { cidr: '10.9.0.0/16' as CIDR, clusterID: east.id, clusterUID: 'other', until: '2026-01-01T00:01:00Z' },
    ]
    assert.deepEqual(releasedOf(others, [before], 120, now), others)
  })
})
