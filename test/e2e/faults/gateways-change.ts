// Where a cluster has two gateways: the lead goes from one to the other, on purpose or because one was killed.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { openStream } from '#hack/bench/stream.ts'
import type { Found } from '#fleet/checks/index.ts'
import type { GatewayRow } from '#fleet/rows/gateways.ts'
import { eventually } from '#test/kit/eventually.ts'
import { fleetOf } from '#test/kit/fleet.ts'
import { activeGatewayNode, allReady, firstGatewayAlone, noGatewayOn, secondGateway } from '#test/kit/pods.ts'
import type { RigSuite } from '#test/kit/rig-suite.ts'
import { nothingOf, verified } from './pods-talk.ts'

/**
 * Of a datagram every 5 ms. None is the rule, three and twelve were seen; where both clusters share two busy cores a pulse may come so late that
 * the lead passes as after a death, which costs some sixty.
 */
const mostLost = 30

/** Of the gateway on that node. */
type Change = (node: string) => Promise<unknown>
const isOfEast = ({ cluster }: GatewayRow): boolean => cluster === 'east'

/** Makes a second gateway in east, and takes it back. */
export const gatewaysChange = (at: RigSuite): void => {
  suite('where another gateway can take over', () => {
    const east = () => at.rig.cluster('east')
    const second = () => east().node(2).name
    suiteSetup(() => secondGateway(east()))
    suiteTeardown(() => firstGatewayAlone(east()))

    const gateway = (...args: readonly string[]) => fleetOf(at.rig, at.signal).tombolo('gateway', ...args, '--context', 'east')
    const must = async (...args: readonly string[]) => {
      const { code, err } = await gateway(...args)
      assert.equal(code, 0, err)
    }
    const shown = async (...args: readonly string[]) => {
      const { out, err, code } = await fleetOf(at.rig, at.signal).tombolo(...args, '--context', 'east', '-o', 'json')
      assert.equal(code, 0, `${out}${err}`)
      return JSON.parse(out) as { readonly gateways: readonly GatewayRow[]; readonly findings: readonly Found[] }
    }
    /** A datagram every five milliseconds and a TCP connection, to a pod that is on the node of one of the two gateways. */
    const talking = async () => {
      const [from, to] = await Promise.all([at.rig.cluster('west'), east()].map((cluster) => cluster.process('shop/client')))
      const address = await east().kubectl(['-n', 'shop', 'get', 'pod', 'client', '-o', 'jsonpath={.status.podIP}'])
      assert.ok(from?.pid !== undefined && to?.pid !== undefined)
      const stream = openStream(from.pid, to.pid, address, 5)
      await sleep(1_000)
      await stream.felt()
      return stream
    }
    /** Every way in which one gives the lead up on purpose. What follows puts it back. */
    const ways: readonly (readonly [string, Change, Change?])[] = [
      ['it is drained', (active) => must('drain', active), (node) => must('uncordon', node)],
      ['it is given another key', (active) => must('rotate-key', active)],
      ['its node is cordoned', (active) => east().kubectl(['cordon', active]), (node) => east().kubectl(['uncordon', node])],
      [
        'its pod is deleted',
        (active) =>
          east().kubectl([
            ...['-n', 'tombolo-system', 'delete', 'pod', '--wait=true', '-l', 'app.kubernetes.io/component=gateway'],
            ...['--field-selector', `spec.nodeName=${active}`],
          ]),
        () => allReady(east(), (component) => component === 'gateway'),
      ],
    ]
    const loseNothing = async (giveUp: Change, putBack?: Change) => {
      const before = await activeGatewayNode(east())
      await using stream = await talking()
      await giveUp(before)
      await eventually(async () => assert.notEqual(await activeGatewayNode(east()), before), 20_000)
      await putBack?.(before)
      // Until it is known of each datagram whether it was lost.
      await sleep(1_200)
      const { sent, lost, slowestMs, stalledMs, broken } = await stream.felt()
      process.stdout.write(
        `      ${lost} of ${sent} lost, the slowest took ${slowestMs.toFixed(0)} ms; TCP stalled ${stalledMs.toFixed(0)} ms\n`,
      )
      assert.ok(sent > 300)
      assert.ok(lost <= mostLost, `${lost} of ${sent} lost`)
      assert.equal(broken, 0)
    }
    for (const [when, giveUp, putBack] of ways)
      test(`no packet is lost and no connection breaks when ${when}`, () => loseNothing(giveUp, putBack))

    test('no packet is lost and no connection breaks when its node is no gateway any more', async () => {
      // What `tombolo join` labelled stays so, as uninstall looks at who did it.
      const first = east().node(1).name
      if ((await activeGatewayNode(east())) === first) {
        await must('drain', first)
        await must('uncordon', first)
      }
      const giveUp = async (active: string) => {
        await noGatewayOn(east(), active)
        // What is forgotten of it with its GatewayEndpoint is on no packet's way either.
        await eventually(async () => assert.equal((await shown('show', 'gateways')).gateways.filter(isOfEast).length, 1), 30_000)
      }
      await loseNothing(giveUp, () => secondGateway(east()))
    })

    test('a drained gateway is shown as one, is no fault, takes the lead no more, and its successor is not drained too', async () => {
      const active = await activeGatewayNode(east())
      await must('drain', active)
      const leads = await activeGatewayNode(east())
      const { gateways } = await shown('show', 'gateways')
      assert.deepEqual(
        gateways.filter(isOfEast).map((g) => [g.node, g.role, g.state]),
        [active, leads].toSorted().map((node) => (node === active ? [node, 'Standby', 'Drained'] : [node, 'Active', undefined])),
      )
      const { findings } = await shown('diagnose', 'connections', '--no-probe')
      assert.deepEqual(
        findings.filter((f) => f.level === 'fail'),
        [],
      )
      const { code, err } = await gateway('drain', leads)
      assert.equal(code, 2)
      assert.match(err, /No other gateway of "east" can take over/)
      assert.equal((await gateway('drain', active)).code, 0, 'again')
      await must('uncordon', active)
      assert.equal(await activeGatewayNode(east()), leads)
    })

    test('verify kills the active one while a pod asks, and says who took over and how long it was silent', async () => {
      const killed = await activeGatewayNode(east())
      const { tests, code, out } = await verified(at, 'gateway-failover', '--disruptive', '--connection-timeout', '40')
      const [row] = tests
      assert.equal(code, 0, out)
      assert.deepEqual([tests.length, row?.result, row?.failover?.killed], [1, 'passed', killed])
      const { tookOver, asked = 0, lost = 0, longestSilenceMs = 0 } = row?.failover ?? {}
      process.stdout.write(
        `      ${tookOver ?? '-'} after ${killed}: ${longestSilenceMs} ms silent, ${lost} of ${asked} requests lost\n`,
      )
      // The Lease alone would take its six seconds.
      assert.ok(asked > 100 && lost < asked && longestSilenceMs > 0 && longestSilenceMs < 5_000)
      assert.ok([east().node(1).name, second()].includes(tookOver ?? ''))
      assert.equal(tookOver, await activeGatewayNode(east()))
      await allReady(east(), (component) => component === 'gateway')
      await nothingOf(at, 'verify')
    })
  })
}
