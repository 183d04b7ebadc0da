import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { linuxHost } from '#lib/host/linux.ts'
import { isToRenew, nodeKey, renewNodeKey } from './node-key.ts'

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

  test('is another when a person asks, once for each asking', async () => {
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
    assert.equal(statSync(path).mode & 0o777, 0o600)
    writeFileSync(`${path}.answered`, 'three\n')
    assert.equal(await renew('three'), false, 'as a former version wrote it')
  })

  for (const [what, failing] of [
    ['the key', 'wireguard.key'],
    ['what is answered', 'wireguard.key.answered'],
  ] as const)
    test(`where ${what} cannot be written the key that was stays, and one is made once it can`, async () => {
      const path = join(dir, 'state/wireguard.key')
      const before = (await read()).publicKey
      const real = linuxHost()
      const { signal } = new AbortController()
      const full: Pick<typeof real, 'read' | 'write'> = {
        read: real.read.bind(real),
        write: (file, ...rest) =>
          file.endsWith(failing) ? Promise.reject(new Error('no space left on device')) : real.write(file, ...rest),
      }
      for (let start = 0; start < 3; start++) {
        await assert.rejects(renewNodeKey(full, path, 'one', signal), /no space left/)
        assert.equal((await read()).publicKey, before)
        assert.equal(await isToRenew(real, path, 'one', signal), true)
      }
      let made = 0
      for (let start = 0; start < 3; start++) if (await renewNodeKey(real, path, 'one', signal)) made++
      assert.equal(made, 1)
      assert.notEqual((await read()).publicKey, before)
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
