import assert from 'node:assert/strict'
import fc from 'fast-check'
import { gatewayEndpointName, hashedName } from './places.ts'

suite('names made of several parts', () => {
  test('T6: no two identities share a name, however their parts are cut', () => {
    assert.notEqual(hashedName('a-b', 'c'), hashedName('a', 'b-c'))
    assert.notEqual(hashedName('ab', ''), hashedName('a', 'b'))
    const identity = fc.array(fc.stringMatching(/^[ab:1-]{0,4}$/), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(identity, identity, (a, b) => {
        assert.equal(hashedName(...a) === hashedName(...b), JSON.stringify(a) === JSON.stringify(b))
      }),
      { numRuns: 2000 },
    )
  })

  test('T6: a gateway of "a-b" cannot pass for one of "a"', () =>
    assert.notEqual(gatewayEndpointName('a-b', 'c'), gatewayEndpointName('a', 'b-c')))
})
