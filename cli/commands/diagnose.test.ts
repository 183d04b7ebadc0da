import assert from 'node:assert/strict'
import { membership } from '#crds/membership.ts'
import { deployments } from '#lib/kube/kinds.ts'
import { apiserver } from '#test/kit/apiserver.ts'
import { inProcess } from '#test/kit/in-process.ts'
import { eventually } from '#test/kit/eventually.ts'
import { installedBroker, membershipOf } from '#test/kit/installed.ts'
import { kubeconfig } from '#test/kit/kubeconfig.ts'

suite('tombolo diagnose', function () {
  this.timeout(60_000)

  test('says what is wrong and what to type, in every format, and ends with 1 only for what does not work', async () => {
    const { signal } = new AbortController()
    await using server = await apiserver()
    await using config = await kubeconfig({ east: server.connection.server })
    const diagnose = (...args: readonly string[]) =>
      inProcess(['diagnose', ...args, '--no-probe', '--kubeconfig', config.path], { signal })
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

  test('--watch shows every change as it comes, without running anything in pods, and ends well at an interrupt', async () => {
    const stop = new AbortController()
    await using server = await apiserver()
    await using config = await kubeconfig({ east: server.connection.server })
    // A command that goes on would hold the apiserver open when the test has failed.
    using ends = new DisposableStack()
    ends.defer(() => stop.abort())
    server.put(membership, membershipOf('east'))
    let seen = ''
    const args = ['diagnose', 'deployment', '--watch', '--problems', '-o', 'json', '--kubeconfig', config.path]
    const ran = inProcess(args, {
      signal: new AbortController().signal,
      show: (text) => (seen += text),
      interrupt: stop.signal,
    })
    const counts = () =>
      seen
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => (JSON.parse(line) as { findings: readonly { says: string }[] }).findings.map((f) => f.says))
    const silent = /the operator has not reported yet/
    await eventually(() => assert.match(counts().at(-1)?.join() ?? '', silent))
    server.put(membership, { ...membershipOf('east'), status: { conditions: [ready] } })
    await eventually(() => assert.doesNotMatch(counts().at(-1)?.join() ?? '', silent))
    stop.abort()
    const { code, err } = await ran
    assert.equal(code, 0, err)
    assert.ok(server.requests.every(({ plural, verb }) => plural !== 'pods' || verb === 'list' || verb === 'watch'))
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
    const { out, err, code } = await inProcess(['diagnose', '--problems', '--kubeconfig', config.path], { signal })
    assert.equal(code, 0, out + err)
    assert.equal(out, '✓ nothing is wrong\n')
  })
})

const ready = {
  type: 'Ready',
  status: 'True',
  reason: 'Ready',
  message: 'm',
  lastTransitionTime: '2026-01-02T00:00:00Z',
} as const
