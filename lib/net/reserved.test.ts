import assert from 'node:assert/strict'
import type { CIDR } from './cidr.ts'
import { parseCIDR } from './cidr.ts'
import { isUsable, reservedAddresses, reservedIn } from './reserved.ts'

suite('reserved addresses', () => {
  test('each block is spelled as every parser reads it', () => {
    for (const { cidr } of reservedAddresses) assert.deepEqual(parseCIDR(cidr), { ok: true, value: cidr })
  })

  const blocks: readonly (readonly [string, string | undefined])[] = [
    ['0.0.0.0/0', 'this host'],
    ['127.1.0.0/16', 'loopback'],
    ['169.254.169.254/32', 'link-local'],
    ['::1/128', 'this host, loopback and embedded IPv4'],
    ['::/0', 'this host, loopback and embedded IPv4'],
    ['fd74:6f6d:1::/48', 'Tombolo’s own tunnel addresses'],
    ['100.64.0.0/10', undefined],
    ['240.0.0.0/8', undefined],
    ['10.0.0.0/8', undefined],
    ['fd00:1::/48', undefined],
  ]
  for (const [cidr, what] of blocks)
    test(`${cidr} is ${what === undefined ? 'a block that a cluster may have' : `refused: ${what}`}`, () =>
      assert.equal(reservedIn(cidr as CIDR)?.what, what))

  const unusable = ['', 'x', '010.1.1.1', '127.0.0.1', '169.254.169.254', '100.100.100.200', '::ffff:10.1.1.1', '::127.0.0.1']
  for (const address of [...unusable, 'fe80::1%eth0', 'fd00:ec2::254', '64:ff9b::7f00:1', 'ff02::1', '10.1.1.1/32'])
    test(`nothing is sent to "${address}"`, () => assert.equal(isUsable(address), false))
  for (const address of ['10.1.1.1', '100.100.100.201', '203.0.113.7', 'fd00:1::5', '2001:db8::1'])
    test(`packets may be sent to ${address}`, () => assert.equal(isUsable(address), true))
})
