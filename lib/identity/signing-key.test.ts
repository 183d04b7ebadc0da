import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import type { VerifyKey } from './signing-key.ts'
import { isSignedBy, SigningKey } from './signing-key.ts'

suite('signing keys', () => {
  const bytes = Buffer.from('what is said')

  test('RFC 8032 §7.1, test 2', () => {
    const key = SigningKey.parse(
      Buffer.from('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb', 'hex').toString('base64'),
    )
    assert.ok(key.ok)
    assert.equal(
      Buffer.from(key.value.verifyKey, 'base64').toString('hex'),
      '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    )
    assert.equal(
      Buffer.from(key.value.sign(Buffer.from('72', 'hex')), 'base64').toString('hex'),
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    )
  })

  test('a signature holds for its bytes and its key, for nothing else', () => {
    const [key, other] = [SigningKey.generate(), SigningKey.generate()]
    const signature = key.sign(bytes)
    assert.ok(isSignedBy(key.verifyKey, bytes, signature))
    assert.ok(!isSignedBy(key.verifyKey, Buffer.from('something else'), signature))
    assert.ok(!isSignedBy(other.verifyKey, bytes, signature))
  })

  for (const [name, spoil] of [
    ['empty', () => ''],
    ['cut short', (s: string) => s.slice(4)],
    ['with a newline', (s: string) => `${s}\n`],
    ['in base64url', (s: string) => Buffer.from(s, 'base64').toString('base64url')],
  ] as const)
    test(`${name}, it is no signature`, () => {
      const key = SigningKey.generate()
      assert.equal(isSignedBy(key.verifyKey, bytes, spoil(key.sign(bytes))), false)
    })

  test('a key that is no point of the curve signs nothing', () => {
    const key = Buffer.alloc(32, 0xff).toString('base64') as VerifyKey
    assert.equal(isSignedBy(key, bytes, SigningKey.generate().sign(bytes)), false)
  })

  test('the same secret makes the same key for one purpose and another for another', () => {
    const secret = Buffer.alloc(32, 7)
    const key = (purpose: string) => SigningKey.derive(secret, purpose).verifyKey
    assert.equal(key('a'), key('a'))
    assert.notEqual(key('a'), key('b'))
  })

  test('it prints as [secret] wherever it lands by accident, and reads back from its own text', () => {
    const key = SigningKey.generate()
    for (const text of [String(key), JSON.stringify({ key }), inspect({ key })]) assert.ok(!text.includes(key.base64()), text)
    const again = SigningKey.parse(key.base64())
    assert.ok(again.ok && again.value.verifyKey === key.verifyKey)
    const broken = SigningKey.parse('c2hvcnQ=')
    assert.ok(!broken.ok && broken.error.value === '[secret]')
  })
})
