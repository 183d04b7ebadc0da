import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { fromKubeconfig } from './kubeconfig.ts'

suite('kubeconfig', () => {
  let folder: string
  let path: string
  setup(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tombolo-kubeconfig-'))
    path = join(folder, 'config')
    const plugin = join(folder, 'plugin')
    const credential = { apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status: { token: 'from-plugin' } }
    await writeFile(plugin, `#!/bin/sh\necho '${JSON.stringify(credential)}'\n`)
    await chmod(plugin, 0o755)
    const cluster = { server: 'https://192.0.2.1:6443', 'certificate-authority-data': Buffer.from('CA').toString('base64') }
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: plugin, interactiveMode: 'Never' }
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'east',
      clusters: [{ name: 'one', cluster }],
      users: [
        { name: 'token', user: { token: 'secret', as: 'jane' } },
        { name: 'exec', user: { exec } },
      ],
      contexts: [
        { name: 'east', context: { cluster: 'one', user: 'token', namespace: 'shop' } },
        { name: 'west', context: { cluster: 'one', user: 'exec' } },
        { name: 'lost', context: { cluster: 'none', user: 'token' } },
      ],
    }
    await writeFile(path, stringify(config))
  })
  teardown(() => rm(folder, { recursive: true }))

  test('the current context, with its server, CA, token, namespace and impersonation', async () => {
    const chosen = await fromKubeconfig({ path })
    assert.ok(chosen.ok)
    const { context, namespace, connection } = chosen.value
    assert.deepEqual([context, namespace, connection.server, connection.ca], ['east', 'shop', 'https://192.0.2.1:6443', 'CA'])
    assert.deepEqual([await connection.token('accepted'), connection.headers], ['secret', { 'impersonate-user': 'jane' }])
  })

  test('a token from an exec plugin', async () => {
    const chosen = await fromKubeconfig({ path, context: 'west' })
    assert.equal(chosen.ok && (await chosen.value.connection.token('accepted')), 'from-plugin')
  })

  test('a wrong context, a context without cluster and a missing file say what would be right', async () => {
    const wrong = await fromKubeconfig({ path, context: 'north' })
    assert.deepEqual(!wrong.ok && wrong.error, { field: 'context', value: 'north', want: 'one of east, west, lost' })
    const lost = await fromKubeconfig({ path, context: 'lost' })
    assert.equal(!lost.ok && lost.error.field, 'context')
    const missing = await fromKubeconfig({ path: join(folder, 'missing') })
    assert.equal(!missing.ok && missing.error.field, 'kubeconfig')
  })

  test('a file without a current context says so, and which there are', async () => {
    const text = await readFile(path, 'utf8')
    await writeFile(path, text.replace(/^current-context:.*$/m, ''))
    const none = await fromKubeconfig({ path })
    assert.deepEqual(!none.ok && none.error, { field: 'context', value: '', want: 'one of east, west, lost' })
  })

  test('a file that is no YAML is refused without its lines, as these may be secrets', async () => {
    await writeFile(path, 'users: [{user: {token: secret}}\n')
    const broken = await fromKubeconfig({ path })
    assert.ok(!broken.ok)
    assert.equal(broken.error.field, 'kubeconfig')
    assert.doesNotMatch(broken.error.want, /secret|\n/)
  })

  test('credentials that cannot be had make the context unusable', async () => {
    await writeFile(join(folder, 'plugin'), '#!/bin/sh\nexit 1\n')
    const failing = await fromKubeconfig({ path, context: 'west' })
    assert.ok(!failing.ok)
    assert.match(failing.error.want, /^a context with usable credentials: /)
  })
})
