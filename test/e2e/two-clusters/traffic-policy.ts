// Which cluster answers a service that both export, while its pods go and come back; seen from a pod of west, which has the policy.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '#test/kit/eventually.ts'
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

/** East exports the shop already. Ends as it began. */
export const trafficPolicy = (at: RigSuite): void => {
  const west = () => at.rig.cluster('west')
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
  const shown = async (): Promise<readonly string[]> => {
    const { out } = await fleetOf(at.rig, at.signal).must('show', 'services', '--context', 'west', '-o', 'json')
    const { services } = JSON.parse(out) as {
      readonly services: readonly {
        readonly name: string
        readonly answering?: readonly string[]
        readonly clusters: readonly string[]
      }[]
    }
    const web = services.find(({ name }) => name === 'web')
    assert.deepEqual(web?.clusters, ['east', 'west'])
    return web.answering ?? []
  }
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
      await inShop('patch', 'servicetrafficpolicy', 'web', '--type=merge', '-p', '{"spec":{"order":["east","west"]}}')
      const ended = await answeredBy('east')
      assert.deepEqual(await lost(requests, 'another cluster is preferred', began, ended), [])
    })

    test('that cannot be so is refused by the apiserver, and a name that is none is told', async () => {
      const spec = (change: object) =>
        inShop('patch', 'servicetrafficpolicy', 'web', '--type=merge', '-p', JSON.stringify({ spec: change }))
      await assert.rejects(spec({ minReadyEndpoints: 0 }), /spec\.minReadyEndpoints/)
      await assert.rejects(spec({ allow: ['east'], deny: ['west'] }), /give one of the two/)
      await spec({ order: ['aest', 'east'] })
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
      let other: number
      {
        await using _cut = await at.rig.partition('east', 'west')
        other = await answeredBy('west')
        await inShop('delete', 'servicetrafficpolicy/web')
        for (let i = 0; i < 3; i++) assert.deepEqual(await answering(), ['west'])
        assert.deepEqual(await shown(), ['west'])
      }
      const healed = Date.now()
      const again = await answeredBy('east', 'west')
      const last = (await lost(requests, 'the preferred cluster is cut off', cut, other)).at(-1)
      assert.ok(last === undefined || last.at - cut < 10_000, `lost ${last === undefined ? 0 : last.at - cut} ms after the cut`)
      process.stdout.write(`      the last of them ${last === undefined ? 0 : last.at - cut} ms after the cut\n`)
      assert.deepEqual(await lost(requests, 'it stays cut off without a policy, and is back', other, again), [])
      assert.ok(again - healed > 4000, 'it comes back when its cable has held')
    })

    sessionAffinity(at)
  })
}
