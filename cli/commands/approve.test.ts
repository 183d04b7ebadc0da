import assert from 'node:assert/strict'
import { joinGrant } from '#crds/join-grant.ts'
import { joinRequest } from '#crds/join-request.ts'
import { member } from '#crds/member.ts'
import { eventually } from '#test/kit/eventually.ts'
import { inBroker, joiningFleet } from '#test/kit/joining-fleet.ts'

suite('approving', () => {
  const at = joiningFleet()
  const { granted, joinWith, run, withOperator } = at

  test('where approval is manual both sides show the fingerprint, and the cluster joins when it is approved', async () => {
    const { east, hub } = at.servers
    const grant = await granted('east', { approval: 'Manual' })
    const joining = withOperator(east, () => joinWith(grant, 'east', '10.1.0.0/16'))
    const request = { namespace: 'tombolo-j-east', name: 'east' }
    await eventually(() => assert.equal(hub.read(joinRequest, request)?.status?.state, 'AwaitingApproval'))
    const print = hub.read(joinRequest, request)?.status?.fingerprint ?? ''
    assert.equal(hub.read(member, inBroker('east')), undefined)
    const wrong = await run(['approve', 'east', '--context', 'hub', '--fingerprint', print.replace(/^..../, 'ffff')])
    assert.equal(wrong.code, 2)
    assert.match(wrong.err, /Another identity asks to be "east"/)
    const approved = await run(['approve', 'east', '--context', 'hub', '--fingerprint', print])
    assert.equal(approved.code, 0, approved.err)
    const ran = await joining
    assert.equal(ran.code, 0, ran.err)
    assert.ok(ran.err.includes(`fingerprint ${print}`), ran.err)
    assert.ok(approved.err.includes(print), approved.err)
    assert.deepEqual(hub.read(joinGrant, inBroker('east'))?.spec.approvedAddresses, ['10.1.0.0/16', '10.101.0.0/16'])
  })

  test('nobody waits: approve says so', async () => {
    const ran = await run(['approve', 'east', '--context', 'hub', '--yes'])
    assert.equal(ran.code, 2)
    assert.match(ran.err, /"east" does not wait for approval.*\n.*tombolo grant list/)
  })
})
