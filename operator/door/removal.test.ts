import assert from 'node:assert/strict'
import { acceptedIn, heldOfBroker, isHeld, removalToken } from './removal.ts'

suite('what a list of the broker lacks', () => {
  for (const [here, lost, is] of [
    [10, 10, false],
    [11, 11, true],
    [55, 11, false],
    [54, 11, true],
    [1000, 200, false],
    [1000, 201, true],
  ] as const)
    test(`${lost} of ${here} objects of one source: ${is ? 'held' : 'they go'}`, () => assert.equal(isHeld({ here, lost }), is))

  test('is accepted by a token of these objects of this source alone, in whichever order', () => {
    const token = removalToken('east', ['shop/web', 'shop/db'])
    assert.match(token, /^[0-9a-f]{8}$/)
    assert.equal(removalToken('east', ['shop/db', 'shop/web']), token)
    assert.notEqual(removalToken('west', ['shop/db', 'shop/web']), token)
    assert.notEqual(removalToken('east', ['shop/web']), token)
    assert.deepEqual(acceptedIn(` ${token}, ,b`), [token, 'b'])
    assert.deepEqual(acceptedIn(undefined), [])
  })

  suite('of Allocations', () => {
    const members = Array.from({ length: 30 }, (_, n) => `c${n}`)
    test('one of another cluster goes, as after revocation while nobody listened', () =>
      assert.equal(heldOfBroker('c0', members, ['c1'], []), undefined))
    test('nothing at all is nothing to hold', () => assert.equal(heldOfBroker('c0', members, [], []), undefined))
    test('more than ten and a fifth of all are held, until a person accepts it', () => {
      const lost = members.slice(1, 12)
      const held = heldOfBroker('c0', members, lost, [])
      assert.deepEqual([held?.here, held?.lost, held?.source], [30, 11, 'the broker'])
      assert.equal(heldOfBroker('c0', members, lost, [held?.token ?? '']), undefined)
    })
    test('a broker that lacks this cluster itself, of which it has the word, is not believed about any', () =>
      assert.equal(heldOfBroker('c0', members.slice(0, 3), ['c0', 'c1'], [])?.lost, 2))
  })
})
