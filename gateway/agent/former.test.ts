import assert from 'node:assert/strict'
import type { Sysctl } from '#lib/host/sysctl.ts'
import type { Former } from './former.ts'
import { putBack, remember } from './former.ts'

const key = 'net/ipv4/conf/eth0/rp_filter'
const is = (value: string, of = key): readonly Sysctl[] => [{ key: of, value }]
const entry = (before: string, ours: string): Former => ({ [key]: { before, ours } })

suite('kernel settings as they were', () => {
  const remembered: readonly (readonly [name: string, former: Former, found: readonly Sysctl[], after: Former])[] = [
    ['the first value is kept', {}, is('1'), entry('1', '2')],
    ['also one that is as wanted, so that a later one is not taken for it', {}, is('2'), entry('2', '2')],
    ['our own is not taken for the first', entry('1', '2'), is('2'), entry('1', '2')],
    ['a machine that started again has the first one again', entry('1', '2'), is('1'), entry('1', '2')],
    ['a third value makes the setting somebody else’s', entry('1', '2'), is('0'), entry('2', '2')],
    ['a device that is gone keeps what is known of it', entry('1', '2'), [], entry('1', '2')],
    ['a device that is not there has nothing to keep', {}, [], {}],
  ]
  for (const [name, former, found, after] of remembered)
    test(name, () => {
      assert.deepEqual(remember(former, found, is('2')), after)
    })

  test('forwarding stays, and what is on our devices goes with them', () => {
    for (const not of ['net/ipv4/ip_forward', 'net/ipv6/conf/all/forwarding', 'net/ipv4/conf/vx-tombolo/rp_filter'])
      assert.deepEqual(remember({}, is('0', not), is('1', not)), {}, not)
  })

  const back: readonly (readonly [name: string, former: Former, found: readonly Sysctl[], wrote: readonly Sysctl[]])[] = [
    ['what is as we made it goes back', entry('1', '2'), is('2'), is('1')],
    ['what somebody else changed since does not', entry('1', '2'), is('0'), []],
    ['what is as it was does not', entry('1', '2'), is('1'), []],
    ['what was the same before does not', entry('2', '2'), is('2'), []],
    ['what is on a device that is gone is forgotten', entry('1', '2'), [], []],
    ['without a record nothing does', {}, is('2'), []],
  ]
  for (const [name, former, found, wrote] of back)
    test(name, () => {
      assert.deepEqual(putBack(former, found), wrote)
    })
})
