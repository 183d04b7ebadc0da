import assert from 'node:assert/strict'
import fc from 'fast-check'
import { groupOf, leaving } from './strangers.ts'

suite('who has proven nothing at the door of a relay', () => {
  test('counts by address of IPv4 and by /64 of IPv6, however it is written', () => {
    for (const [one, other, isSame] of [
      ['192.0.2.1', '192.0.2.1', true],
      ['192.0.2.1', '192.0.2.2', false],
      ['::ffff:192.0.2.1', '192.0.2.1', true],
      ['::ffff:192.0.2.1', '::ffff:192.0.2.2', false],
      ['2001:db8::1', '2001:db8:0:0:ffff::9', true],
      ['2001:db8::1', '2001:db8:0:1::1', false],
      ['fe80::1%eth0', 'fe80::2%eth1', true],
      ['', '', true],
    ] as const)
      assert.equal(groupOf(one) === groupOf(other), isSame, `${one} ${other}`)
  })

  const limits = { strangers: 4, strangersOfOne: 2 }
  const rows: readonly (readonly [string, readonly string[], string, number | undefined])[] = [
    ['nobody leaves while there is room', ['a', 'b', 'c'], 'a', undefined],
    ['the oldest of a group that is full', ['b', 'a', 'c', 'a'], 'a', 1],
    ['the oldest of the largest group when all is full', ['b', 'a', 'c', 'a'], 'd', 1],
    ['the oldest of all where none is larger', ['b', 'a', 'c', 'd'], 'e', 0],
    ['of no places nobody', [], 'a', undefined],
  ]
  for (const [name, present, group, want] of rows) test(name, () => assert.equal(leaving(present, group, limits), want))

  test('never are more than there is room for, and one alone of its group stays while another has two', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')), (arrivals) => {
        const present: string[] = []
        for (const group of arrivals) {
          const index = leaving(present, group, limits)
          const gone = index === undefined ? undefined : present[index]
          const many = (of: string) => present.filter((other) => other === of).length
          if (gone !== undefined && gone !== group && many(gone) === 1) assert.ok(present.every((of) => many(of) === 1))
          if (index !== undefined) present.splice(index, 1)
          present.push(group)
          assert.ok(present.length <= limits.strangers && many(group) <= limits.strangersOfOne)
        }
      }),
    )
  })
})
