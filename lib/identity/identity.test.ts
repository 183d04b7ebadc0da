import assert from 'node:assert/strict'
import { fingerprint, newIdentity, parseIdentity, publicIdentity, sameIdentity } from './identity.ts'

suite('identity', () => {
  test('reads back from its own text, the same to everybody', () => {
    const own = newIdentity()
    const again = parseIdentity({ signing: own.signing.base64(), agreement: own.agreement.base64() })
    assert.ok(again.ok)
    assert.ok(sameIdentity(publicIdentity(own), publicIdentity(again.value)))
  })

  test('half of one is none', () => {
    const own = newIdentity()
    assert.equal(parseIdentity({ signing: own.signing.base64(), agreement: '' }).ok, false)
    assert.equal(parseIdentity({ signing: '', agreement: own.agreement.base64() }).ok, false)
  })

  test('a fingerprint is eight groups of four, and another one when either key is another', () => {
    const [a, b] = [publicIdentity(newIdentity()), publicIdentity(newIdentity())]
    assert.match(fingerprint(a), /^([0-9a-f]{4}-){7}[0-9a-f]{4}$/)
    assert.equal(
      new Set([a, b, { ...a, agreementKey: b.agreementKey }, { ...a, signingKey: b.signingKey }].map(fingerprint)).size,
      4,
    )
  })
})
