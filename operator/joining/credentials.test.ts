import assert from 'node:assert/strict'
import { lifeOf, readCredentials } from './credentials.ts'

const b64 = (text: string) => Buffer.from(text).toString('base64')
const good = {
  server: b64('https://172.29.1.1:6443'),
  'ca.crt': b64('-----BEGIN CERTIFICATE-----\nx\n'),
  token: b64('a.b.c\n'),
  renewalToken: b64('d.e.f'),
}

suite('broker credentials', () => {
  test('are read from the Secret', () => {
    const read = readCredentials({ data: good })
    assert.ok(read.ok)
    assert.equal(read.value.server, 'https://172.29.1.1:6443')
    assert.equal(read.value.token, 'a.b.c')
  })

  for (const key of ['server', 'ca.crt', 'token', 'renewalToken'] as const) {
    test(`without ${key} the error names it, says what to do and shows no token`, () => {
      const read = readCredentials({ data: { ...good, [key]: '' } })
      assert.ok(!read.ok)
      assert.match(read.error.field, new RegExp(key))
      assert.match(read.error.want, /tombolo join/)
      assert.doesNotMatch(JSON.stringify(read.error), /a\.b\.c|d\.e\.f/)
    })
  }

  test('plain http is refused: the token would travel in clear', () => {
    assert.equal(readCredentials({ data: { ...good, server: b64('http://10.0.0.1:80') } }).ok, false)
  })

  test('a token is renewed at two thirds of its life', () => {
    const token = `x.${Buffer.from(JSON.stringify({ iat: 1000, exp: 1300 })).toString('base64url')}.y`
    assert.deepEqual(lifeOf(token), { renewAt: new Date(1_200_000), expiresAt: new Date(1_300_000) })
  })

  for (const token of [
    '',
    'a.b',
    'a.!!.c',
    `a.${Buffer.from('{"exp":5}').toString('base64url')}.c`,
    `a.${Buffer.from('null').toString('base64url')}.c`,
  ]) {
    test(`${JSON.stringify(token)} is no token`, () => assert.equal(lifeOf(token), undefined))
  }
})
