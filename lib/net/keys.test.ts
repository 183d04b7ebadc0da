import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { contains } from './cidr.ts'
import { keyFromHex, keyToHex, parsePublicKey, PrivateKey, tunnelAddress, tunnelNetwork } from './keys.ts'

suite('WireGuard keys', () => {
  test('the public key is the one `wg pubkey` prints', () => {
    const key = PrivateKey.parse('GPo4cX5QT2i9NYR6+UPUoB59lnBJ66+a0SecbvCwR10=')
    assert.ok(key.ok)
    assert.equal(key.value.publicKey, 'G3QzuMzKV61fdMTti3dQlseOI13yApbQ8F6fEAA7ymU=')
  })

  test('a new key reads back from its own text', () => {
    const key = PrivateKey.generate()
    const again = PrivateKey.parse(`${key.base64()}\n`)
    assert.ok(again.ok)
    assert.equal(again.value.publicKey, key.publicKey)
    assert.equal(again.value.hex(), key.hex())
  })

  test('a private key prints as [secret] wherever it lands by accident', () => {
    const key = PrivateKey.generate()
    for (const text of [String(key), JSON.stringify({ key }), inspect({ key })]) {
      assert.match(text, /\[secret\]/)
      assert.ok(!text.includes(key.base64()))
    }
  })

  test('a broken private key is refused without being repeated', () => {
    const parsed = PrivateKey.parse('c2hvcnQ=')
    assert.ok(!parsed.ok)
    assert.equal(parsed.error.value, '[secret]')
  })

  for (const text of ['', 'abc', 'A'.repeat(44), `${'A'.repeat(43)}==`, `${'A'.repeat(42)}B=`])
    test(`${JSON.stringify(text)} is not a public key`, () => assert.equal(parsePublicKey(text).ok, false))

  test('a public key survives the way through hex', () => {
    const { publicKey } = PrivateKey.generate()
    assert.equal(keyFromHex(keyToHex(publicKey)), publicKey)
  })

  test('both ends agree on the same secret, and no third does', () => {
    const [a, b, c] = [PrivateKey.generate(), PrivateKey.generate(), PrivateKey.generate()]
    const secret = (own: PrivateKey, peer: PrivateKey) => {
      const agreed = own.agree(peer.publicKey)
      assert.ok(agreed.ok)
      return agreed.value.toString('hex')
    }
    assert.equal(secret(a, b), secret(b, a))
    assert.notEqual(secret(a, c), secret(b, c))
  })

  test('a public key of small order, which would force the secret, is refused', () => {
    const zero = parsePublicKey(Buffer.alloc(32).toString('base64'))
    assert.ok(zero.ok)
    assert.equal(PrivateKey.generate().agree(zero.value).ok, false)
  })

  test('two gateways have two tunnel addresses, both in the tunnel network', () => {
    const [a, b] = [PrivateKey.generate(), PrivateKey.generate()].map((key) => tunnelAddress(key.publicKey))
    assert.ok(a !== undefined && b !== undefined && a !== b)
    assert.ok(contains(tunnelNetwork, a) && contains(tunnelNetwork, b))
  })
})
