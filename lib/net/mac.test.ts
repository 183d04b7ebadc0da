import assert from 'node:assert/strict'
import { linkLocalOf, macOf } from './mac.ts'

suite('derived link addresses', () => {
  test('a node address gives a locally administered unicast MAC, always the same', () => {
    assert.match(macOf('192.0.2.1'), /^02(:[0-9a-f]{2}){5}$/)
    assert.equal(macOf('192.0.2.1'), macOf('192.0.2.1'))
    assert.notEqual(macOf('192.0.2.1'), macOf('192.0.2.2'))
  })

  test('the link-local address is the one a kernel derives from the MAC', () => {
    assert.equal(linkLocalOf('02:11:22:33:44:55'), 'fe80::11:22ff:fe33:4455')
  })
})
