import assert from 'node:assert/strict'
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import type { MemberView } from '#fleet/snapshot.ts'
import { gatewayOf, goodSnapshot } from '#test/kit/snapshot.ts'
import { ownOn, reachedBy, renewed } from './node-key.ts'

const [old, next] = ['A'.repeat(43) + '=', 'E'.repeat(43) + '=']

function seen(publicKey: string, state: 'Connected' | 'Connecting'): { readonly member: MemberView; readonly node: string } {
  const { member } = goodSnapshot
  assert.ok(member !== undefined)
  const made = gatewayOf('east', { state }, { role: 'Active' })
  const own = { ...made, spec: { ...made.spec, wireguard: { ...made.spec.wireguard, publicKey } } } as GatewayEndpoint
  return { member: { ...member, gateways: [own], running: [own.spec.node] }, node: own.spec.node }
}

suite('another key of a gateway, as a person waits for it', () => {
  const first = seen(old, 'Connected')
  const before = { publicKey: old, reached: reachedBy(ownOn(first.member, first.node)) }

  test('it reached somebody before', () => assert.equal(before.reached.length, 1))

  const rows: readonly (readonly [string, string, 'Connected' | 'Connecting', RegExp | undefined])[] = [
    ['it still has its key', old, 'Connected', /hands over, and begins anew/],
    ['its cables are not there yet', next, 'Connecting', /1 of 1 do not yet/],
    ['it reaches with another key what it reached', next, 'Connected', undefined],
  ]
  for (const [when, key, state, waiting] of rows)
    test(`${waiting === undefined ? 'is done' : 'waits'} when ${when}`, () => {
      const { member, node } = seen(key, state)
      const probe = renewed(member, node, before)
      if (waiting === undefined) assert.deepEqual(probe, { done: node })
      else assert.match('waiting' in probe ? probe.waiting : '', waiting)
    })

  test('waits when it says nothing at all', () => {
    const { member, node } = first
    assert.ok('waiting' in renewed({ ...member, gateways: [] }, node, before))
  })
})
