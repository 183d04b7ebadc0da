import assert from 'node:assert/strict'
import { membership } from '#crds/membership.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import { apiserver } from '#test/kit/apiserver.ts'
import { inProcess } from '#test/kit/in-process.ts'
import { eventually } from '#test/kit/eventually.ts'
import { membershipOf } from '#test/kit/installed.ts'
import { kubeconfig } from '#test/kit/kubeconfig.ts'

suite('tombolo show', () => {
  test('in a cluster without Tombolo says how to join, and in one that is a member shows it in every format', async () => {
    const { signal } = new AbortController()
    await using server = await apiserver()
    await using config = await kubeconfig({ east: server.connection.server })
    const show = (...args: readonly string[]) => inProcess(['show', ...args, '--kubeconfig', config.path], { signal })
    const none = await show()
    assert.equal(none.code, 1)
    assert.match(
      none.err,
      /There is no Tombolo in context "east"\.\n {2}Join it to a fleet: tombolo grant create CLUSTER_ID on the broker, then tombolo join --grant - --context east/,
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

  test('--watch shows every change as it comes, says when the apiserver is away, and ends well at an interrupt', async () => {
    const stop = new AbortController()
    await using server = await apiserver()
    await using config = await kubeconfig({ east: server.connection.server })
    // A command that goes on would hold the apiserver open when the test has failed.
    using ends = new DisposableStack()
    ends.defer(() => stop.abort())
    server.put(membership, membershipOf('east'))
    let seen = ''
    const ran = inProcess(['show', 'clusters', '--watch', '-o', 'json', '--kubeconfig', config.path], {
      signal: new AbortController().signal,
      show: (text) => (seen += text),
      interrupt: stop.signal,
    })
    const ids = () =>
      seen
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => (JSON.parse(line) as { clusters: { id: string }[] }).clusters.map(({ id }) => id).join())
    await eventually(() => assert.deepEqual(ids(), ['east']))
    await eventually(() => assert.ok([...server.watches].some((watch) => watch.seen.plural === 'memberships')))
    server.fault((ask) => ask.verb === 'watch', { do: 'reset' })
    for (const watch of [...server.watches]) watch.reset()
    await eventually(() => assert.match(seen, /The apiserver is not heard/))
    server.put(membership, { ...membershipOf('east'), spec: { ...membershipOf('east').spec, podCIDRs: ['10.9.0.0/16' as CIDR] } })
    await eventually(() => assert.match(seen, /10\.9\.0\.0/))
    stop.abort()
    const { code, err } = await ran
    assert.equal(code, 0, err)
  })
})
