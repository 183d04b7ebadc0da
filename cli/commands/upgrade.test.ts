import assert from 'node:assert/strict'
import { membership } from '#crds/membership.ts'
import { customResourceDefinitions, daemonSets, deployments } from '#lib/kube/kinds.ts'
import { every } from '#lib/std/pause.ts'
import { agentDaemonSet } from '#operator/install/manifests/agent.ts'
import { dnsDeployment } from '#operator/install/manifests/dns.ts'
import { gatewayDaemonSet } from '#operator/install/manifests/gateway.ts'
import type { ApiServer } from '#test/kit/apiserver.ts'
import { apiserver, writes } from '#test/kit/apiserver.ts'
import { inProcess, withImage } from '#test/kit/in-process.ts'
import { bareCluster, controlPlane, installedBroker, installedMember } from '#test/kit/installed.ts'
import { kubeconfig } from '#test/kit/kubeconfig.ts'

const system = (name: string) => ({ namespace: 'tombolo-system', name })
const versionOf = (server: ApiServer, name: string) =>
  server.read(deployments, system(name))?.metadata.labels?.['app.kubernetes.io/version']

/** What the operator and Kubernetes do when a Membership names another image, until `signal` aborts. */
async function operator(server: ApiServer, signal: AbortSignal): Promise<void> {
  const done = {
    desiredNumberScheduled: 2,
    updatedNumberScheduled: 2,
    numberAvailable: 2,
    numberReady: 2,
    currentNumberScheduled: 2,
    numberMisscheduled: 0,
  }
  await every(
    10,
    () => {
      const own = server.read(membership, system('membership'))
      const image = own?.spec.image ?? ''
      if (
        own === undefined ||
        server.read(daemonSets, system('tombolo-agent'))?.spec?.template.spec?.containers[0]?.image === image
      )
        return
      for (const set of [
        agentDaemonSet({ image, clusterID: 'east', cables: ['wireguard'] }),
        gatewayDaemonSet({ image, clusterID: 'east', wireguardPort: 51820, ipsecPort: 4500, cables: ['wireguard'] }),
      ]) {
        server.put(daemonSets, set)
        const observedGeneration = server.read(daemonSets, system(set.metadata.name))?.metadata.generation ?? 1
        server.put(daemonSets, { ...set, status: { ...done, observedGeneration } })
      }
      const dns = dnsDeployment({ image })
      server.put(deployments, dns)
      const { generation: observedGeneration = 1 } = server.read(deployments, system('tombolo-dns'))?.metadata ?? {}
      const replicas = dns.spec?.replicas ?? 1
      server.put(deployments, {
        ...dns,
        status: { replicas, updatedReplicas: replicas, availableReplicas: replicas, observedGeneration },
      })
      server.put(membership, {
        ...own,
        status: {
          conditions: [
            { type: 'Ready', status: 'True', reason: 'Connected', message: '', lastTransitionTime: '2026-11-25T20:00:00Z' },
          ],
        },
      } as never)
    },
    signal,
  )
}

suite('tombolo upgrade', () => {
  withImage()
  let stop: AbortController
  let cluster: Promise<unknown>
  let server: ApiServer
  const put = (version: string | undefined) => {
    bareCluster(server, 'hub', 'east-1')
    installedBroker(server)
    installedMember(server, 'east', 'alive')
    const deployment = server.read(deployments, system('tombolo-operator'))
    assert.ok(deployment)
    const { metadata, apiVersion, kind, spec } = deployment
    const labels = { ...metadata.labels, ...(version === undefined ? {} : { 'app.kubernetes.io/version': version }) }
    const { name, namespace = '' } = metadata
    server.put(deployments, { apiVersion, kind, metadata: { name, namespace, labels }, ...(spec === undefined ? {} : { spec }) })
    cluster = Promise.all([controlPlane(server, stop.signal), operator(server, stop.signal)])
  }
  setup(async () => {
    stop = new AbortController()
    server = await apiserver()
  })
  teardown(async () => {
    stop.abort()
    await cluster
    await server[Symbol.asyncDispose]()
  })

  test('brings broker and member to the image and the version, and running it again changes nothing', async () => {
    await using config = await kubeconfig({ hub: server.connection.server })
    put('0.0.9')
    const upgrade = () =>
      inProcess(['upgrade', '--image', 'tombolo/tombolo:new', '--kubeconfig', config.path, '-o', 'json'], { signal: stop.signal })
    const first = await upgrade()
    assert.equal(first.code, 0, first.err)
    assert.deepEqual((JSON.parse(first.out) as { upgraded: string[] }).upgraded, ['broker', 'member'])
    assert.equal(versionOf(server, 'tombolo-operator'), '0.1.0')
    assert.equal(server.read(membership, system('membership'))?.spec.image, 'tombolo/tombolo:new')
    assert.equal(
      server.read(daemonSets, system('tombolo-gateway'))?.spec?.template.spec?.containers[0]?.image,
      'tombolo/tombolo:new',
    )
    assert.ok(server.read(customResourceDefinitions, { name: 'memberships.tombolo.dev' }))
    const version = await inProcess(['version', '--context', 'hub', '--kubeconfig', config.path], { signal: stop.signal })
    assert.match(version.out, /tombolo-operator +0\.1\.0 +same +tombolo\/tombolo:new\n/)
    assert.match(version.out, /tombolo-gateway +0\.1\.0 +same/)
    const generations = () =>
      ['tombolo-operator', 'tombolo-dns'].map((name) => server.read(deployments, system(name))?.metadata.generation)
    const before = generations()
    const again = await upgrade()
    assert.equal(again.code, 0, again.err)
    assert.deepEqual(generations(), before)
    const dry = await inProcess(['upgrade', '--image', 'tombolo/tombolo:new', '--dry-run', '--kubeconfig', config.path], {
      signal: stop.signal,
    })
    assert.match(dry.out, /^# unchanged: Deployment tombolo-system\/tombolo-operator$/m)
    assert.doesNotMatch(dry.out, /^# (create|change):/m)
  })

  const refusals: readonly [string, string, RegExp][] = [
    ['a newer one', '0.2.0', /runs 0\.2\.0, which is newer than this command \(0\.1\.0\)\.\n {2}Going back is not supported/],
    ['a later major', '1.0.0', /which is newer than this command/],
  ]
  for (const [what, running, says] of refusals)
    test(`refuses ${what} and changes nothing`, async () => {
      await using config = await kubeconfig({ hub: server.connection.server })
      put(running)
      const before = writes(server).length
      const ran = await inProcess(['upgrade', '--kubeconfig', config.path], { signal: stop.signal })
      assert.equal(ran.code, 2)
      assert.match(ran.err, says)
      assert.equal(writes(server).length, before)
      const version = await inProcess(['version', '--context', 'hub', '--kubeconfig', config.path], { signal: stop.signal })
      assert.match(version.out, new RegExp(`tombolo-operator +${running} +newer`))
    })

  test('--dry-run prints what would be applied and changes nothing; what nobody wrote down is warned of', async () => {
    await using config = await kubeconfig({ hub: server.connection.server })
    put(undefined)
    const before = writes(server).length
    const ran = await inProcess(['upgrade', '--dry-run', '-o', 'name', '--kubeconfig', config.path], { signal: stop.signal })
    assert.equal(ran.code, 0, ran.err)
    for (const name of [
      'customresourcedefinition.apiextensions.k8s.io/fleets.tombolo.dev',
      'deployment.apps/tombolo-operator',
      'membership.tombolo.dev/membership',
    ])
      assert.ok(ran.out.split('\n').includes(name), name)
    assert.match(ran.err, /nobody wrote down which version tombolo-operator is/)
    const plan = await inProcess(['upgrade', '--dry-run', '--kubeconfig', config.path], { signal: stop.signal })
    assert.match(plan.out, /^# change: Deployment tombolo-system\/tombolo-operator$/m)
    assert.match(plan.out, /^# change: ClusterRole tombolo-operator\napiVersion: /m)
    assert.equal(writes(server).length, before)
  })

  test('where there is nothing of Tombolo says so', async () => {
    await using config = await kubeconfig({ hub: server.connection.server })
    const ran = await inProcess(['upgrade', '--kubeconfig', config.path], { signal: stop.signal })
    assert.equal(ran.code, 1)
    assert.match(ran.err, /There is no Tombolo in context "hub"/)
  })
})
