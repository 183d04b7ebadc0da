import assert from 'node:assert/strict'
import { parsePublicKey, PrivateKey } from '#lib/net/keys.ts'
import type { SealedBox } from './sealed-box.ts'
import { open, seal } from './sealed-box.ts'

suite('a sealed box', () => {
  const own = PrivateKey.generate()
  const sealed = (text = 'a token') => {
    const box = seal(own.publicKey, 'join', text)
    assert.ok(box.ok)
    return box.value
  }

  for (const text of ['', 'a token', 'ünïcode', 'x'.repeat(10_000)])
    test(`${text.length} characters come out as they went in, and cannot be read from outside`, () => {
      const box = sealed(text)
      assert.deepEqual(open(own, 'join', box), { ok: true, value: text })
      if (text !== '') assert.ok(!Buffer.from(box.ciphertext, 'base64').includes(text))
    })

  test('the same message is another box each time', () => assert.notDeepEqual(sealed(), sealed()))

  const flip = (base64: string, at: number) => {
    const bytes = Buffer.from(base64, 'base64')
    bytes[at] = (bytes.at(at) ?? 0) ^ 1
    return bytes.toString('base64')
  }
  const spoiled: readonly (readonly [string, (box: SealedBox) => SealedBox])[] = [
    ['with one bit of the text changed', (box) => ({ ...box, ciphertext: flip(box.ciphertext, 0) })],
    ['with one bit of the tag changed', (box) => ({ ...box, ciphertext: flip(box.ciphertext, 20) })],
    ['cut short', (box) => ({ ...box, ciphertext: box.ciphertext.slice(0, 8) })],
    ['with another ephemeral key', (box) => ({ ...box, ephemeralKey: PrivateKey.generate().publicKey })],
    ['with an ephemeral key of small order', (box) => ({ ...box, ephemeralKey: Buffer.alloc(32).toString('base64') })],
    ['with an ephemeral key that is none', (box) => ({ ...box, ephemeralKey: 'abc' })],
  ]
  for (const [name, spoil] of spoiled)
    test(`${name}, it does not open`, () => assert.equal(open(own, 'join', spoil(sealed())).ok, false))

  test('nobody else opens it, and nobody for another purpose', () => {
    assert.equal(open(PrivateKey.generate(), 'join', sealed()).ok, false)
    assert.equal(open(own, 'renew', sealed()).ok, false)
  })

  test('it is not sealed for a key of small order, which anybody could open', () => {
    const zero = parsePublicKey(Buffer.alloc(32).toString('base64'))
    assert.ok(zero.ok)
    assert.equal(seal(zero.value, 'join', 'x').ok, false)
  })
})
