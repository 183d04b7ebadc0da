import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { linuxHost } from '#lib/host/linux.ts'
import { nodeKey } from './node-key.ts'

suite('the key of a node', () => {
  let dir: string
  setup(() => {
    dir = mkdtempSync(join(tmpdir(), 'tombolo-key-'))
  })
  teardown(() => rmSync(dir, { recursive: true }))
  const read = () => nodeKey(linuxHost(), join(dir, 'state/wireguard.key'), AbortSignal.timeout(5000))

  test('is made once, for its owner’s eyes only, and is the same after a restart', async () => {
    const first = await read()
    assert.equal((await read()).publicKey, first.publicKey)
    assert.equal(statSync(join(dir, 'state/wireguard.key')).mode & 0o777, 0o600)
  })

  test('a file that holds no key is an error that does not show what it holds', async () => {
    await read()
    writeFileSync(join(dir, 'state/wireguard.key'), 'half of a secr')
    await assert.rejects(
      read(),
      (error: Error) => /holds no WireGuard key/.test(error.message) && !error.message.includes('secr'),
    )
  })
})
