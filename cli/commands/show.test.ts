import assert from 'node:assert/strict'
import { membership } from '#crds/membership.ts'
import { apiserver } from '#test/kit/apiserver.ts'
import { tombolo } from '#test/kit/cli.ts'
import { membershipOf } from '#test/kit/installed.ts'
import { kubeconfig } from '#test/kit/kubeconfig.ts'

suite('tombolo show', () => {
  test('in a cluster without Tombolo says how to join, and in one that is a member shows it in every format', async () => {
    const { signal } = new AbortController()
    await using server = await apiserver()
    await using config = await kubeconfig({ east: server.connection.server })
    const show = (...args: readonly string[]) => tombolo(['show', ...args, '--kubeconfig', config.path], { signal })
    const none = await show()
    assert.equal(none.code, 1)
    assert.match(
      none.err,
      /There is no Tombolo in context "east"\.\n {2}Join it to a fleet: tombolo join CLUSTER_ID --context east/,
    )
    server.put(membership, membershipOf('east'))
    const [text, json, yaml, checked, wrong] = await Promise.all([
      show('clusters'),
      show('-o', 'json'),
      show('clusters', '-o', 'yaml'),
      show('clusters', '--check'),
      show('tunnels'),
    ])
    assert.match(text.out, /^CLUSTER +STATE +GATEWAY +PODS +SERVICES +MESSAGE\neast \(this\) +NotReady/)
    assert.deepEqual(Object.keys(JSON.parse(json.out) as object), ['clusters', 'connections', 'gateways', 'services'])
    assert.match(yaml.out, /^clusters:\n {2}- id: east\n/)
    assert.deepEqual([text.code, json.code, yaml.code, checked.code, wrong.code], [0, 0, 0, 1, 2])
    assert.match(checked.err, /1 of 1 are not well: east is NotReady\./)
  })
})
