// Whom kube-proxy keeps a client to, of a service with ClientIP affinity that both export: seen from a pod of west that calls without pause,
// each time over a connection of its own.
import assert from 'node:assert/strict'
import { eventually } from '#test/kit/eventually.ts'
import type { Answer } from '#test/kit/fleet.ts'
import { webURL } from '#test/kit/fleet.ts'
import type { RigSuite } from '#test/kit/rig-suite.ts'
import type { Request, Traffic } from '#test/kit/traffic.ts'
import { traffic } from '#test/kit/traffic.ts'
import type { Cluster } from '#test/rig/cluster.ts'

/** More than fit into one EndpointSlice; none is ready, so nobody is sent there. */
const crowd = {
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: {
    name: 'web-crowd',
    namespace: 'shop',
    labels: { 'kubernetes.io/service-name': 'web', 'endpointslice.kubernetes.io/managed-by': 'a-test' },
  },
  addressType: 'IPv4',
  ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
  endpoints: Array.from({ length: 150 }, (_, n) => ({ addresses: [`10.241.200.${n + 1}`], conditions: { ready: false } })),
}

const podOf = ({ answer }: Request): string => (JSON.parse(answer) as Answer).pod
const podsOf = (requests: readonly Request[]): readonly string[] => [
  ...new Set(requests.filter((r) => r.lost === undefined).map(podOf)),
]

/** Both export the shop already, and nobody has a policy. Ends as it began. */
export const sessionAffinity = (at: RigSuite): void => {
  const [east, west] = [() => at.rig.cluster('east'), () => at.rig.cluster('west')]
  const inShop = (cluster: Cluster, ...args: readonly string[]) => cluster.kubectl(['-n', 'shop', ...args], '', at.signal)
  const setAffinity = (spec: object) =>
    Promise.all([east(), west()].map((cluster) => inShop(cluster, 'patch', 'service', 'web', '-p', JSON.stringify({ spec }))))
  const podsIn = async (cluster: Cluster): Promise<readonly string[]> =>
    (await inShop(cluster, 'get', 'pods', '-l', 'app=web', '-o', 'name'))
      .trim()
      .split('\n')
      .map((line) => line.replace('pod/', ''))
  /** The one that the last ten calls came to, when that is no longer `before`. */
  const kept = async (requests: Traffic, since: number, before?: string): Promise<string> => {
    let one = ''
    await eventually(() => {
      const last = requests.between(since, Date.now()).slice(-10)
      const [first = '', ...others] = podsOf(last)
      assert.deepEqual([last.length, others], [10, []])
      assert.notEqual(first, before)
      one = first
    }, 15_000)
    return one
  }
  /** How many slices of IPv4 there are here of a cluster's endpoints. */
  const slicesOf = async (source: string): Promise<number> => {
    const labels = `multicluster.kubernetes.io/service-name=web,multicluster.kubernetes.io/source-cluster=${source}`
    const found = await inShop(
      west(),
      'get',
      'endpointslices',
      '-l',
      labels,
      '-o',
      'jsonpath={.items[?(@.addressType=="IPv4")].metadata.name}',
    )
    return found.split(' ').filter(Boolean).length
  }
  const soonSlices = (source: string, is: (count: number) => boolean) =>
    eventually(async () => assert.ok(is(await slicesOf(source)), `slices of ${source}`), 10_000)
  const prefer = (cluster: string) =>
    west().apply(
      JSON.stringify({
        apiVersion: 'tombolo.dev/v1alpha1',
        kind: 'ServiceTrafficPolicy',
        metadata: { name: 'web', namespace: 'shop' },
        spec: { order: [cluster] },
      }),
      at.signal,
    )
  const preferNobody = () => inShop(west(), 'delete', 'servicetrafficpolicy/web')
  const kill = (cluster: Cluster, ...pods: readonly string[]) =>
    inShop(cluster, 'delete', 'pod', ...pods, '--force', '--grace-period=0')

  suite('with ClientIP affinity a client', () => {
    suiteSetup(() => setAffinity({ sessionAffinity: 'ClientIP' }))
    suiteTeardown(() => setAffinity({ sessionAffinity: 'None', sessionAffinityConfig: null }))

    test('keeps its endpoint while others die and come, slices are repacked, and a policy leaves the others out', async () => {
      await using requests = await traffic(west(), { pod: 'shop/client', url: webURL })
      const pod = await kept(requests, Date.now())
      const began = Date.now()
      const home = (await podsIn(east())).includes(pod) ? east() : west()
      const other = home.id === 'east' ? west() : east()
      await kill(other, ...(await podsIn(other)))
      await inShop(other, 'rollout', 'status', 'deployment/web', '--timeout=30s')
      await east().apply(JSON.stringify(crowd), at.signal)
      await soonSlices('east', (count) => count > 1)
      await inShop(east(), 'delete', 'endpointslice/web-crowd')
      await soonSlices('east', (count) => count === 1)
      await prefer(home.id)
      await soonSlices(other.id, (count) => count === 0)
      await preferNobody()
      await soonSlices(other.id, (count) => count === 1)
      assert.equal(await kept(requests, Date.now()), pod)
      const since = requests.between(began, Date.now())
      process.stdout.write(`      kept to a pod of ${home.id} for ${since.length} calls\n`)
      assert.deepEqual(podsOf(since), [pod])
    })

    test('goes to another and stays there when its endpoint dies, and moves once when another cluster is preferred', async () => {
      await using requests = await traffic(west(), { pod: 'shop/client', url: webURL })
      const pod = await kept(requests, Date.now())
      await kill((await podsIn(east())).includes(pod) ? east() : west(), pod)
      const next = await kept(requests, Date.now(), pod)
      const there = (await podsIn(east())).includes(next) ? 'east' : 'west'
      const moved = Date.now()
      await prefer(there === 'east' ? 'west' : 'east')
      const last = await kept(requests, moved, next)
      assert.deepEqual(podsOf(requests.between(moved, Date.now())), [next, last])
      await preferNobody()
    })
  })
}
