import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { linuxHost } from '#lib/host/linux.ts'
import { nodeKey, renewNodeKey } from './node-key.ts'

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

  test('is another when a person asks, once for each asking, also after a kill in the middle of it', async () => {
    const path = join(dir, 'state/wireguard.key')
    const renew = (asked: string | undefined) => renewNodeKey(linuxHost(), path, asked, AbortSignal.timeout(5000))
    const keys = [(await read()).publicKey]
    const steps: readonly (readonly [string | undefined, boolean])[] = [
      [undefined, false],
      ['one', true],
      ['one', false],
      [undefined, false],
      ['two', true],
      ['two', false],
    ]
    for (const [asked, renewed] of steps) {
      assert.equal(await renew(asked), renewed, asked)
      const now = (await read()).publicKey
      assert.equal(now !== keys.at(-1), renewed, asked)
      keys.push(now)
    }
    rmSync(`${path}.answered`)
    assert.equal(await renew('two'), true, 'as if killed before it was written down')
    assert.equal(await renew('two'), false)
    assert.equal(statSync(path).mode & 0o777, 0o600)
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
