import assert from 'node:assert/strict'
import { GrantCode } from '#lib/identity/grant.ts'
import { newIdentity } from '#lib/identity/identity.ts'
import { askedOf } from '#test/kit/joining.ts'
import { proofsOf, signed } from './join-proof.ts'

suite('proofs of a join request', () => {
  const code = GrantCode.generate()
  const identity = newIdentity()
  const asked = askedOf('east')
  const { verifyKey } = code.proofKey(asked.clusterID)

  test('both hold for what was signed', () => {
    assert.deepEqual(proofsOf(signed(asked, identity, code), verifyKey), { identity: 'Holds', grant: 'Holds' })
  })

  test('a member that asks again has no grant to prove', () => {
    assert.deepEqual(proofsOf(signed(asked, identity, undefined), undefined), { identity: 'Holds', grant: 'Missing' })
  })

  test('another code is wrong, and so is any where there is no grant', () => {
    const spec = signed(asked, identity, GrantCode.generate())
    assert.deepEqual([proofsOf(spec, verifyKey).grant, proofsOf(spec, undefined).grant], ['Wrong', 'Wrong'])
  })

  const changes: readonly (readonly [string, object])[] = [
    ['other addresses', { podCIDRs: ['10.99.0.0/16'] }],
    ['another cluster', { clusterUID: 'other' }],
    ['another id', { clusterID: 'west' }],
    ['another intent', { intent: 'Leave' }],
    ['another time', { requestedAt: '2027-01-01T00:00:00Z' }],
    ['keys of somebody else', { identity: signed(asked, newIdentity(), code).identity }],
  ]
  for (const [name, change] of changes)
    test(`with ${name} neither holds`, () => {
      const spec = { ...signed(asked, identity, code), ...change }
      assert.deepEqual(proofsOf(spec, verifyKey), { identity: 'Wrong', grant: 'Wrong' })
    })
})
