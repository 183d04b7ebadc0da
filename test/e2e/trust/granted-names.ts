// Who has a share of a name's traffic, as the broker's administrator grants it: of two members that export `shop/web`, west to begin with.
// Their pods have IPv6.
import assert from 'node:assert/strict'
import { exportGrant } from '#crds/export-grant.ts'
import { exportedService } from '#crds/exported-service.ts'
import { brokerNamespace, brokerSecretName, systemNamespace } from '#crds/places.ts'
import { kube } from '#lib/kube/client.ts'
import type { Secret } from '#lib/kube/kinds.ts'
import { keyOf } from '#lib/kube/object.ts'
import { logger } from '#lib/std/log.ts'
import { readCredentials } from '#operator/joining/credentials.ts'
import { eventually } from '#test/kit/eventually.ts'
import { firstAnswer, fleetOf } from '#test/kit/fleet.ts'
import type { RigSuite } from '#test/kit/rig-suite.ts'

const promisedMs = 5_000
type Side = 'east' | 'west'

/** Ends as it began: west exports, and nothing is granted. */
export const grantedNames = (at: RigSuite): void => {
  suite('T5: a name that is granted', () => {
    const grant = (name: string, ...clusters: readonly Side[]) => ({
      apiVersion: exportGrant.apiVersion,
      kind: exportGrant.kind,
      metadata: { name, namespace: brokerNamespace },
      spec: { namespace: 'shop', services: ['web'], clusters },
    })
    const hub = () => at.rig.cluster('hub')
    const onHub = (...args: readonly string[]) => hub().kubectl(['-n', brokerNamespace, ...args], '', at.signal)
    const apply = (object: object) => hub().apply(JSON.stringify(object))
    const cluster = (side: Side) => at.rig.cluster(side)
    const fleet = () => fleetOf(at.rig, at.signal)
    /** Whose endpoints the import in `side` has. */
    const sources = async (side: Side): Promise<readonly string[]> => {
      const label = '{.items[*].metadata.labels.multicluster\\.kubernetes\\.io/source-cluster}'
      const all = await cluster(side).kubectl(['-n', 'shop', 'get', 'endpointslices', '-o', `jsonpath=${label}`])
      return [...new Set(all.split(' ').filter((id) => id !== ''))].toSorted()
    }
    const soon = async (what: string, isSo: () => Promise<void>) => {
      const began = Date.now()
      await eventually(isSo, promisedMs)
      process.stdout.write(`      ${what}: ${Date.now() - began} ms after it was written\n`)
    }
    const operatorOfEast = async (replicas: number) => {
      const inSystem = (...args: readonly string[]) => cluster('east').kubectl(['-n', systemNamespace, ...args])
      await inSystem('scale', 'deployment/tombolo-operator', `--replicas=${replicas}`)
      if (replicas > 0) await inSystem('rollout', 'status', 'deployment/tombolo-operator', '--timeout=60s')
      else await inSystem('wait', '--for=delete', 'pod', '-l', 'app.kubernetes.io/component=operator', '--timeout=60s')
    }
    /** What a pod in `side` gets for the name. */
    const answer = async (side: Side) =>
      (await cluster(side).exec('shop/client', ['dig', '+short', 'AAAA', 'web.shop.svc.clusterset.local'])).stdout.trim()

    test('is exported by no other cluster, which is told what to ask for, and then is', async () => {
      await apply(grant('web-west', 'west'))
      await eventually(async () => {
        const path = 'jsonpath={.spec.exports.reserved}'
        assert.match(await cluster('east').kubectl(['-n', systemNamespace, 'get', 'allocation', 'east', '-o', path]), /shop\/web/)
      })
      const refused = await fleet().tombolo('export', 'service', 'web', '-n', 'shop', '--context', 'east', '--timeout', '10')
      assert.notEqual(refused.code, 0)
      assert.match(refused.out + refused.err, /shop\/web is not exported: the fleet lets other clusters export it/)
      assert.match((await fleet().must('show', 'services', '--context', 'east', '-o', 'json')).out, /"state": "NotGranted"/)
      assert.deepEqual([await sources('east'), await sources('west')], [['west'], ['west']])
      const [, asked = ''] = /echo '(.*)' \|/.exec(refused.out + refused.err) ?? []
      await hub().apply(asked)
      await soon('a grant', async () => assert.deepEqual(await sources('west'), ['east', 'west']))
    })

    test('leaves everybody’s imports with its grant, also when the member withdraws nothing, and cannot be written again', async () => {
      await operatorOfEast(0)
      await onHub('delete', 'exportgrant', 'east.shop.web')
      await soon('the end of a grant', async () => assert.deepEqual(await sources('west'), ['west']))
      await eventually(async () => {
        const path = '{.status.conditions[?(@.type=="PeersValid")].message}'
        const said = await cluster('west').kubectl([
          '-n',
          systemNamespace,
          'get',
          'membership/membership',
          '-o',
          `jsonpath=${path}`,
        ])
        assert.match(said, /ExportedService tombolo-m-east\/\w+: shop\/web: no ExportGrant lets this cluster/)
      })
      const read = readCredentials(
        JSON.parse(
          await cluster('east').kubectl(['-n', systemNamespace, 'get', 'secret', brokerSecretName, '-o', 'json']),
        ) as Secret,
      )
      assert.ok(read.ok)
      const { server, ca, token } = read.value
      await using broker = kube({ server, ca, token: () => Promise.resolve(token) }, logger('test', 'silent'))
      const { items } = await broker.list(exportedService, { namespace: 'tombolo-m-east' }, at.signal)
      const key = keyOf(
        items.find(({ spec }) => spec.namespace === 'shop' && spec.name === 'web') ?? assert.fail('it was not published'),
      )
      const labels = { metadata: { labels: { again: 'true' } } }
      await assert.rejects(
        broker.patch(exportedService, key, labels, { fieldManager: 'test' }, at.signal),
        /export-granted: .*shop\/web/,
      )
      assert.match((await fleet().must('show', 'services', '--context', 'hub', '-o', 'json')).out, /"state": "NotGranted"/)
    })

    test('that nobody may export any more is no name, and is one again without a grant', async () => {
      await apply(grant('web-west'))
      await soon('the end of the last grant', async () => {
        assert.equal((await cluster('west').kubectl(['-n', 'shop', 'get', 'serviceimport', '-o', 'name'])).trim(), '')
        assert.equal(await answer('west'), '')
      })
      await operatorOfEast(2)
      await eventually(async () => assert.equal(await answer('east'), ''), 20_000)
      await onHub('delete', 'exportgrant', 'web-west')
      await soon('no grant for a name', async () => assert.deepEqual(await sources('east'), ['east', 'west']))
      await firstAnswer(cluster('east'), 5_000, at.signal)
      await fleet().must('unexport', 'service', 'web', '-n', 'shop', '--context', 'east')
    })
  })
}
