// The Multi-Cluster Services API (KEP-1645) and the About API (KEP-2149) on two real clusters of both families: the behaviour that
// upstream's conformance suite asks for, and what it leaves out. `[suite N]` is that suite's Nth spec, `[mcs N]` an item of
// docs/reference/mcs.md, which is made from the titles here.
import assert from 'node:assert/strict'
import { systemNamespace } from '#crds/places.ts'
import { clusterProperty } from '#crds/cluster-property.ts'
import { kube } from '#lib/kube/client.ts'
import type { Kube } from '#lib/kube/client.ts'
import { fromKubeconfig } from '#lib/kube/kubeconfig.ts'
import { logger } from '#lib/std/log.ts'
import { fleetOf } from '#test/kit/fleet.ts'
import { allReady, tomboloPods } from '#test/kit/pods.ts'
import type { Asked } from '#test/kit/queries.ts'
import { queries } from '#test/kit/queries.ts'
import { sideBySide } from '#test/kit/side-by-side.ts'
import type { Cluster } from '#test/rig/cluster.ts'
import { onPair } from './fleets.ts'
import { compared } from './conformance/coredns.ts'
import { lives } from './conformance/life.ts'
import { named } from './conformance/names.ts'
import { properties } from './conformance/properties.ts'
import type { Place, Stage } from './conformance/stage.ts'
import {
  dropNamespace,
  expose,
  exportIt,
  imported,
  nameIn,
  openNamespace,
  soon,
  soonGone,
  soonImported,
  unexport,
} from './conformance/stage.ts'
import { reached } from './conformance/traffic.ts'

suite('the Multi-Cluster Services API', function () {
  this.timeout(180_000)
  const apis = new Map<string, Kube>()
  const at = onPair()
  suiteSetup(async () => {
    await Promise.all([...at.rig.clusters.map(inZones), fleetOf(at.rig, at.signal).join(west())])
    for (const cluster of at.rig.clusters) apis.set(cluster.id, await clientOf(cluster))
  })
  suiteTeardown(async () => {
    for (const api of apis.values()) await api[Symbol.asyncDispose]()
  })
  const east = () => at.rig.cluster('east')
  const west = () => at.rig.cluster('west')

  async function stage(namespace: string): Promise<Stage> {
    const place = (cluster: Cluster): Place => {
      const api = apis.get(cluster.id) ?? assert.fail(`no client of ${cluster.id}`)
      return { id: cluster.id, cluster, api, namespace, signal: at.signal }
    }
    const both = [place(east()), place(west())] as const
    await Promise.all(both.map(openNamespace))
    return { here: both[0], there: both[1], both }
  }

  suite('a service', () => {
    // What needs pods first: these take the longest.
    const cases = [...reached, ...named, ...compared, ...lives, ...properties]
    sideBySide(
      3,
      cases.map(({ title, run }, i) => ({
        title,
        run: async () => {
          const own = await stage(`mcs-${i + 1}`)
          await run(own)
          await Promise.all(own.both.map(dropNamespace))
        },
      })),
    )
  })

  suite('a member', () => {
    const property = async (cluster: Cluster, name: string): Promise<string | undefined> =>
      (await apis.get(cluster.id)?.get(clusterProperty, { name }, at.signal))?.spec.value

    test('[mcs 1, mcs 2, mcs 6] has its id and its clusterset as properties, in both versions of the About API', async () => {
      for (const cluster of [east(), west()])
        for (const version of ['v1beta1', 'v1alpha1']) {
          const get = (name: string) =>
            cluster.kubectl(['get', `clusterproperties.${version}.about.k8s.io`, name, '-o', 'jsonpath={.spec.value}'])
          assert.equal(await get('cluster.clusterset.k8s.io'), cluster.id)
          assert.notEqual(await get('clusterset.k8s.io'), '')
        }
    })

    for (const name of ['cluster.clusterset.k8s.io', 'clusterset.k8s.io'])
      test(`[mcs 2, mcs 4] can neither change nor lose its property ${name}`, async () => {
        const before = await property(west(), name)
        const patch = JSON.stringify({ spec: { value: 'other' } })
        for (const attempt of [
          ['patch', 'clusterproperty', name, '--type=merge', '-p', patch],
          ['delete', 'clusterproperty', name],
        ])
          await assert.rejects(west().kubectl(attempt), /while this cluster is a member/)
        assert.equal(await property(west(), name), before)
      })

    test('[mcs 4] can change neither its id nor its clusterset', async () => {
      for (const field of ['clusterID', 'clusterset'])
        await assert.rejects(
          west().kubectl([
            ...['-n', systemNamespace, 'patch', 'membership', 'membership', '--type=merge', '-p'],
            JSON.stringify({ spec: { [field]: 'other' } }),
          ]),
          /leave the fleet, then join it anew/,
        )
    })

    test('[mcs 11, mcs 14] nobody but an administrator may write imports, nor exports until a role says so', async () => {
      await west().kubectl(['-n', 'shop', 'create', 'rolebinding', 'edits', '--clusterrole=edit', '--user=someone'])
      const may = async (verb: string, what: string) =>
        (await west().kubectl(['-n', 'shop', 'auth', 'can-i', verb, what, '--as=someone']).catch(String)).includes('yes')
      assert.equal(await may('create', 'services'), true)
      for (const kind of ['serviceimports', 'serviceexports'])
        assert.equal(await may('create', `${kind}.multicluster.x-k8s.io`), false, kind)
    })

    test('whose DNS server is rolled out anew loses fewer than one query of a thousand, through its Service and through CoreDNS', async () => {
      const { here, there } = await stage('mcs-names')
      await expose(here)
      await exportIt(here)
      await soonImported(there)
      const counted = await rolledOut(there)
      for (const [server, { asked, lost }] of Object.entries(counted)) {
        process.stdout.write(`      ${server}: ${lost} of ${asked} queries lost\n`)
        assert.ok(asked > 2000, `only ${asked} queries to ${server}`)
        assert.ok(lost < asked / 1000, `${lost} of ${asked} queries to ${server} were lost`)
      }
      await Promise.all([here, there].map(dropNamespace))
    })

    test('[mcs 9] whose operator was down withdraws what is exported no more when it is back', async () => {
      const { here, there } = await stage('mcs-down')
      await expose(here)
      await exportIt(here)
      await soonImported(there)
      const scale = (replicas: number) =>
        east().kubectl(['-n', systemNamespace, 'scale', 'deployment/tombolo-operator', `--replicas=${replicas}`])
      await scale(0)
      await east().kubectl(['-n', systemNamespace, 'wait', '--for=delete', 'pod', '-l', 'app.kubernetes.io/component=operator'])
      await unexport(here)
      assert.ok(await imported(there))
      await scale(2)
      await allReady(east(), (component) => component === 'operator')
      await soonGone(there)
      await soonGone(here)
    })

    test('[mcs 2, mcs 9] that leaves takes its exports from the others, and its properties with it', async () => {
      const { here, there } = await stage('mcs-leaves')
      await expose(there)
      await exportIt(there)
      await soonImported(here)
      await fleetOf(at.rig, at.signal).must('uninstall', '--context', 'west', '--broker-context', 'east', '--yes')
      await soonGone(here)
      await soon(async () => assert.equal((await west().kubectl(['get', 'crd', '-o', 'name'])).includes('about.k8s.io'), false))
      await Promise.all([here, there].map(dropNamespace))
    })
  })
})

/** Of the queries for the service while every pod of the DNS server is replaced, by server. */
async function rolledOut(at: Place): Promise<Readonly<Record<string, Asked>>> {
  const { cluster } = at
  const addressOf = (namespace: string, service: string) =>
    cluster.kubectl(['-n', namespace, 'get', 'service', service, '-o', 'jsonpath={.spec.clusterIP}'])
  const servers = [await addressOf(systemNamespace, 'tombolo-dns'), await addressOf('kube-system', 'kube-dns')]
  const dns = async () => (await tomboloPods(cluster)).filter(({ component }) => component === 'dns').map(({ name }) => name)
  const before = await dns()
  await using asking = await queries(cluster, 'shop/client', servers, nameIn(at))
  await cluster.kubectl(['-n', systemNamespace, 'rollout', 'restart', 'deployment/tombolo-dns'])
  await soon(async () => {
    const now = await dns()
    assert.equal(now.length, before.length)
    assert.ok(!now.some((name) => before.includes(name)))
  }, 60_000)
  return await asking.end()
}

async function clientOf(cluster: Cluster): Promise<Kube> {
  const found = await fromKubeconfig({ path: cluster.kubeconfig })
  assert.ok(found.ok)
  return kube(found.value.connection, logger('test', 'silent'))
}

/** A zone a node, the same ones in each cluster. */
async function inZones(cluster: Cluster): Promise<void> {
  for (const [i, { name }] of cluster.nodes.entries())
    await cluster.kubectl(['label', 'node', name, `topology.kubernetes.io/zone=zone-${i + 1}`])
}
