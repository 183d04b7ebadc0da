import assert from 'node:assert/strict'
import { fleet } from '#crds/fleet.ts'
import { member } from '#crds/member.ts'
import { membership } from '#crds/membership.ts'
import { secrets } from '#lib/kube/kinds.ts'
import { writes } from '#test/kit/apiserver.ts'
import { eventually } from '#test/kit/eventually.ts'
import { inSystem, inBroker, ownMembership, joiningFleet } from '#test/kit/joining-fleet.ts'

suite('leaving', () => {
  const at = joiningFleet()
  const { join, run, withOperator } = at

  test('a member leaves by itself: the broker has forgotten it, whoever holds its grant', async () => {
    const { east, hub } = at.servers
    await withOperator(east, () => join('east', '10.1.0.0/16'))
    const ran = await run(['leave', '--yes', '--context', 'east', '--timeout', '10'])
    assert.equal(ran.code, 0, ran.err)
    assert.doesNotMatch(ran.out, /What remains/)
    await eventually(() => assert.equal(hub.read(member, inBroker('east')), undefined))
    for (const name of ['tombolo-broker', 'tombolo-pair-keys']) assert.equal(east.read(secrets, inSystem(name)), undefined)
  })

  test('leave --dry-run prints what would go, no credentials among it, and deletes nothing', async () => {
    const { east, hub } = at.servers
    await withOperator(east, () => join('east', '10.1.0.0/16'))
    const before = [writes(east).length, writes(hub).length]
    const ran = await run(['leave', '--dry-run', '--context', 'east'])
    assert.equal(ran.code, 0, ran.err)
    const names = [...ran.out.matchAll(/^ {2}name: (.*)$/gm)].map(([, name]) => name)
    assert.deepEqual(names, ['membership', 'tombolo-broker'])
    assert.doesNotMatch(ran.out, /^data:|token/m)
    assert.deepEqual([writes(east).length, writes(hub).length], before)
  })

  test('leaving twice is no mistake: the second time it says that the cluster has left, and where it never was that it never was', async () => {
    const { east } = at.servers
    await withOperator(east, () => join('east', '10.1.0.0/16'))
    await run(['leave', '--yes', '--context', 'east', '--timeout', '10'])
    const again = await run(['leave', '--context', 'east', '-o', 'json'])
    assert.equal(again.code, 0, again.err)
    assert.deepEqual(JSON.parse(again.out), { context: 'east', state: 'Left', remains: [] })
    const never = await run(['leave', '--yes', '--context', 'west'])
    assert.equal(never.code, 1)
    assert.match(never.err, /There is no Tombolo in context "west"/)
  })

  test('a cluster that left comes back by a new grant as who it was, and has its addresses at once', async () => {
    const { east, hub } = at.servers
    await withOperator(east, () => join('east', '10.1.0.0/16'))
    const before = hub.read(member, inBroker('east'))?.spec
    await run(['leave', '--yes', '--context', 'east', '--timeout', '10'])
    await eventually(() => assert.equal(hub.read(member, inBroker('east')), undefined))
    const kept = hub.read(fleet, inBroker('fleet'))?.status?.released ?? []
    assert.deepEqual(
      kept.map(({ cidr }) => cidr),
      ['10.1.0.0/16', '10.101.0.0/16'],
    )
    const other = await join('west', '10.1.0.0/16')
    assert.match(other.err, /of "east", which left and whose addresses are kept/)
    const ran = await withOperator(east, () => join('east', '10.1.0.0/16', '--timeout', '10'))
    assert.equal(ran.code, 0, ran.err)
    const now = hub.read(member, inBroker('east'))?.spec
    assert.deepEqual([now?.identity, now?.podCIDRs], [before?.identity, before?.podCIDRs])
  })

  for (const plural of ['memberships', 'secrets'])
    test(`leaving that was cut off before the ${plural} were gone is gone on with, and the broker is known to have been told`, async () => {
      const { east, hub } = at.servers
      await withOperator(east, () => join('east', '10.1.0.0/16'))
      const mend = east.fault((s) => s.verb === 'delete' && s.plural === plural, { do: 'reset' }, 100)
      const broken = await run(['leave', '--yes', '--context', 'east', '--timeout', '10'])
      assert.equal(broken.code, 3, broken.err)
      mend()
      // What an apiserver says to the token of an account that is gone.
      hub.fault((s) => s.plural === 'joinrequests', { do: 'status', code: 401, reason: 'Unauthorized' }, 10)
      const again = await run(['leave', '--yes', '--context', 'east', '--timeout', '10', '-o', 'json'])
      assert.equal(again.code, 0, again.err)
      const { state, remains } = JSON.parse(again.out) as { state: string; remains: readonly string[] }
      assert.equal(state, 'Left')
      if (plural === 'memberships') assert.deepEqual(remains, [])
      assert.equal(hub.read(member, inBroker('east')), undefined)
      assert.equal(east.read(membership, ownMembership), undefined)
      assert.equal(east.read(secrets, inSystem('tombolo-broker')), undefined)
    })

  test('where the broker knows its token and refuses it all the same, the cluster leaves and does not say that it was told', async () => {
    const { east, hub } = at.servers
    await withOperator(east, () => join('east', '10.1.0.0/16'))
    hub.fault((s) => s.plural === 'joinrequests', { do: 'status', code: 403, reason: 'Forbidden' }, 1000)
    const ran = await run(['leave', '--yes', '--context', 'east', '--timeout', '1'])
    assert.equal(ran.code, 0, ran.err)
    assert.match(ran.out, /What remains:\n {2}on the broker Member east, which could not be told: there tombolo revoke east/)
    assert.equal(east.read(membership, ownMembership), undefined)
  })

  test('and where the refusal was of a token that is dead a moment later, it says nothing', async () => {
    const { east, hub } = at.servers
    await withOperator(east, () => join('east', '10.1.0.0/16'))
    hub.fault((s) => s.plural === 'joinrequests', { do: 'status', code: 403, reason: 'Forbidden' }, 1)
    hub.fault((s) => s.plural === 'joinrequests', { do: 'status', code: 401, reason: 'Unauthorized' }, 1000)
    const ran = await run(['leave', '--yes', '--context', 'east', '--timeout', '10'])
    assert.equal(ran.code, 0, ran.err)
    assert.doesNotMatch(ran.out, /What remains/)
  })

  for (const [silence, fault] of [
    ['refuses connections', { do: 'reset' }],
    ['takes them and never answers', { do: 'silence' }],
  ] as const)
    test(`where the broker ${silence}, the cluster leaves all the same, in time, and says what to type there`, async () => {
      const { east, hub } = at.servers
      await withOperator(east, () => join('east', '10.1.0.0/16'))
      hub.fault((s) => s.plural === 'joinrequests', fault, 1000)
      const began = performance.now()
      const ran = await run(['leave', '--yes', '--context', 'east', '--timeout', '2'])
      assert.ok(performance.now() - began < 10_000)
      assert.equal(ran.code, 0, ran.err)
      assert.match(ran.out, /What remains:\n {2}on the broker Member east, which could not be told: there tombolo revoke east/)
      assert.equal(east.read(membership, ownMembership), undefined)
      assert.equal(east.read(secrets, inSystem('tombolo-broker')), undefined)
    })

  test('leaving goes on where the Membership is gone and its credentials are not', async () => {
    const { east } = at.servers
    await withOperator(east, () => join('east', '10.1.0.0/16'))
    east.remove(membership, ownMembership)
    const ran = await run(['leave', '--yes', '--context', 'east', '--timeout', '10'])
    assert.equal(ran.code, 0, ran.err)
    assert.match(ran.out, /What remains:\n {2}on the broker the Member of this cluster, if it was not told before/)
    assert.equal(east.read(secrets, inSystem('tombolo-broker')), undefined)
  })
})
