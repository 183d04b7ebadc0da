import assert from 'node:assert/strict'
import { member } from '#crds/member.ts'
import { namespaces, serviceAccounts } from '#lib/kube/kinds.ts'
import { eventually } from '#test/kit/eventually.ts'
import { inBroker, joiningFleet } from '#test/kit/joining-fleet.ts'

suite('revoking and quarantining', () => {
  const at = joiningFleet()
  const { join, run, withOperator } = at

  test('a member is quarantined and let back, and revoked for good: its accounts and the place to ask at go', async () => {
    const { east, hub } = at.servers
    await withOperator(east, () => join('east', '10.1.0.0/16'))
    const shut = await run(['quarantine', 'east', '--context', 'hub'])
    assert.equal(shut.code, 0, shut.err)
    assert.equal(hub.read(member, inBroker('east'))?.spec.state, 'Quarantined')
    assert.equal((await run(['quarantine', 'east', '--lift', '--context', 'hub'])).code, 0)
    assert.equal(hub.read(member, inBroker('east'))?.spec.state, 'Admitted')
    const unknown = await run(['revoke', 'north', '--yes', '--context', 'hub'])
    assert.equal(unknown.code, 2)
    assert.match(unknown.err, /no member "north".*\n.*Its members are east/)
    const gone = await run(['revoke', 'east', '--yes', '--context', 'hub'])
    assert.equal(gone.code, 0, gone.err)
    for (const name of ['tombolo-m-east', 'tombolo-j-east'])
      await eventually(() => assert.equal(hub.read(namespaces, { name }), undefined))
  })

  test('revoked while the broker’s controller is down, its tokens are dead at once; what else it had goes with the next one', async () => {
    const { east, hub } = at.servers
    await withOperator(east, () => join('east', '10.1.0.0/16'))
    await at.stopController()
    const accounts = [
      { namespace: 'tombolo-m-east', name: 'member' },
      { namespace: 'tombolo-j-east', name: 'joiner' },
    ]
    assert.deepEqual(
      accounts.map((at) => hub.read(serviceAccounts, at)?.metadata.name),
      ['member', 'joiner'],
    )
    const revoking = run(['revoke', 'east', '--yes', '--context', 'hub'])
    for (const at of accounts) await eventually(() => assert.equal(hub.read(serviceAccounts, at), undefined))
    assert.notEqual(hub.read(member, inBroker('east')), undefined)
    at.startController()
    const { code, err } = await revoking
    assert.equal(code, 0, err)
    for (const { namespace } of accounts)
      await eventually(() => assert.equal(hub.read(namespaces, { name: namespace }), undefined))
  })
})
