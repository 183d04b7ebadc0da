import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { deflateRawSync } from 'node:zlib'
import type { ClusterID } from '#lib/net/cluster-id.ts'
import type { Grant } from './grant.ts'
import { formatGrant, GrantCode, parseGrant } from './grant.ts'

const east = 'east' as ClusterID
const grant = (): Grant => ({
  clusterID: east,
  server: 'https://172.29.1.1:6443',
  ca: '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n',
  token: 'a.b.c',
  code: GrantCode.generate(),
  expiresAt: new Date('2030-01-01T00:15:00Z'),
})
const packed = (fields: unknown) => `tombolo-grant-1.${deflateRawSync(JSON.stringify(fields)).toString('base64url')}`

suite('a grant', () => {
  test('is one line without spaces and reads back, with white space around it', () => {
    const given = grant()
    const line = formatGrant(given)
    assert.match(line, /^\S+$/)
    const read = parseGrant(`  ${line}\n`)
    assert.ok(read.ok)
    assert.deepEqual({ ...read.value, code: read.value.code.base64() }, { ...given, code: given.code.base64() })
  })

  test('its code proves itself for the cluster it was made for, and for no other', () => {
    const { code } = grant()
    assert.equal(code.proofKey(east).verifyKey, code.proofKey(east).verifyKey)
    assert.notEqual(code.proofKey(east).verifyKey, code.proofKey('west' as ClusterID).verifyKey)
  })

  const line = formatGrant(grant())
  const code = Buffer.alloc(32).toString('base64')
  const pem = '-----BEGIN CERTIFICATE-----'
  const until = '2030-01-01T00:15:00.000Z'
  const bad: readonly (readonly [string, string])[] = [
    ['nothing', ''],
    ['another word', 'kubeadm join'],
    ['the half of it', line.slice(0, line.length / 2)],
    ['one of a later version', line.replace('grant-1', 'grant-2')],
    ['a bomb', `tombolo-grant-1.${deflateRawSync(Buffer.alloc(10_000_000)).toString('base64url')}`],
    ['no list', packed({ clusterID: 'east' })],
    ['one with http, over which the token would go in clear', packed(['east', 'http://10.0.0.1', pem, 't', code, until])],
    ['one for no cluster id', packed(['East!', 'https://10.0.0.1', pem, 't', code, until])],
    ['one without a certificate', packed(['east', 'https://10.0.0.1', '', 't', code, until])],
    ['one with a short code', packed(['east', 'https://10.0.0.1', pem, 't', 'c2hvcnQ=', until])],
    ['one that says no time', packed(['east', 'https://10.0.0.1', pem, 't', code, 'soon'])],
    ['one of an earlier version', packed(['east', 'https://10.0.0.1', pem, 't', code])],
  ]
  for (const [name, text] of bad)
    test(`${name} is none, and is not repeated`, () => {
      const read = parseGrant(text)
      assert.ok(!read.ok)
      assert.equal(read.error.value, '[secret]')
      assert.match(read.error.want, /tombolo grant create/)
    })

  test('its code prints as [secret] wherever it lands by accident', () => {
    const given = grant()
    for (const text of [String(given.code), JSON.stringify(given), inspect(given)]) assert.ok(!text.includes(given.code.base64()))
  })
})
