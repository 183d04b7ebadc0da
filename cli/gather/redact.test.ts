import assert from 'node:assert/strict'
import { redact } from './redact.ts'

const key = Buffer.alloc(32, 7).toString('base64')
const other = Buffer.alloc(32, 9).toString('base64')
const jwt = 'eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlIn0.c2lnbmF0dXJl'

suite('redaction', () => {
  const struck: readonly [string, string, string][] = [
    ['a bearer token', 'authorization: Bearer abc.def-123 then', 'authorization: [redacted] [redacted] then'],
    ['a service account token', `got ${jwt} from it`, 'got [redacted] from it'],
    ['a PEM block', 'a\n-----BEGIN EC PRIVATE KEY-----\nMHc\n-----END EC PRIVATE KEY-----\nb', 'a\n[redacted]\nb'],
    [
      'a PEM block inside of JSON',
      '{"k":"-----BEGIN PRIVATE KEY-----\\nMHc\\n-----END PRIVATE KEY-----\\n"}',
      '{"k":"[redacted]\\n"}',
    ],
    ['a PEM block that is cut off', '-----BEGIN PRIVATE KEY-----\nMHc', '[redacted]'],
    ['a key of 32 bytes', `private ${key}`, 'private [redacted]'],
    ['a named value in JSON', '{"token":"hunter2","level":30}', '{"token":"[redacted]","level":30}'],
    ['a named value in JSON in JSON', '{"msg":"{\\"password\\":\\"hunter2\\"}"}', '{"msg":"{\\"password\\":\\"[redacted]\\"}"}'],
    ['a named value in YAML', 'clientSecret: hunter2', 'clientSecret: [redacted]'],
    ['a named value in prose', 'private_key=0011', 'private_key=[redacted]'],
    ['a bootstrap token', 'joined with abcdef.0123456789abcdef', 'joined with [redacted]'],
    ['a password in a URL', 'https://user:hunter2@host/x', 'https://[redacted]@host/x'],
    ['a long run of base64', `x ${'QUJD'.repeat(40)} y`, 'x [redacted] y'],
  ]
  for (const [name, text, wanted] of struck)
    test(`strikes out ${name}`, () => {
      assert.equal(redact(text), wanted)
    })

  const kept: readonly [string, string][] = [
    ['names of Secrets and accounts', 'secretName is tombolo-broker, serviceAccountName: tombolo-operator'],
    ['digests of images', 'docker.io/tombolo@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'],
    ['names of objects', 'derived-0123456789 tombolo-gateway-7xk2p 0123456789abcdef0123456789abcdef'],
    ['addresses and times', '10.1.0.5:51820 fd00:1::1 2026-11-25T20:41:46.000Z'],
    ['a public key that is known', key],
  ]
  for (const [name, text] of kept)
    test(`keeps ${name}`, () => {
      assert.equal(redact(text, new Set([key])), text)
    })

  test('what is known says nothing of another key', () => {
    assert.equal(redact(other, new Set([key])), '[redacted]')
  })

  test('what was struck out once stays as it is', () => {
    for (const [, text] of struck) assert.equal(redact(redact(text)), redact(text))
  })
})
