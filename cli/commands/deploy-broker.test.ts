import assert from 'node:assert/strict'
import { differs } from '#lib/kube/differs.ts'
import { customResourceDefinitions, deployments } from '#lib/kube/kinds.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import { keyOf } from '#lib/kube/object.ts'
import type { ApiServer } from '#test/kit/apiserver.ts'
import { apiserver, writes } from '#test/kit/apiserver.ts'
import type { Ran } from '#test/kit/cli.ts'
import { inProcess, withImage } from '#test/kit/in-process.ts'
import { bareCluster, controlPlane } from '#test/kit/installed.ts'
import { kubeconfig } from '#test/kit/kubeconfig.ts'
import { kindOf } from '../cluster/kinds.ts'

suite('tombolo deploy-broker', () => {
  withImage()
  async function onHub(work: (server: ApiServer, run: (...args: readonly string[]) => Promise<Ran>) => Promise<void>) {
    const stop = new AbortController()
    await using server = await apiserver()
    await using config = await kubeconfig({ hub: server.connection.server })
    bareCluster(server, 'hub')
    const cluster = controlPlane(server, stop.signal)
    try {
      await work(server, (...args) => inProcess(['deploy-broker', ...args, '--kubeconfig', config.path], { signal: stop.signal }))
    } finally {
      stop.abort()
      await cluster
    }
  }

  test('makes a broker, and running it again keeps its clusterset', () =>
    onHub(async (server, run) => {
      const first = await run('--clusterset', 'prod', '-o', 'json')
      assert.equal(first.code, 0, first.err)
      assert.ok(server.read(customResourceDefinitions, { name: 'fleets.tombolo.dev' }))
      const again = await run()
      assert.match(again.out, /The broker of clusterset "prod" is ready in context "hub"/)
      assert.ok(server.read(deployments, { namespace: 'tombolo-broker', name: 'tombolo-broker-controller' }))
    }))

  test('--dry-run prints exactly what is applied, and writes nothing', () =>
    onHub(async (server, run) => {
      const dry = await run('--clusterset', 'prod', '--dry-run', '-o', 'json')
      assert.equal(dry.code, 0, dry.err)
      assert.deepEqual(writes(server), [])
      const { items } = JSON.parse(dry.out) as { readonly items: readonly KubeObject[] }
      const before = new Set(server.requests)
      assert.equal((await run('--clusterset', 'prod')).code, 0)
      for (const item of items)
        assert.equal(differs(item, server.read(kindOf(item), keyOf(item))), false, `${item.kind} ${item.metadata.name}`)
      // The client of this command alone, not the test's control plane.
      const applied = writes(server).filter((seen) => !before.has(seen) && seen.verb === 'apply' && seen.subresource === '')
      assert.deepEqual(
        new Set(applied.map(({ plural, namespace, name }) => `${plural} ${namespace}/${name}`)),
        new Set(items.map((item) => `${kindOf(item).plural} ${item.metadata.namespace ?? ''}/${item.metadata.name}`)),
      )
    }))

  for (const name of ['', 'x'.repeat(129)])
    test(`a clusterset of ${name.length} characters is refused before anything is done`, () =>
      onHub(async (server, run) => {
        const { code, err } = await run('--clusterset', name)
        assert.equal(code, 2)
        assert.match(err, /It must have 1 to 128 characters/)
        assert.deepEqual(writes(server), [])
      }))
})
