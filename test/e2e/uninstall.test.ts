// Leaving, on real clusters: first with an operator and a node that are dead, the broker last; then whole, when every node and cluster must
// be what it was before the install, byte for byte.
import assert from 'node:assert/strict'
import type { ClusterRow } from '#fleet/rows/clusters.ts'
import type { ConnectionRow } from '#fleet/rows/connections.ts'
import type { Cluster } from '#test/rig/cluster.ts'
import { eventually } from '#test/kit/eventually.ts'
import { fleetOf } from '#test/kit/fleet.ts'
import { differences, footprintsOf } from '#test/kit/footprint.ts'
import { isMember, onPair, pairBefore } from './fleets.ts'

const inSystem = ['-n', 'tombolo-system'] as const
const clusterWide = [
  ...['crd', 'clusterrole', 'clusterrolebinding', 'namespace', 'validatingadmissionpolicy', 'validatingadmissionpolicybinding'],
  ...['flowschema', 'prioritylevelconfiguration'],
]
const operatorPods = 'app.kubernetes.io/component=operator'

suite('leaving with something broken', function () {
  this.timeout(180_000)
  const at = onPair()
  suiteSetup(async () => {
    // Alone it finds west as no member yet.
    if (!(await isMember(west()))) await fleet().join(west())
    for (const cluster of at.rig.clusters) await dropWhatIsOfTests(cluster)
  })
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

  test('a cluster that was left behind a dead node joins again', async () => {
    // Where a suite before this one set it by hand, it stayed; what `join` sets is to go.
    await west().kubectl(['label', 'node', '--all', 'tombolo.dev/gateway-'])
    await fleet().join(west())
  })

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
        const after = await footprintsOf(at.rig.clusters, at.signal)
        const differ = [...after].flatMap(([name, footprint]) =>
          differences(pairBefore.get(name) ?? {}, footprint).map((line) => `${name}: ${line}`),
        )
        assert.deepEqual(differ, [])
      },
      45_000,
      1_000,
    )
  })
})

async function dropWhatIsOfTests(cluster: Cluster): Promise<void> {
  await cluster.kubectl(['label', 'node', '--all', 'topology.kubernetes.io/zone-'])
  const names = (await cluster.kubectl(['get', 'namespace', '-o', 'name'])).trim().split('\n')
  const ofTests = names.filter((name) => !/\/(default|(kube|tombolo)-.*)$/.test(name))
  if (ofTests.length > 0) await cluster.kubectl(['delete', ...ofTests, '--timeout=60s'])
}
