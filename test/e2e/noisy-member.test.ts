// A member that floods the broker's apiserver: how much it may store, and who waits.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { memberQuota } from '#broker/install/limits.ts'
import { memberObjects } from '#broker/members/objects.ts'
import { gatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { memberNamespace } from '#crds/places.ts'
import { userOf } from '#crds/rules/account.ts'
import { resourceQuotas } from '#lib/kube/kinds.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import { pathOf } from '#lib/kube/object.ts'
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

  test('T11: waits for itself: requests of another member overtake its queue', async () => {
    const flooder = userOf(memberNamespace('east'), 'member')
    const flood: Flood = {
      url: `${broker.server}${pathOf(gatewayEndpoint, { namespace: memberNamespace('east') })}?dryRun=All`,
      ca: broker.ca,
      headers: broker.headersOf(flooder),
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
    const alone = await writes()
    // Its own thread, so that it does not hold up the one that measures.
    const thread = new Worker(new URL('../kit/flood-main.ts', import.meta.url), { workerData: flood })
    let waited: readonly number[]
    let flooders: readonly number[]
    try {
      await pause(3000, stop.signal)
      waited = await writes()
      thread.postMessage('how long did they take?')
      ;[flooders] = (await once(thread, 'message')) as [readonly number[]]
    } finally {
      await thread.terminate()
    }
    const median = (ms: readonly number[]) => ms.toSorted((a, b) => a - b)[Math.floor(ms.length / 2)] ?? NaN
    process.stdout.write(
      `      p50 of a write: ${median(alone).toFixed(0)} ms alone, ${median(waited).toFixed(0)} ms beside a flood whose own take ${median(flooders).toFixed(0)} ms\n`,
    )
    assert.ok(median(waited) < median(flooders))
    const metrics = (await broker.admin.request({ method: 'GET', path: '/metrics', answer: 'text' }, stop.signal)) as string
    assert.match(
      metrics,
      /apiserver_flowcontrol_dispatched_requests_total\{flow_schema="tombolo-members",priority_level="tombolo-members"\} \d+/,
    )
  })
})
