import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { configMaps, daemonSets, pods, secrets } from '#lib/kube/kinds.ts'
import { labelsOf } from '#operator/install/manifests/pod.ts'
import type { Component } from '#operator/install/manifests/pod.ts'
import type { ApiServer } from '#test/kit/apiserver.ts'
import { apiserver } from '#test/kit/apiserver.ts'
import { tombolo } from '#test/kit/cli.ts'
import { inProcess } from '#test/kit/in-process.ts'
import { installedMember } from '#test/kit/installed.ts'
import { kubeconfig } from '#test/kit/kubeconfig.ts'

/** T18: stands wherever somebody may have put a secret, and must be nowhere in a bundle. */
const canary = 'kittiwake'
const key = (fill: number) => Buffer.alloc(32, fill).toString('base64')
const [privateKey, publicKey] = [key(1), key(2)]
const jwt = `eyJhbGciOiJSUzI1NiJ9.${Buffer.from(`{"sub":"${canary}"}`).toString('base64url')}.c2ln`
const inAnySpelling = [canary, privateKey, jwt, Buffer.from(canary).toString('base64')]

function plant(server: ApiServer): void {
  installedMember(server, 'east', 'alive')
  server.put(secrets, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'tombolo-broker', namespace: 'tombolo-system' },
    data: { token: Buffer.from(canary).toString('base64') },
  })
  for (const component of ['gateway', 'agent', 'operator', 'dns'] as const) server.put(pods, podOf(component))
  server.put(gatewayEndpoint, {
    apiVersion: gatewayEndpoint.apiVersion,
    kind: 'GatewayEndpoint',
    metadata: { name: 'east-1', namespace: 'tombolo-system' },
    spec: { clusterID: 'east', node: 'east-1', candidates: [], wireguard: { publicKey } },
    status: { connections: [{ endpoint: 'west-1', message: `refused with Bearer ${canary}` }] },
  } as never)
  const daemonSet = server.read(daemonSets, { namespace: 'tombolo-system', name: 'tombolo-agent' })
  assert.ok(daemonSet)
  server.put(daemonSets, {
    ...daemonSet,
    metadata: { ...daemonSet.metadata, annotations: { note: canary }, labels: { ...daemonSet.metadata.labels, note: canary } },
  })
  server.put(configMaps, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'coredns', namespace: 'kube-system' },
    data: { Corefile: '.:53 { forward . 192.0.2.1 }', other: canary },
  })
  server.onLog(({ container, previous }) =>
    [
      `{"level":30,"msg":"${container} started${previous ? ' before' : ''}"}`,
      `{"level":50,"msg":"renewal failed","err":{"message":"401 for token: ${canary}"}}`,
      `{"level":50,"msg":"refused","answer":"${canary}"}`,
      `{"level":50,"err":"Authorization: Bearer ${canary}"} sent ${jwt}`,
      `-----BEGIN PRIVATE KEY-----\n${canary}\n-----END PRIVATE KEY-----`,
      `{"level":30,"msg":"peer ${publicKey} set by ${privateKey}"}`,
      `Error: not ${canary}`,
    ].join('\n'),
  )
  server.onExec(({ command }) => ({
    stdout: command[0] === 'wg' ? `tmb-wg\t${publicKey}\t203.0.113.1:4500\n` : `[{"of":"${command.join(' ')}"}]`,
  }))
}

const podOf = (component: Component) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: `tombolo-${component}-x`,
    namespace: 'tombolo-system',
    labels: labelsOf(component),
    annotations: { note: canary },
  },
  spec: {
    nodeName: 'east-1',
    containers: [{ name: component, image: 'tombolo/tombolo:test', args: [canary], env: [{ name: 'CANARY', value: canary }] }],
  },
  status: {
    phase: 'Running',
    containerStatuses: [
      {
        name: component,
        image: 'tombolo/tombolo:test',
        imageID: '',
        ready: true,
        restartCount: component === 'operator' ? 1 : 0,
        lastState: { terminated: { exitCode: 1, message: canary } },
      },
    ],
  },
})

suite('tombolo gather', () => {
  const { signal } = new AbortController()
  let folder: string
  setup(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tombolo-gather-'))
  })
  teardown(() => rm(folder, { recursive: true }))

  const textOf = async (dir: string): Promise<Readonly<Record<string, string>>> => {
    const paths = (await readdir(dir, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
    const read = paths.map(async (entry) => [
      join(entry.parentPath, entry.name).slice(dir.length + 1),
      await readFile(join(entry.parentPath, entry.name), 'utf8'),
    ])
    return Object.fromEntries(await Promise.all(read)) as Record<string, string>
  }

  test('T18: holds what helps, and a planted canary nowhere', async () => {
    await using server = await apiserver()
    await using config = await kubeconfig({ east: server.connection.server })
    plant(server)
    const dir = join(folder, 'bundle')
    const ran = await inProcess(['gather', '--dir', dir, '--kubeconfig', config.path, '--verbose', '-o', 'json'], { signal })
    assert.equal(ran.code, 0, ran.err)
    const files = await textOf(dir)
    for (const secret of inAnySpelling)
      for (const [path, text] of Object.entries({ ...files, stdout: ran.out, stderr: ran.err }))
        assert.ok(!text.includes(secret), `${path} has ${secret}:\n${text}`)
    assert.ok(!server.requests.some(({ plural }) => plural === 'secrets'), 'Secrets were asked for')
    assert.match(files['east/objects/memberships.yaml'] ?? '', /podCIDRs:\n {4}- 10\.1\.0\.0\/16/)
    assert.match(files['east/objects/gatewayendpoints.yaml'] ?? '', new RegExp(publicKey.replaceAll('+', '\\+')))
    assert.match(files['east/objects/configmaps.yaml'] ?? '', /forward \. 192\.0\.2\.1/)
    assert.match(files['east/logs/tombolo-operator-x/operator.log'] ?? '', /operator started/)
    assert.match(files['east/logs/tombolo-operator-x/operator.previous.log'] ?? '', /operator started before/)
    assert.match(
      files['east/logs/tombolo-gateway-x/gateway.log'] ?? '',
      new RegExp(`peer ${publicKey.replaceAll('+', '\\+')} set by \\[redacted\\]`),
    )
    assert.match(
      files['east/logs/tombolo-gateway-x/gateway.log'] ?? '',
      /\nError: …\n\(left out: 1 fields that are not on the list, 5 lines of other text\)\n$/,
    )
    assert.match(files['east/nodes/east-1/ip_-j_route_show_table_all.txt'] ?? '', /route show table all/)
    assert.match(files['east/nodes/east-1/wg_show_all_endpoints.txt'] ?? '', /203\.0\.113\.1/)
    assert.match(files['summary.txt'] ?? '', /tombolo-gateway-x +east-1 +Running +yes/)
    for (const path of Object.keys(files)) if (path.startsWith('east/')) assert.ok(files['index.txt']?.includes(path), path)
    assert.deepEqual((JSON.parse(ran.out) as { files: string[] }).files.toSorted(), Object.keys(files).toSorted())
    assert.equal((await stat(join(dir, 'index.txt'))).mode & 0o777, 0o600)
  })

  test('what cannot be read is named, the rest is there, and the exit code is 1', async () => {
    await using server = await apiserver()
    await using config = await kubeconfig({ east: server.connection.server, gone: 'http://127.0.0.1:1' })
    plant(server)
    server.fault((seen) => seen.plural === 'configmaps', { do: 'status', code: 403, reason: 'Forbidden' }, 99)
    server.onExec(() => ({ stderr: `no such program, ${canary}=x token: ${canary}`, exitCode: 127 }))
    const dir = join(folder, 'bundle')
    const ran = await inProcess(['gather', '--dir', dir, '--kubeconfig', config.path, '--contexts', 'east,gone'], { signal })
    assert.equal(ran.code, 1)
    assert.match(ran.err, /could not be read, the first: .*\n {2}The bundle has the rest; its index\.txt names each/)
    const { 'index.txt': names = '', ...files } = await textOf(dir)
    assert.match(names, /east: configmaps: .*403/)
    assert.match(names, /east: wg show all endpoints on east-1: exit 127: no such program/)
    assert.match(names, /gone: the cluster: The apiserver of context "gone" .* cannot be reached/)
    assert.ok('east/objects/memberships.yaml' in files)
  })

  test('is one archive unless a folder is asked for, and only of the modules that are', async () => {
    await using server = await apiserver()
    await using config = await kubeconfig({ east: server.connection.server })
    plant(server)
    const ran = await tombolo(['gather', '--kubeconfig', config.path, '--module', 'service-discovery'], { signal, cwd: folder })
    assert.equal(ran.code, 0, ran.err)
    const [archive = ''] = await readdir(folder)
    assert.match(archive, /^tombolo-\d{8}T\d{6}\.tar\.gz$/)
    assert.match(ran.out, new RegExp(`^${archive}: \\d+ files from east\\. Start with summary\\.txt\\.`))
    const { stdout: list } = spawnSync('tar', ['-tzf', join(folder, archive)], { encoding: 'utf8' })
    assert.match(list, /\/east\/logs\/tombolo-dns-x\/dns\.log\n/)
    assert.doesNotMatch(list, /tombolo-gateway-x|\/nodes\//)
  })

  test('refuses a folder that has something in it, a module that is none, and a cluster that is not there', async () => {
    await using config = await kubeconfig({ gone: 'http://127.0.0.1:1' })
    await using other = await mkdtempDisposable()
    const [full, module, gone] = await Promise.all([
      inProcess(['gather', '--dir', other.holds, '--kubeconfig', config.path], { signal }),
      inProcess(['gather', '--module', 'secrets', '--kubeconfig', config.path], { signal }),
      inProcess(['gather', '--dir', join(folder, 'new'), '--kubeconfig', config.path], { signal }),
    ])
    assert.deepEqual([full.code, module.code, gone.code], [2, 2, 3])
    assert.match(full.err, /is not empty/)
    assert.match(module.err, /the modules are connectivity, service-discovery, broker, operator/)
  })
})

/** A folder with another in it. */
async function mkdtempDisposable() {
  const holds = await mkdtemp(join(tmpdir(), 'tombolo-full-'))
  await mkdtemp(join(holds, 'x-'))
  return { holds, [Symbol.asyncDispose]: () => rm(holds, { recursive: true }) }
}
