import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { inspect } from 'node:util'
import fc from 'fast-check'
import type { PublicKey } from '#lib/net/keys.ts'
import { PresharedKey, PrivateKey } from '#lib/net/keys.ts'
import type { PairKey } from './pair-key.ts'
import { derivePairKey } from './pair-key.ts'

const [east, west, north] = [PrivateKey.generate(), PrivateKey.generate(), PrivateKey.generate()]
const between = (own: PrivateKey, ownID: string, peer: PublicKey, peerID: string, epoch = 1): PairKey => {
  const derived = derivePairKey({ clusterID: ownID, agreementKey: own }, { clusterID: peerID, agreementKey: peer }, epoch)
  return derived.ok ? derived.value : assert.fail(derived.error.want)
}

suite('the key of a pair', () => {
  test('is the same for both, by whatever ids', () => {
    const id = fc.stringMatching(/^[a-z0-9]{1,12}$/)
    fc.assert(
      fc.property(id, id, (a, b) => {
        fc.pre(a !== b)
        const [one, two] = [between(east, a, west.publicKey, b), between(west, b, east.publicKey, a)]
        return one.id === two.id && one.key.equals(two.key)
      }),
      { numRuns: 30 },
    )
  })

  test('is another one for every other pair, id, direction of ids and epoch', () => {
    const keys = [
      between(east, 'east', west.publicKey, 'west'),
      between(east, 'east', west.publicKey, 'west', 2),
      between(east, 'east', west.publicKey, 'wes'),
      between(east, 'eastw', west.publicKey, 'est'),
      between(east, 'west', west.publicKey, 'east'),
      between(east, 'east', north.publicKey, 'west'),
      between(north, 'east', west.publicKey, 'west'),
    ]
    assert.equal(new Set(keys.map((k) => k.id)).size, keys.length)
    assert.equal(new Set(keys.map((k) => k.key.base64())).size, keys.length)
  })

  test('is what OpenSSL derives from the same secret', () => {
    const shared = east.agree(west.publicKey)
    assert.ok(shared.ok)
    const hex = (key: PublicKey) => Buffer.from(key, 'base64').toString('hex')
    const kdf = (purpose: string, length: number) =>
      execFileSync('openssl', [
        ...['kdf', '-binary', '-keylen', String(length), '-kdfopt', 'digest:SHA256'],
        ...[
          '-kdfopt',
          `hexkey:${shared.value.toString('hex')}`,
          '-kdfopt',
          `hexsalt:${hex(east.publicKey)}${hex(west.publicKey)}`,
        ],
        ...['-kdfopt', `info:tombolo.dev/pair-key/v1 ${purpose} 1 4:east4:west`, 'HKDF'],
      ]).toString('hex')
    const { id, key } = between(east, 'east', west.publicKey, 'west')
    assert.deepEqual([id, key.hex()], [kdf('id', 16), kdf('wireguard', 32)])
  })

  test('is not to be had with a key that forces it, and not with oneself', () => {
    const zero = Buffer.alloc(32).toString('base64') as PublicKey
    const own = { clusterID: 'east', agreementKey: east }
    assert.ok(!derivePairKey(own, { clusterID: 'west', agreementKey: zero }, 1).ok)
    assert.ok(!derivePairKey(own, { clusterID: 'east', agreementKey: west.publicKey }, 1).ok)
  })

  test('prints as [secret] wherever it lands by accident, and reads back from its own text', () => {
    const { id, key } = between(east, 'east', west.publicKey, 'west')
    for (const text of [String(key), JSON.stringify({ key }), inspect({ key })]) assert.ok(!text.includes(key.base64()))
    assert.ok(!key.hex().includes(id))
    const again = PresharedKey.parse(`${key.base64()}\n`)
    assert.ok(again.ok && again.value.equals(key))
    const bad = PresharedKey.parse('c2hvcnQ=')
    assert.ok(!bad.ok && bad.error.value === '[secret]')
  })
})
