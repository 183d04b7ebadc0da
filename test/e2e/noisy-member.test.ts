// A member that floods the broker's apiserver: how much it may store, and who waits.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { memberQuota } from '#broker/install/limits.ts'
import { memberObjects } from '#broker/members/objects.ts'
import { exportedService } from '#crds/exported-service.ts'
import { gatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { mostOfAMember } from '#crds/limits.ts'
import { joinerAccount, joinNamespace, memberNamespace } from '#crds/places.ts'
import { userOf } from '#crds/rules/account.ts'
import { isForbidden } from '#lib/kube/errors.ts'
import { resourceQuotas } from '#lib/kube/kinds.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import { pathOf } from '#lib/kube/object.ts'
import { timeQuestion } from '#lib/kube/server-time.ts'
import { pause } from '#lib/std/pause.ts'
import type { BareBroker } from '#test/kit/bare-broker.ts'
import { bareBroker } from '#test/kit/bare-broker.ts'
import { eventually } from '#test/kit/eventually.ts'
import type { Flood } from '#test/kit/flood-main.ts'
import { joiner, memberOf } from '#test/kit/joining.ts'
import { putMember } from '#test/kit/on-broker.ts'

suite('a member that floods the broker', function () {
  this.timeout(180_000)
  const stop = new AbortController()
  let broker: BareBroker
  suiteSetup(async () => {
    broker = await bareBroker('apiserver and controllers', stop.signal)
    for (const [id, n] of [
      ['east', 1],
      ['west', 2],
    ] as const) {
      const member = memberOf(joiner(id), { pods: [`10.${n}.0.0/16`], services: [`10.10${n}.0.0/16`] })
      await putMember(broker.admin, member, stop.signal)
      await broker.admin.apply(resourceQuotas, memberObjects(member).quota, { fieldManager: 'test' }, stop.signal)
    }
  })
  suiteTeardown(async () => {
    await broker[Symbol.asyncDispose]()
    stop.abort()
  })
  const clientOf = (id: string) => broker.as(userOf(memberNamespace(id), 'member'))
  const gateway = (id: string, n: number): KubeObject => ({
    apiVersion: gatewayEndpoint.apiVersion,
    kind: gatewayEndpoint.kind,
    metadata: { name: `${id}-${n.toString(16).padStart(8, '0')}`, namespace: memberNamespace(id) },
    spec: {
      clusterID: id,
      node: `n${n}`,
      candidates: [{ type: 'NodeInternal', address: '192.0.2.1', port: 51820 }],
      wireguard: { publicKey: 'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=' },
    },
  })

  const serviceNamed = (id: string, name: string): KubeObject => ({
    apiVersion: exportedService.apiVersion,
    kind: exportedService.kind,
    metadata: { name, namespace: memberNamespace(id) },
    spec: {
      clusterID: id,
      namespace: 'shop',
      name: `web-${name}`,
      type: 'ClusterSetIP',
      ports: [{ port: 80, protocol: 'TCP' }],
      ipFamilies: ['IPv4'],
      exportedAt: '2026-01-01T00:00:00Z',
    },
  })

  test('T11: may store so many objects of a kind and no more, and the others are not concerned', async () => {
    await eventually(async () => {
      const quota = await broker.admin.get(resourceQuotas, { namespace: memberNamespace('east'), name: 'member' }, stop.signal)
      assert.deepEqual(Object.keys(quota?.status?.used ?? {}).toSorted(), Object.keys(memberQuota).toSorted())
    }, 60_000)
    const east = clientOf('east')
    const most = Number(memberQuota['count/gatewayendpoints.tombolo.dev'])
    for (let n = 0; n < most; n++) await east.create(gatewayEndpoint, gateway('east', n), {}, stop.signal)
    await assert.rejects(east.create(gatewayEndpoint, gateway('east', most), {}, stop.signal), /exceeded quota: member/)
    await clientOf('west').create(gatewayEndpoint, gateway('west', 0), {}, stop.signal)
  })

  test('T11: may publish under so many names and no other, so many objects at most, though no quota counts them', async () => {
    const east = clientOf('east')
    const most = mostOfAMember.exportedservices
    const names = [...Array.from({ length: 100 }, (_, n) => String(n)), String(most - 1)]
    for (const name of names) await east.create(exportedService, serviceNamed('east', name), {}, stop.signal)
    const others = [String(most), String(100 * most), '007', 'one-more', ...Array.from({ length: 100 }, (_, n) => `x${n}`)]
    for (const name of others)
      await assert.rejects(east.create(exportedService, serviceNamed('east', name), {}, stop.signal), /numbered: .*below 2000/)
    const generated = { ...serviceNamed('east', 'x'), metadata: { namespace: memberNamespace('east'), generateName: '1' } }
    const path = pathOf(exportedService, { namespace: memberNamespace('east') })
    await assert.rejects(east.request({ method: 'POST', path, body: generated }, stop.signal), isForbidden)
    const { items } = await broker.admin.list(exportedService, { namespace: memberNamespace('east') }, stop.signal)
    assert.deepEqual(items.map(({ metadata }) => metadata.name).toSorted(), names.toSorted())
  })

  test('T11: waits for itself, at a level of its own: another member hardly feels the flood', async () => {
    const flood: Flood = {
      url: `${broker.server}${pathOf(gatewayEndpoint, { namespace: memberNamespace('east') })}?dryRun=All`,
      ca: broker.ca,
      headers: broker.headersOf(userOf(memberNamespace('east'), 'member')),
      body: JSON.stringify(gateway('east', 0xffff)),
      connections: 190,
    }
    const west = clientOf('west')
    const writes = async () => {
      const took: number[] = []
      for (let n = 0; n < 40; n++) {
        const began = performance.now()
        await west.create(gatewayEndpoint, gateway('west', 0xffff), { dryRun: true }, stop.signal)
        took.push(performance.now() - began)
      }
      return took
    }
    const [before, waitedBefore] = [await writes(), await waits()]
    // Its own thread, so that it does not hold up the one that measures.
    const thread = new Worker(new URL('../kit/flood-main.ts', import.meta.url), { workerData: flood })
    let beside: readonly number[]
    let flooders: readonly number[]
    let during: string
    try {
      await pause(3000, stop.signal)
      beside = await writes()
      during = await metrics()
      thread.postMessage('how long did they take?')
      ;[flooders] = (await once(thread, 'message')) as [readonly number[]]
    } finally {
      await thread.terminate()
    }
    const waited = await waits()
    // Whatever else the machine does, it did it to these as well.
    const alone = [...before, ...(await writes())]
    const [p50Alone, p50Beside, p50Flood] = [alone, beside, flooders].map(median) as [number, number, number]
    process.stdout.write(
      `      p50 of a write: ${p50Alone.toFixed(1)} ms alone, ${p50Beside.toFixed(1)} ms beside a flood whose own take ${p50Flood.toFixed(0)} ms\n`,
    )
    // What both share is processors. Seats they do not: the flood has as many as its level and the rest of it waits, and the other one waits
    // for no seat, however fast or slow the machine is.
    const seats = gauge(during, 'nominal_limit_seats', 'priority_level="tombolo-m-east"')
    const flow = 'flow_schema="tombolo-m-east",priority_level="tombolo-m-east"'
    assert.equal(seats, 3)
    assert.ok(gauge(during, 'current_executing_seats', flow) <= seats)
    assert.ok(gauge(during, 'current_inqueue_requests', flow) >= flood.connections / 2)
    const meanMs = (of: string) => {
      const [then, now] = [waitedBefore, waited].map((all) => all.get(of) ?? { requests: 0, seconds: 0 }) as [Waits, Waits]
      return (1000 * (now.seconds - then.seconds)) / (now.requests - then.requests)
    }
    const [westMs, eastMs] = [meanMs('tombolo-m-west'), meanMs('tombolo-m-east')]
    process.stdout.write(`      of that it waits ${westMs.toFixed(2)} ms for a seat, the flood ${eastMs.toFixed(0)} ms\n`)
    assert.ok(westMs < eastMs / 20, 'another member waits for a seat of the flood’s')
    assert.ok(p50Beside < p50Flood / 4, 'the flood does not wait for itself')
  })

  test('T11: whatever a member asks is counted at its own level, also what it is refused, and nothing of it where others are', async () => {
    const path = '/apis/apps/v1/deployments'
    const before = await waits()
    await assert.rejects(clientOf('west').request({ method: 'GET', path }, stop.signal), isForbidden)
    await broker.as(userOf(joinNamespace('west'), joinerAccount)).request(timeQuestion, stop.signal)
    const after = await waits()
    const more = (of: string) => (after.get(of)?.requests ?? 0) - (before.get(of)?.requests ?? 0)
    assert.deepEqual(['tombolo-m-west', 'tombolo-m-east', 'tombolo-members', 'service-accounts'].map(more), [2, 0, 0, 0])
  })

  const metrics = async () =>
    (await broker.admin.request({ method: 'GET', path: '/metrics', answer: 'text' }, stop.signal)) as string

  /** By schema, of all requests that were served so far. */
  async function waits(): Promise<ReadonlyMap<string, Waits>> {
    const lines = (await metrics()).matchAll(
      /^apiserver_flowcontrol_request_wait_duration_seconds_(sum|count)\{execute="true",flow_schema="([^"]*)",.*\} (\S+)$/gm,
    )
    const found = new Map<string, Waits>()
    for (const [, what, schema = '', value] of lines) {
      const one = found.get(schema) ?? { requests: 0, seconds: 0 }
      found.set(schema, { ...one, [what === 'sum' ? 'seconds' : 'requests']: Number(value) })
    }
    return found
  }
})

type Waits = { readonly requests: number; readonly seconds: number }

const median = (ms: readonly number[]): number => ms.toSorted((a, b) => a - b)[Math.floor(ms.length / 2)] ?? NaN

/** NaN where there is none. */
const gauge = (metrics: string, name: string, labels: string): number =>
  Number(
    metrics
      .split('\n')
      .find((line) => line.startsWith(`apiserver_flowcontrol_${name}{${labels}} `))
      ?.split(' ')[1] ?? NaN,
  )
