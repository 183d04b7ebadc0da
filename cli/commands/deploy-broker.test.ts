import assert from 'node:assert/strict'
import { customResourceDefinitions, deployments } from '#lib/kube/kinds.ts'
import { apiserver } from '#test/kit/apiserver.ts'
import { tombolo } from '#test/kit/cli.ts'
import { bareCluster, controlPlane } from '#test/kit/installed.ts'
import { kubeconfig } from '#test/kit/kubeconfig.ts'

suite('tombolo deploy-broker', () => {
  test('makes a broker, and running it again keeps its clusterset', async () => {
    const stop = new AbortController()
    await using server = await apiserver()
    await using config = await kubeconfig({ hub: server.connection.server })
    bareCluster(server, 'hub')
    const cluster = controlPlane(server, stop.signal)
    const run = (...args: readonly string[]) =>
      tombolo(['deploy-broker', ...args, '--kubeconfig', config.path], { signal: stop.signal })
    try {
      const first = await run('--clusterset', 'prod', '-o', 'json')
      assert.equal(first.code, 0, first.err)
      assert.ok(server.read(customResourceDefinitions, { name: 'fleets.tombolo.dev' }))
      const again = await run()
      assert.match(again.out, /The broker of clusterset "prod" is ready in context "hub"/)
      assert.ok(server.read(deployments, { namespace: 'tombolo-broker', name: 'tombolo-broker-controller' }))
    } finally {
      stop.abort()
      await cluster
    }
  })
})
