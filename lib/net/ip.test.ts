import assert from 'node:assert/strict'
import fc from 'fast-check'
import { formatIP, parseIP } from './ip.ts'

suite('IP addresses', () => {
  test('the text of every IPv4 address survives parsing and printing', () => {
    fc.assert(fc.property(fc.ipV4(), (text) => roundTrip(text) === text))
  })

  test('printing an IPv6 address is canonical: parsing what was printed gives the same number', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0x1_0000_0000_0000n, max: (1n << 128n) - 1n }), (bits) => {
        const parsed = parseIP(formatIP({ family: 'IPv6', bits }))
        return parsed.ok && parsed.value.bits === bits
      }),
    )
  })

  const canonical: readonly (readonly [string, string])[] = [
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['::', '::'],
    ['fd00::', 'fd00::'],
    ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
  ]
  for (const [text, want] of canonical) test(`${text} is written ${want} (RFC 5952)`, () => assert.equal(roundTrip(text), want))

  for (const text of ['010.1.1.1', '10.1', '1', '1.2.3.256', '::ffff:10.0.0.1', 'fe80::1%eth0', ' 10.0.0.1', '']) {
    test(`${JSON.stringify(text)} is not an address`, () => assert.equal(parseIP(text).ok, false))
  }
})

function roundTrip(text: string): string | undefined {
  const parsed = parseIP(text)
  return parsed.ok ? formatIP(parsed.value) : undefined
}
