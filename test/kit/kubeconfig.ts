// A kubeconfig file for test apiservers: one context a server, the first one current.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'

export interface Kubeconfig extends AsyncDisposable {
  readonly path: string
}

export async function kubeconfig(servers: Readonly<Record<string, string>>, token = 'not-to-be-shown'): Promise<Kubeconfig> {
  const folder = await mkdtemp(join(tmpdir(), 'tombolo-kubeconfig-'))
  const path = join(folder, 'config')
  const names = Object.keys(servers)
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': names[0] ?? '',
    // client-node speaks plain HTTP only to servers whose certificate nobody would check.
    clusters: names.map((name) => ({ name, cluster: { server: servers[name], 'insecure-skip-tls-verify': true } })),
    users: [{ name: 'admin', user: { token } }],
    contexts: names.map((name) => ({ name, context: { cluster: name, user: 'admin' } })),
  }
  await writeFile(path, stringify(config), { mode: 0o600 })
  return { path, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) }
}
