// Which cluster answers a service that both export, while its pods go and come back; seen from a pod of west, which has the policy.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { brokerNamespace, fleetName, mcsSourceClusterLabel } from '#crds/places.ts'
import type { ServiceRow } from '#fleet/rows/services.ts'
import type { EndpointSlice } from '#lib/kube/kinds.ts'
import { eventually } from '#test/kit/eventually.ts'
import type { Answer } from '#test/kit/fleet.ts'
import { callWeb, exportWeb, fleetOf, openShop, preferNearest, webURL } from '#test/kit/fleet.ts'
import type { RigSuite } from '#test/kit/rig-suite.ts'
import type { Traffic } from '#test/kit/traffic.ts'
import { lostMs, traffic } from '#test/kit/traffic.ts'
import { sessionAffinity } from './session-affinity.ts'

type Side = 'east' | 'west'

/** Pods that answer on while it is told that they go, as every pod should whose requests are not to be lost. */
const gentle = {
  terminationGracePeriodSeconds: 8,
  containers: [{ name: 'web', lifecycle: { preStop: { sleep: { seconds: 5 } } } }],
}

const zoneLabel = 'topology.kubernetes.io/zone'

const calls = 200
/** Points. A third of 200 calls at random is off by more than four times its deviation of 3.3 once in 15 000 runs. */
const tolerated = 13

/** East exports the shop already. Ends as it began. */
export const trafficPolicy = (at: RigSuite): void => {
  const [east, west] = [() => at.rig.cluster('east'), () => at.rig.cluster('west')]
  const inShop = (...args: readonly string[]) => west().kubectl(['-n', 'shop', ...args], '', at.signal)
  const scale = (replicas: number) => inShop('scale', 'deployment/web', `--replicas=${replicas}`)

  /** Who answers twelve calls, each of which resolves and connects anew; `nobody` for one that is lost. */
  const answering = async (): Promise<readonly (Side | 'nobody')[]> => {
    const own = await inShop('get', 'pods', '-l', 'app=web', '-o', 'name')
    const answers = await Promise.all(Array.from({ length: 12 }, () => callWeb(west(), at.signal)))
    const sides = answers.map((answer) => (answer === undefined ? 'nobody' : own.includes(answer.pod) ? 'west' : 'east'))
    return [...new Set(sides)].toSorted()
  }
  const answeredBy = async (...sides: readonly Side[]): Promise<number> => {
    await eventually(async () => assert.deepEqual(await answering(), sides), 30_000)
    return Date.now()
  }
  /** As `show services` has it in west. */
  const row = async (): Promise<Partial<ServiceRow>> => {
    const { out } = await fleetOf(at.rig, at.signal).must('show', 'services', '--context', 'west', '-o', 'json')
    const { services } = JSON.parse(out) as { readonly services: readonly Partial<ServiceRow>[] }
    const web = services.find(({ name }) => name === 'web')
    assert.deepEqual(web?.clusters, ['east', 'west'])
    return web
  }
  const shown = async (): Promise<readonly string[]> => (await row()).answering ?? []
  const change = (spec: object) => inShop('patch', 'servicetrafficpolicy', 'web', '--type=merge', '-p', JSON.stringify({ spec }))
  const weightsOf = (of: Readonly<Partial<Record<Side, number>>>) =>
    Object.entries(of).map(([cluster, weight]) => ({ cluster, weight }))
  /** How many ready endpoints of each cluster are in the EndpointSlices. */
  const endpointsUsed = async (): Promise<Readonly<Record<string, number>>> => {
    const list = await inShop('get', 'endpointslices', '-l', mcsSourceClusterLabel, '-o', 'json')
    const { items } = JSON.parse(list) as { readonly items: readonly EndpointSlice[] }
    const ready = (slices: readonly EndpointSlice[]) =>
      slices.flatMap(({ endpoints }) => endpoints ?? []).filter(({ conditions }) => conditions?.ready === true).length
    const byCluster = Map.groupBy(items, ({ metadata }) => metadata.labels?.[mcsSourceClusterLabel] ?? '')
    return Object.fromEntries([...byCluster].map(([cluster, slices]) => [cluster, ready(slices)]))
  }
  const label = (text: string) =>
    Promise.all(
      [east(), west()].map((cluster) => cluster.kubectl(['label', 'nodes', '--all', '--overwrite', text], '', at.signal)),
    )
  /** Null: none. */
  const fleetsDefault = (traffic: object | null) =>
    east().kubectl([
      '-n',
      brokerNamespace,
      'patch',
      'fleet',
      fleetName,
      '--type=merge',
      '-p',
      JSON.stringify({ spec: { traffic } }),
    ])
  /** What was lost from `from` to `to`, once it is known. */
  const lost = async (requests: Traffic, what: string, from: number, to: number): Promise<Traffic['requests']> => {
    await sleep(Math.max(0, to + lostMs + 500 - Date.now()))
    const made = requests.between(from, to)
    const gone = requests.lostBetween(from, to)
    const when = gone.length === 0 ? '' : `, at ${gone.map(({ at: began }) => began - from).join(', ')}`
    process.stdout.write(`      ${what}: ${gone.length} of ${made.length} requests lost in ${to - from} ms${when}\n`)
    assert.ok(made.length > 0)
    return gone
  }

  suite('a traffic policy', () => {
    suiteSetup(async () => {
      await openShop(west(), at.signal)
      await inShop('patch', 'deployment', 'web', '-p', JSON.stringify({ spec: { template: { spec: gentle } } }))
      await inShop('rollout', 'status', 'deployment/web', '--timeout=60s')
      await exportWeb(west(), at.signal)
      await answeredBy('east', 'west')
    })
    suiteTeardown(async () => {
      await label(`${zoneLabel}-`)
      await inShop('delete', 'serviceexport/web', 'service/web', 'deployment/web')
      await answeredBy('east')
    })

    test('of the nearest: own pods answer; when they go, the other cluster does; when they are back, they do', async function () {
      this.timeout(180_000)
      await using requests = await traffic(west(), { pod: 'shop/client', url: webURL })
      const chosen = Date.now()
      await preferNearest(west(), at.signal)
      const own = await answeredBy('west')
      assert.deepEqual(await shown(), ['west'])
      await label(`${zoneLabel}=zone-1`)
      await eventually(async () => {
        const told = await inShop('get', 'servicetrafficpolicy', 'web', '-o', 'jsonpath={.status.clusters[0].message}')
        assert.equal(told, 'west comes before it; it shares a zone with this cluster')
      }, 10_000)
      const gone = Date.now()
      await scale(0)
      const other = await answeredBy('east')
      await eventually(async () => assert.deepEqual(await shown(), ['east']))
      const back = Date.now()
      await scale(2)
      const again = await answeredBy('west')
      assert.deepEqual(await lost(requests, 'a policy is made', chosen, own), [])
      assert.deepEqual(await lost(requests, 'the pods that answer go', gone, other), [])
      assert.deepEqual(await lost(requests, 'they come back', back, again), [])
    })

    test('of an order: its first answers though there are pods here, and no request is lost on the way', async () => {
      await using requests = await traffic(west(), { pod: 'shop/client', url: webURL })
      const began = Date.now()
      await change({ order: ['east', 'west'] })
      const ended = await answeredBy('east')
      assert.deepEqual(await lost(requests, 'another cluster is preferred', began, ended), [])
    })

    test('of weights: so many endpoints of each are used as make its share, and the calls follow', async function () {
      this.timeout(60_000)
      await change({ order: null, locality: null, weights: weightsOf({ east: 1, west: 2 }) })
      await eventually(async () => assert.deepEqual(await endpointsUsed(), { east: 1, west: 2 }), 10_000)
      const shares = [
        { cluster: 'east', wanted: 33, got: 33 },
        { cluster: 'west', wanted: 67, got: 67 },
      ]
      await eventually(async () => assert.deepEqual((await row()).shares, shares))
      // kube-proxy writes its rules once a second at most.
      await sleep(1500)
      const own = await inShop('get', 'pods', '-l', 'app=web', '-o', 'name')
      const script = `for i in $(seq ${calls}); do curl -sS --max-time 2 ${webURL}; echo; done`
      const { stdout } = await west().exec('shop/client', ['sh', '-c', script], at.signal)
      const answers = stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Answer]))
      const percent = (100 * answers.filter(({ pod }) => !own.includes(pod)).length) / calls
      process.stdout.write(`      of ${answers.length} calls ${percent} % were answered by east, of 33 % wanted\n`)
      assert.equal(answers.length, calls)
      // Without weights it would be 50 %: two pods in each.
      assert.ok(Math.abs(percent - 100 / 3) <= tolerated, `${percent} %`)
      await change({ order: ['east', 'west'], locality: 'Nearest', weights: null })
      await answeredBy('east')
    })

    test('that cannot be so is refused by the apiserver, and a name that is none is told', async () => {
      await assert.rejects(change({ minReadyEndpoints: 0 }), /spec\.minReadyEndpoints/)
      await assert.rejects(change({ allow: ['east'], deny: ['west'] }), /give one of the two/)
      await assert.rejects(change({ weights: weightsOf({ east: -1 }) }), /spec\.weights/)
      await change({ order: ['aest', 'east'] })
      await eventually(async () => {
        const path = 'jsonpath={.status.conditions[?(@.type=="Ready")].message}'
        assert.match(
          await inShop('get', 'servicetrafficpolicy', 'web', '-o', path),
          /^spec\.order names aest, which is no member/,
        )
      }, 10_000)
      assert.deepEqual(await answering(), ['east'])
    })

    test('passes over a cluster that is cut off, the broker with it; as it is without a policy, until the cluster is back', async () => {
      await using requests = await traffic(west(), { pod: 'shop/client', url: webURL })
      const cut = Date.now()
      let [other, healing] = [0, 0]
      {
        await using _cut = await at.rig.partition('east', 'west')
        other = await answeredBy('west')
        await inShop('delete', 'servicetrafficpolicy/web')
        for (let i = 0; i < 3; i++) assert.deepEqual(await answering(), ['west'])
        assert.deepEqual(await shown(), ['west'])
        healing = Date.now()
      }
      const again = await answeredBy('east', 'west')
      const last = (await lost(requests, 'the preferred cluster is cut off', cut, other)).at(-1)
      assert.ok(last === undefined || last.at - cut < 10_000, `lost ${last === undefined ? 0 : last.at - cut} ms after the cut`)
      process.stdout.write(`      the last of them ${last === undefined ? 0 : last.at - cut} ms after the cut\n`)
      assert.deepEqual(await lost(requests, 'it stays cut off without a policy, and is back', other, again), [])
      assert.ok(again - healing > 4000, 'it comes back when its cable has held')
    })

    test('of the whole fleet holds where the service has none, until it is taken back', async () => {
      await fleetsDefault({ locality: 'Local' })
      await answeredBy('west')
      const { answering: chosen, chosenBy } = await row()
      assert.deepEqual([chosen, chosenBy], [['west'], 'Fleet'])
      await fleetsDefault(null)
      await answeredBy('east', 'west')
    })

    sessionAffinity(at)
  })
}
