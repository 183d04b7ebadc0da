import assert from 'node:assert/strict'
import { joinGrant } from '#crds/join-grant.ts'
import { namespaces } from '#lib/kube/kinds.ts'
import { inProcess } from '#test/kit/in-process.ts'
import { eventually } from '#test/kit/eventually.ts'
import { grantFor, joiner } from '#test/kit/joining.ts'
import { inBroker, joiningFleet } from '#test/kit/joining-fleet.ts'

suite('grants', () => {
  const at = joiningFleet()
  const { granted, run } = at

  test('a grant is printed once on stdout, listed without its code, and taken back', async () => {
    const { hub } = at.servers
    const made = await run([
      'grant',
      'create',
      'east',
      '--context',
      'hub',
      '--broker-server',
      'https://192.0.2.10:6443',
      '--expires',
      '90s',
    ])
    assert.equal(made.code, 0, made.err)
    assert.match(made.out, /^tombolo-grant-1\.\S+\n$/)
    const listed = await run(['grant', 'list', '--context', 'hub', '-o', 'json'])
    assert.match(listed.out, /"state": "Open"/)
    assert.doesNotMatch(`${listed.out}${JSON.stringify(hub.read(joinGrant, inBroker('east')))}`, /tombolo-grant/)
    const removed = await run(['grant', 'remove', 'east', '--context', 'hub'])
    assert.equal(removed.code, 0, removed.err)
    assert.equal(hub.read(joinGrant, inBroker('east')), undefined)
    await eventually(() => assert.equal(hub.read(namespaces, { name: 'tombolo-j-east' }), undefined))
  })

  test('a broker address that only this machine reaches is refused with the remedy, and one that is none', async () => {
    for (const [server, says] of [
      ['https://localhost:6443', /means something else on every machine\.\n.*--broker-server/],
      ['http://192.0.2.1', /not of the form https/],
    ] as const) {
      const ran = await run(['grant', 'create', 'east', '--context', 'hub', '--broker-server', server])
      assert.equal(ran.code, 2)
      assert.match(ran.err, says)
    }
    const none = await run(['grant', 'create', 'east', '--context', 'west'])
    assert.match(none.err, /There is no broker in context "west"\.\n.*tombolo deploy-broker --context west/)
    const label = await run(['grant', 'create', 'East_1', '--context', 'hub'])
    assert.equal(label.code, 2)
    assert.match(label.err, /"East_1" is not valid \(want a DNS label/)
  })

  test('grant list --watch shows what becomes of a grant, and ends well at an interrupt', async () => {
    const { hub } = at.servers
    const ends = new AbortController()
    let seen = ''
    const listing = inProcess(['grant', 'list', '--watch', '--context', 'hub', '--kubeconfig', at.kubeconfig], {
      ...{ signal: at.signal, interrupt: ends.signal },
      show: (text) => (seen += text),
    })
    await granted('east')
    await eventually(() => assert.match(seen, /east +Open/))
    hub.remove(joinGrant, inBroker('east'))
    hub.put(joinGrant, grantFor(joiner('west'), { expiresAt: new Date(Date.now() - 1000).toISOString() }))
    await eventually(() => assert.match(seen, /west +Expired/))
    ends.abort()
    const { code, err } = await listing
    assert.equal(code, 0, err)
  })
})
