import assert from 'node:assert/strict'
import { membership } from '#crds/membership.ts'
import { deployments } from '#lib/kube/kinds.ts'
import { apiserver } from '#test/kit/apiserver.ts'
import { tombolo } from '#test/kit/cli.ts'
import { installedBroker, membershipOf } from '#test/kit/installed.ts'
import { kubeconfig } from '#test/kit/kubeconfig.ts'

suite('tombolo diagnose', function () {
  this.timeout(60_000)

  test('says what is wrong and what to type, in every format, and ends with 1 only for what does not work', async () => {
    const { signal } = new AbortController()
    await using server = await apiserver()
    await using config = await kubeconfig({ east: server.connection.server })
    const diagnose = (...args: readonly string[]) =>
      tombolo(['diagnose', ...args, '--no-probe', '--kubeconfig', config.path], { signal })
    const none = await diagnose()
    assert.equal(none.code, 1)
    assert.match(none.err, /There is no Tombolo in context "east"/)

    server.put(membership, membershipOf('east'))
    const [all, json, name, wrong] = await Promise.all([
      diagnose('deployment'),
      diagnose('dns', '-o', 'json'),
      diagnose('broker', '-o', 'name'),
      diagnose('tunnels'),
    ])
    assert.match(
      all.out,
      /^DEPLOYMENT\n✓ everything could be read\n✗ the operator has not reported yet\n {4}kubectl -n tombolo-system logs/,
    )
    assert.match(all.err, /findings say that something does not work\./)
    const report = JSON.parse(json.out) as { context: string; fail: number; findings: { check: string; remedy?: string }[] }
    assert.equal(report.context, 'east')
    assert.deepEqual(
      report.findings.map((f) => f.check),
      ['dns-servers', 'stub-zone'],
    )
    assert.ok(report.findings.every((f) => f.remedy !== undefined))
    assert.match(name.out, /^broker-reachable\/warn\n/)
    // It was never asked whether the broker answers: a person should look, and nothing is known not to work.
    assert.deepEqual([all.code, json.code, name.code, wrong.code], [1, 1, 0, 2])
  })

  test('of a broker in which all is well has no problems', async () => {
    const { signal } = new AbortController()
    await using server = await apiserver()
    await using config = await kubeconfig({ hub: server.connection.server })
    installedBroker(server)
    const key = { namespace: 'tombolo-broker', name: 'tombolo-broker-controller' }
    const controller = server.read(deployments, key)
    assert.ok(controller)
    server.put(deployments, { ...controller, status: { observedGeneration: 1, availableReplicas: 1, updatedReplicas: 1 } })
    const { out, err, code } = await tombolo(['diagnose', '--problems', '--kubeconfig', config.path], { signal })
    assert.equal(code, 0, out + err)
    assert.equal(out, '✓ nothing is wrong\n')
  })
})
