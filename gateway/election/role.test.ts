import assert from 'node:assert/strict'
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import type { Leadership } from '#lib/kube/lease.ts'
import type { Claim } from '../engine.ts'
import { claimAfter, firstTerm, identityOf } from './role.ts'

const active: Claim = { role: 'Active', term: 3 }
const standby: Claim = { role: 'Standby', term: 3 }
const lease = (role: Leadership['role'], holder: string | undefined, term = 3) => ({ role, holder, term }) as Leadership

suite('the role of a gateway', () => {
  const cases: readonly (readonly [string, Claim, Leadership, Claim['role']])[] = [
    ['the holder of the Lease is active', standby, lease('leader', 'n1/b'), 'Active'],
    ['one that sees another in the lead stands by', active, lease('follower', 'n2/b'), 'Standby'],
    [
      'one that was active and sees nobody goes on: the apiserver is away, traffic is not',
      active,
      lease('follower', undefined),
      'Active',
    ],
    ['one that was not active and sees nobody waits', standby, lease('follower', undefined), 'Standby'],
    ['the lead of an earlier process on this node is ours', standby, lease('follower', 'n1/before'), 'Active'],
    ['a node whose name begins like ours is another', active, lease('follower', 'n10/b'), 'Standby'],
  ]
  for (const [name, before, now, role] of cases)
    test(name, () => assert.deepEqual(claimAfter(before, 'n1', now), { role, term: now.term }))

  test('a Lease that was deleted begins again above every term that was published', () => {
    const said = (term?: number) => ({ status: { term } }) as unknown as GatewayEndpoint
    assert.deepEqual([firstTerm([]), firstTerm([said()]), firstTerm([said(0)]), firstTerm([said(4), said(7)])], [0, 0, 1, 8])
  })

  test('an identity begins with its node', () => assert.equal(identityOf('n1', 'b'), 'n1/b'))
})
