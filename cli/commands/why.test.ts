import assert from 'node:assert/strict'
import { membership } from '#crds/membership.ts'
import { namespaces, pods } from '#lib/kube/kinds.ts'
import { apiserver } from '#test/kit/apiserver.ts'
import { inProcess } from '#test/kit/in-process.ts'
import { membershipOf } from '#test/kit/installed.ts'
import { kubeconfig } from '#test/kit/kubeconfig.ts'
import { namespace } from '#test/kit/services.ts'
import { podNamed } from '#test/kit/why.ts'

const { signal } = new AbortController()

suite('tombolo why', function () {
  this.timeout(60_000)

  test('prints every station, the first break and what to type, for people and for programs', async () => {
    await using server = await apiserver()
    await using config = await kubeconfig({ west: server.connection.server })
    server.put(membership, membershipOf('west'))
    server.put(namespaces, namespace('shop'))
    server.put(pods, podNamed('client'))
    const why = (...args: readonly string[]) => inProcess(['why', ...args, '--kubeconfig', config.path], { signal })
    const [text, json, gone, word, pod] = await Promise.all([
      why('shop/client', 'web.shop'),
      why('pod/client', 'web.shop', '-n', 'shop', '-o', 'json', '--no-probe'),
      why('shop/nobody', 'web.shop'),
      why('shop/client', 'web'),
      why('shop/client', 'east/shop/web-0'),
    ])
    assert.deepEqual([text.code, json.code, gone.code, word.code, pod.code], [1, 1, 1, 2, 2])
    assert.match(text.out, /^✓ source pod +shop\/client has 10\.2\.2\.7 on node west-2\n\? export /)
    assert.match(
      text.out,
      /\npod shop\/client does not reach web\.shop: no cluster of the fleet exports shop\/web to west\.\n {2}tombolo export service web -n shop/,
    )
    const { reachable, first } = JSON.parse(json.out) as { reachable: string; first: { at: string } }
    assert.deepEqual([reachable, first.at], ['no', 'import'])
    assert.match(gone.out, /^✗ source pod +there is no pod shop\/nobody in west/)
    assert.match(word.err, /SERVICE\.NAMESPACE/)
    assert.match(pod.err, /--to-context/)
  })
})
