// Leaving, on real clusters: first with an operator and a node that are dead, the broker last; then whole, when every node and cluster must
// be what it was before the install, byte for byte.
import assert from 'node:assert/strict'
import type { ClusterRow } from '#fleet/rows/clusters.ts'
import type { ConnectionRow } from '#fleet/rows/connections.ts'
import type { Cluster } from '#test/rig/cluster.ts'
import { eventually } from '#test/kit/eventually.ts'
import { fleetOf, forgetAddressesSoon } from '#test/kit/fleet.ts'
import type { Footprint } from '#test/kit/footprint.ts'
import { differences, footprintOfCluster, footprintOfNode } from '#test/kit/footprint.ts'
import { onRig } from '#test/kit/rig-suite.ts'

const inSystem = ['-n', 'tombolo-system'] as const
const clusterWide = [
  ...['crd', 'clusterrole', 'clusterrolebinding', 'namespace', 'validatingadmissionpolicy', 'validatingadmissionpolicybinding'],
  ...['flowschema', 'prioritylevelconfiguration'],
]
const operatorPods = 'app.kubernetes.io/component=operator'

suite('leaving with something broken', function () {
  this.timeout(180_000)
  const before = new Map<string, Footprint>()
  const at = onRig(
    {
      clusters: [
        { id: 'east', nodes: 1 },
        { id: 'west', nodes: 2 },
      ],
    },
    async (rig, signal) => {
      const fleet = fleetOf(rig, signal)
      // As kube-proxy writes down how many pods of CoreDNS are ready.
      for (const cluster of rig.clusters)
        await cluster.kubectl(['-n', 'kube-system', 'rollout', 'status', 'deployment/coredns', '--timeout=60s'], '', signal)
      for (const node of rig.clusters.flatMap(({ nodes }) => nodes))
        await eventually(async () => {
          const { stdout } = await node.exec(['nft', 'list', 'ruleset'], signal)
          assert.match(stdout, /kube-dns/, node.name)
          assert.doesNotMatch(stdout, /kube-dns:.*goto reject-chain/, node.name)
        }, 30_000)
      for (const [name, footprint] of await footprints(rig.clusters, signal)) before.set(name, footprint)
      await fleet.deployBroker()
      await forgetAddressesSoon(fleet, signal)
      await Promise.all(rig.clusters.map((cluster) => fleet.join(cluster)))
    },
  )
  const fleet = () => fleetOf(at.rig, at.signal)
  const east = () => at.rig.cluster('east')
  const west = () => at.rig.cluster('west')
  const shown = async <Row>(what: string, ...args: readonly string[]): Promise<readonly Row[]> => {
    const { out } = await fleet().must('show', what, '-o', 'json', ...args)
    return (JSON.parse(out) as Record<string, readonly Row[]>)[what] ?? []
  }
  const ours = (cluster: Cluster) => cluster.kubectl(['get', clusterWide.join(), '-o', 'name'])
  const nodeIsClean = async (node: Cluster['nodes'][number]) => {
    const look = async (...command: readonly string[]) => (await node.exec(command)).stdout
    assert.doesNotMatch(await look('ip', '-o', 'link'), /tmb-wg|vx-tombolo/, node.name)
    assert.doesNotMatch(await look('ip', 'rule'), /730[01]/, node.name)
    assert.doesNotMatch(await look('nft', 'list', 'tables'), /tombolo/, node.name)
  }

  test('both clusters and the broker show the same fleet', async () => {
    await eventually(async () => {
      const [row] = await shown<ConnectionRow>('connections', '--context', 'east')
      assert.deepEqual([row?.remoteCluster, row?.state, row?.role], ['west', 'Connected', 'Active'])
      assert.ok((row?.rttMs ?? 0) > 0)
    }, 30_000)
    const states = async (...args: readonly string[]) =>
      (await shown<ClusterRow>('clusters', ...args)).map(({ id, view, state }) => `${id} ${view} ${state}`)
    assert.deepEqual(await states('--context', 'east'), ['east Local Ready', 'west Peer Connected'])
    await eventually(async () => {
      assert.deepEqual(await states('--context', 'east', '--broker'), ['east Member Ready', 'west Member Ready'])
    }, 30_000)
  })

  test('a broker is not removed from under its members', async () => {
    const { code, err } = await fleet().tombolo('uninstall', '--broker', '--context', 'east', '--yes')
    assert.equal(code, 2, err)
    assert.match(err, /still has 2 members: east, west/)
  })

  test('without an operator and with a node that is dead, it says which node, and --force goes on without it; --keep-crds leaves the CRDs and nothing else', async () => {
    await west().kubectl([...inSystem, 'scale', 'deployment/tombolo-operator', '--replicas=0'])
    await west().kubectl([...inSystem, 'wait', '--for=delete', 'pod', '-l', operatorPods, '--timeout=60s'])
    const dead = west().node(2)
    dead.kubelet.stop()
    try {
      const held = await fleet().tombolo('uninstall', '--context', 'west', '--yes', '--timeout', '20')
      assert.equal(held.code, 1, held.err)
      assert.match(held.err, /could not be taken off node west-2/)
      const forced = await fleet().tombolo('uninstall', '--context', 'west', '--yes', '--timeout', '5', '--force', '--keep-crds')
      assert.equal(forced.code, 0, forced.err)
      assert.match(forced.out, /on node west-2, until it is restarted/)
      assert.doesNotMatch(forced.out, /on the broker/, 'the first run was heard there')
      assert.match(forced.out, /CRD memberships\.tombolo\.dev, as --keep-crds says, without objects/)
    } finally {
      dead.kubelet.resume()
    }
    const left = (await ours(west())).split('\n').filter((name) => /tombolo|multicluster/.test(name))
    assert.ok(left.includes('customresourcedefinition.apiextensions.k8s.io/memberships.tombolo.dev'), left.join())
    assert.ok(
      left.every((name) => name.startsWith('customresourcedefinition.')),
      left.join(),
    )
    await nodeIsClean(west().node(1))
  })

  test('what remained on the broker is found by the cluster’s identity', async () => {
    await fleet().must('uninstall', '--context', 'west', '--broker-context', 'east', '--yes')
    assert.equal((await east().kubectl(['get', 'namespace', 'tombolo-m-west', '--ignore-not-found', '-o', 'name'])).trim(), '')
    const again = await fleet().must('uninstall', '--context', 'west', '--broker-context', 'east', '--yes')
    assert.match(again.out, /There is nothing of Tombolo in context "west"/)
    // Without --keep-crds it took those too.
    assert.doesNotMatch(await ours(west()), /tombolo|multicluster/)
  })

  test('a cluster that was left behind a dead node joins again', () => fleet().join(west()))

  test('a cluster that is member and broker is left in two steps', async () => {
    await fleet().must('uninstall', '--context', 'west', '--yes')
    // The other one forgets it.
    await eventually(async () => {
      assert.equal((await east().kubectl([...inSystem, 'get', 'allocation', '-o', 'name'])).trim(), 'allocation.tombolo.dev/east')
      // In the pod: wireguard-go's socket is there.
      const peers = ['exec', 'daemonset/tombolo-gateway', '--', 'wg', 'show', 'tmb-wg', 'peers']
      assert.equal((await east().kubectl([...inSystem, ...peers])).trim(), '')
    }, 20_000)
    const left = await fleet().must('uninstall', '--context', 'east', '--yes')
    assert.doesNotMatch(left.out, /What remains/)
    assert.match(await ours(east()), /allocations\.tombolo\.dev/)
    await nodeIsClean(east().node(1))
    await fleet().must('uninstall', '--broker', '--context', 'east', '--yes')
    assert.doesNotMatch(await ours(east()), /tombolo|multicluster/)
  })

  test('every node and both clusters are what they were before, byte for byte', async () => {
    // CoreDNS is rolled once more, and the apiserver takes its time to forget the kinds.
    await eventually(
      async () => {
        const after = await footprints(at.rig.clusters, at.signal)
        const differ = [...after].flatMap(([name, footprint]) =>
          differences(before.get(name) ?? {}, footprint).map((line) => `${name}: ${line}`),
        )
        assert.deepEqual(differ, [])
      },
      45_000,
      1_000,
    )
  })
})

async function footprints(clusters: readonly Cluster[], signal: AbortSignal): Promise<ReadonlyMap<string, Footprint>> {
  const nodes = clusters.flatMap((cluster) => cluster.nodes)
  return new Map([
    ...(await Promise.all(nodes.map(async (node) => [node.name, await footprintOfNode(node, signal)] as const))),
    ...(await Promise.all(clusters.map(async (cluster) => [cluster.id, await footprintOfCluster(cluster, signal)] as const))),
  ])
}
