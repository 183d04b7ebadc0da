import assert from 'node:assert/strict'
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Misplaced } from '#lib/std/misplaced.ts'
import { inCluster, tokenFile } from './in-cluster.ts'

suite('in cluster', () => {
  let mount: string
  setup(async () => {
    mount = await mkdtemp(join(tmpdir(), 'tombolo-mount-'))
    await writeFile(join(mount, 'ca.crt'), 'CA')
    await writeFile(join(mount, 'token'), 'first\n')
  })
  teardown(() => rm(mount, { recursive: true }))

  const rotate = async (token: string, at: number) => {
    await writeFile(join(mount, 'token'), token)
    await utimes(join(mount, 'token'), at, at)
  }

  test('reads the address from the environment, IPv6 in brackets, and the CA from its file', async () => {
    const at = (host: string) => inCluster({ KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: '443' }, mount)
    assert.equal((await at('10.96.0.1')).server, 'https://10.96.0.1:443')
    const connection = await at('fd00::1')
    assert.deepEqual(
      [connection.server, connection.ca, await connection.token('accepted')],
      ['https://[fd00::1]:443', 'CA', 'first'],
    )
  })

  test('outside a cluster, and in a pod without an account, it says what is missing and how it is started', async () => {
    const nowhere = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' }
    for (const [made, missing] of [
      [inCluster({}, mount), /^not in a cluster, as KUBERNETES_SERVICE_HOST .* are not set: it is started as a pod/],
      [
        inCluster(nowhere, join(mount, 'none')),
        /^not in a pod with an account, as .*\/none\/ca\.crt cannot be read: it is started/,
      ],
    ] as const)
      await assert.rejects(made, (error) => error instanceof Misplaced && missing.test(error.message))
  })

  test('looks at the token file once a minute, and at once when the token was refused', async () => {
    let now = 0
    const token = tokenFile(join(mount, 'token'), () => now)
    assert.equal(await token('accepted'), 'first')
    await rotate('second', 1000)
    now = 59_000
    assert.equal(await token('accepted'), 'first')
    now = 61_000
    assert.equal(await token('accepted'), 'second')
    await rotate('third', 1000)
    assert.equal(await token('refused'), 'third')
  })

  test('all who ask at once, before the first reading has ended, get the token', async () => {
    const token = tokenFile(join(mount, 'token'))
    assert.deepEqual(await Promise.all([token('accepted'), token('accepted')]), ['first', 'first'])
  })

  test('a file that could not be read is read again by the next who asks', async () => {
    const token = tokenFile(join(mount, 'later'))
    await assert.rejects(token('accepted'), /ENOENT/)
    await writeFile(join(mount, 'later'), 'now')
    assert.equal(await token('accepted'), 'now')
  })
})
