// What a user of the service feels while something fails: twenty requests a second by name, each of which counts.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '#test/kit/eventually.ts'
import { callWeb, firstAnswer, webURL } from '#test/kit/fleet.ts'
import { activeGatewayNode, allReady, firstGatewayAlone, secondGateway, tomboloPods } from '#test/kit/pods.ts'
import type { RigSuite } from '#test/kit/rig-suite.ts'
import type { Traffic } from '#test/kit/traffic.ts'
import { lostMs, traffic } from '#test/kit/traffic.ts'
import type { Cluster } from '#test/rig/cluster.ts'

/** One pod was restarted in it, everything came back, and a request was answered. */
type Window = {
  readonly of: string
  readonly began: number
  readonly ended: number
  /** A gateway that led. */ readonly led: boolean
}

/** Of fewer, that none was lost would say nothing; three seconds' worth when the machine is quiet, and of a busy one it is waited for. */
const leastRequests = 60
/** None is the rule. Where both clusters share two busy cores a pulse may come so late that the lead passes as after a death. */
const mostAtLeader = 2

export const whileTrafficFlows = (at: RigSuite): void => {
  const east = () => at.rig.cluster('east')
  const west = () => at.rig.cluster('west')
  const flow = () => traffic(west(), { pod: 'shop/client', url: webURL })

  suite('while traffic flows', () => {
    // So that there is one to hand over to.
    suiteSetup(async () => {
      for (const cluster of [east(), west()]) await secondGateway(cluster)
    })
    suiteTeardown(async () => {
      for (const cluster of [east(), west()]) await firstGatewayAlone(cluster)
    })

    test('restarting every pod of Tombolo, one by one in each cluster, loses nothing, and where a gateway leads two requests at most', async function () {
      this.timeout(300_000)
      await using requests = await flow()
      const windows: Window[] = []
      const restart = async (cluster: Cluster, which: (component: string) => boolean) => {
        for (const { namespace, name, component, node } of (await tomboloPods(cluster)).filter((pod) => which(pod.component))) {
          const led = component === 'gateway' && (await activeGatewayNode(cluster)) === node
          const began = Date.now()
          await cluster.kubectl(['-n', namespace, 'delete', 'pod', name, '--wait=true'])
          await allReady(cluster, (other) => other === component)
          await firstAnswer(west(), 30_000, at.signal)
          await enough(requests, began)
          windows.push({ of: `${cluster.id}/${component}`, began, ended: Date.now(), led })
        }
      }
      // One by one in each cluster, and of the gateways, of which each has a part at both ends, one of all.
      const isGateway = (component: string) => component === 'gateway'
      await Promise.all([east(), west()].map((cluster) => restart(cluster, (component) => !isGateway(component))))
      for (const cluster of [east(), west()]) await restart(cluster, isGateway)
      // Until it is known of the last request whether it was lost.
      await sleep(lostMs + 500)
      const seen = windows.map((window) => {
        const made = requests.between(window.began, window.ended)
        const lost = made.filter((request) => request.lost !== undefined)
        return { ...window, made: made.length, lost }
      })
      for (const { of, made, lost, led } of seen)
        process.stdout.write(`      ${of}${led ? ', which led' : ''}: ${lost.length} of ${made} requests lost\n`)
      assert.deepEqual([...new Set(windows.map(({ of }) => of))].toSorted(), everyComponent)
      assert.deepEqual([...new Set(seen.flatMap(({ of, led }) => (led ? [of] : [])))].toSorted(), [
        'east/gateway',
        'west/gateway',
      ])
      assert.deepEqual(
        seen.filter(({ lost, led }) => lost.length > (led ? mostAtLeader : 0)),
        [],
      )
      assert.ok(await callWeb(west(), at.signal))
    })
  })

  suite('while the broker’s apiserver stands still, and then is dead', () => {
    // The broker lives in east, so with it east's whole control plane does.
    const apiserver = () => east().pieces.apiserver
    const answers = () => east().kubectl(['get', '--raw', '/readyz'], '', AbortSignal.timeout(2000))
    suiteSetup(() => apiserver().stop())
    suiteTeardown(async () => {
      await apiserver().kill9()
      apiserver().start()
      await eventually(async () => assert.match(await answers(), /ok/), 30_000)
    })

    test('no request by name is lost in twenty seconds and more', async () => {
      await using requests = await flow()
      const began = Date.now()
      await assert.rejects(answers())
      await sleep(10_000)
      await enough(requests, began)
      await assert.rejects(answers(), 'it stood still to the end')
      // Now watches break, and who connects is refused.
      await apiserver().kill9()
      const killed = Date.now()
      await sleep(8_000)
      await enough(requests, killed)
      await assert.rejects(answers(), 'nobody started it')
      const ended = Date.now()
      await sleep(lostMs + 500)
      const made = requests.between(began, ended)
      assert.deepEqual(
        made.filter((request) => request.lost !== undefined),
        [],
      )
    })

    test('a member works again after everything of it was restarted', async () => {
      await west().kubectl(['-n', 'tombolo-system', 'delete', 'pod', '--all', '--wait=true'])
      await allReady(west(), (component) => component !== 'operator')
      const { stdout } = await west().exec('shop/client', ['dig', '+short', '+tries=1', '+time=2', new URL(webURL).hostname])
      assert.equal(stdout.trim().split('\n').filter(Boolean).length, 1)
      await eventually(async () => assert.ok(await callWeb(west(), at.signal)), 20_000)
    })
  })
}

/** There are as many as it takes since then. */
const enough = (requests: Traffic, since: number): Promise<void> =>
  eventually(() => {
    const { length } = requests.between(since, Date.now())
    assert.ok(length >= leastRequests, `only ${length} requests`)
  }, 30_000)

const everyComponent = [
  ...['agent', 'broker-controller', 'dns', 'gateway', 'operator'].map((component) => `east/${component}`),
  ...['agent', 'dns', 'gateway', 'operator'].map((component) => `west/${component}`),
]
