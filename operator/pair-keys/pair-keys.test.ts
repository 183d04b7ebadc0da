import assert from 'node:assert/strict'
import type { Allocation } from '#crds/allocation.ts'
import { allocation } from '#crds/allocation.ts'
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { gatewayEndpoint } from '#crds/gateway-endpoint.ts'
import type { Membership } from '#crds/membership.ts'
import { membership } from '#crds/membership.ts'
import { newIdentity, publicIdentity } from '#lib/identity/identity.ts'
import { kube } from '#lib/kube/client.ts'
import type { Secret } from '#lib/kube/kinds.ts'
import { secrets } from '#lib/kube/kinds.ts'
import type { Kind, KubeObject } from '#lib/kube/object.ts'
import { reflect } from '#lib/kube/reflector.ts'
import type { Logger } from '#lib/std/log.ts'
import { apiserver, writes } from '#test/kit/apiserver.ts'
import { eventually } from '#test/kit/eventually.ts'
import { keepPairKeys } from './pair-keys.ts'
import { readPairKeys } from './plan.ts'

const namespace = 'tombolo-system'
const bothWays = [
  ['east', 'west'],
  ['west', 'east'],
] as const

suite('the Secret with the keys of pairs', () => {
  test('comes with a peer, is required when all announce it, comes back when deleted, is changed when a person asks, and goes with the peer; no log shows a key', async () => {
    await using server = await apiserver()
    const lines: string[] = []
    const log = written(lines)
    await using api = kube(server.connection, log)
    const [east, west] = [newIdentity(), newIdentity()]
    const put = (kind: Kind, name: string, rest: object) =>
      server.put<KubeObject>(kind, { apiVersion: kind.apiVersion, kind: kind.kind, metadata: { namespace, name }, ...rest })
    const base64 = (text: string) => Buffer.from(text).toString('base64')
    put(secrets, 'tombolo-identity', {
      data: { signing: base64(east.signing.base64()), agreement: base64(east.agreement.base64()) },
    })
    put(allocation, 'east', { spec: { clusterID: 'east', state: 'Admitted', identity: publicIdentity(east) } })
    const ask = (annotations: object) =>
      server.put<KubeObject & { spec: object }>(membership, {
        apiVersion: membership.apiVersion,
        kind: membership.kind,
        metadata: { namespace, name: 'membership', annotations } as KubeObject['metadata'],
        spec: { clusterID: 'east' },
      })
    const announce = (clusterID: string, to: string, id: string, more: object = {}) =>
      put(gatewayEndpoint, `${clusterID}-n1`, {
        spec: { clusterID, node: 'n1', wireguard: { pairKeys: [{ clusterID: to, id, ...more }] } },
      })
    const held = () =>
      readPairKeys(server.read<Secret>(secrets, { namespace, name: 'tombolo-pair-keys' }), Date.now()).get('west')

    const stop = new AbortController()
    const allocations = reflect<Allocation>(api, allocation, { namespace }, stop.signal)
    const endpoints = reflect<GatewayEndpoint>(api, gatewayEndpoint, { namespace }, stop.signal)
    const memberships = reflect<Membership>(api, membership, { namespace }, stop.signal)
    const seen = { allocations: allocations.store, endpoints: endpoints.store, memberships: memberships.store }
    const keeping = keepPairKeys(api, 'east', seen, log, stop.signal)
    try {
      put(allocation, 'west', { spec: { clusterID: 'west', state: 'Admitted', identity: publicIdentity(west) } })
      await eventually(() => assert.equal(held()?.use, 'Offered'))
      const { id, key } = held() ?? assert.fail()
      announce('east', 'west', id)
      announce('west', 'east', id)
      await eventually(() => assert.equal(held()?.use, 'Required'))
      assert.ok(held()?.key.equals(key))
      const before = writes(server).length
      announce('west', 'east', id)
      server.remove(secrets, { namespace, name: 'tombolo-pair-keys' })
      await eventually(() => assert.equal(held()?.use, 'Required'))
      assert.equal(writes(server).length, before + 1)

      ask({ 'tombolo.dev/rotate-keys': 'once' })
      await eventually(() => assert.equal(held()?.other?.at, 'Next'))
      const next = held()?.other ?? assert.fail()
      for (const [from, to] of bothWays) announce(from, to, id, { next: next.id })
      await eventually(() => assert.deepEqual([held()?.id, held()?.epoch, held()?.other?.id], [next.id, 2, id]))
      for (const [from, to] of bothWays) announce(from, to, next.id, { epoch: 2 })
      await eventually(() => assert.deepEqual([held()?.id, held()?.use, held()?.other], [next.id, 'Required', undefined]))
      ask({ 'tombolo.dev/rotate-keys': 'once' })
      server.remove(allocation, { namespace, name: 'west' })
      await eventually(() => assert.equal(held(), undefined))
      const said = lines.join('\n')
      assert.match(said, new RegExp(`"peer":"west","id":"${id}","use":"Required"`))
      const all = [key, next.key].flatMap((k) => [k.base64(), k.hex(), base64(k.base64())])
      for (const secret of [...all, east.agreement.base64()]) assert.ok(!said.includes(secret))
    } finally {
      stop.abort()
      await Promise.all([keeping, allocations.done, endpoints.done, memberships.done])
    }
  })
})

/** Every line of every level. */
function written(lines: string[]): Logger {
  const write = (fields: object, message: string) => {
    lines.push(JSON.stringify({ ...fields, message }))
  }
  const log: Logger = { debug: write, info: write, warn: write, error: write, child: () => log }
  return log
}
