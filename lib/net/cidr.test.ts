import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { CIDR } from './cidr.ts'
import { addressAt, contains, familyOf, overlaps, parseCIDR } from './cidr.ts'

const cidr = (text: string): CIDR => {
  const parsed = parseCIDR(text)
  assert.ok(parsed.ok, text)
  return parsed.value
}

suite('CIDR blocks', () => {
  for (const text of ['10.1.0.0/16', '0.0.0.0/0', '10.1.2.3/32', 'fd00:1::/64', '::/0']) {
    test(`${text} is a network`, () => assert.equal(cidr(text), text))
  }

  for (const text of [
    '',
    '10.1.0.0',
    '10.1.0.0/33',
    '10.1.0.1/16',
    '010.1.0.0/16',
    '10.1/16',
    '10.1.0.0/016',
    'fd00::1/64',
    '::ffff:10.0.0.0/104',
    'fe80::%eth0/64',
  ]) {
    test(`${JSON.stringify(text)} is refused`, () => assert.equal(parseCIDR(text).ok, false))
  }

  test('a block with host bits is refused with its network address', () => {
    const parsed = parseCIDR('10.1.2.3/16')
    assert.ok(!parsed.ok)
    assert.match(parsed.error.want, /10\.1\.0\.0\/16/)
  })

  test('another spelling of an IPv6 network becomes the canonical one', () => assert.equal(cidr('FD00:0:0:0::/64'), 'fd00::/64'))

  const overlapCases: readonly (readonly [string, string, boolean])[] = [
    ['10.1.0.0/16', '10.1.2.0/24', true],
    ['10.1.0.0/16', '10.2.0.0/16', false],
    ['0.0.0.0/0', '10.0.0.0/8', true],
    ['0.0.0.0/0', '::/0', false],
    ['fd00::/48', 'fd00:0:0:1::/64', true],
  ]
  for (const [a, b, want] of overlapCases) {
    test(`${a} and ${b} ${want ? 'overlap' : 'are apart'}`, () => {
      assert.equal(overlaps(cidr(a), cidr(b)), want)
      assert.equal(overlaps(cidr(b), cidr(a)), want)
    })
  }

  test('a block contains its addresses and smaller blocks, and no text that is neither', () => {
    const pods = cidr('10.1.0.0/16')
    assert.ok(contains(pods, '10.1.255.255'))
    assert.ok(contains(pods, '10.1.3.0/24'))
    for (const other of ['10.2.0.0', '10.0.0.0/8', '::ffff:10.1.0.1', '010.1.0.1', 'web'])
      assert.equal(contains(pods, other), false, other)
  })

  test('every address of a block lies in it, and the one past its end is not there', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffffff }), fc.integer({ min: 8, max: 32 }), (address, prefix) => {
        const size = 2 ** (32 - prefix)
        const first = address - (address % size)
        const block = cidr(`${[24, 16, 8, 0].map((s) => Math.floor(first / 2 ** s) % 256).join('.')}/${prefix}`)
        const last = addressAt(block, BigInt(size - 1))
        assert.ok(last !== undefined && contains(block, last))
        assert.equal(addressAt(block, BigInt(size)), undefined)
        assert.equal(familyOf(block), 'IPv4')
      }),
    )
  })
})
