// What only a real apiserver can say: that it takes our kinds and enforces them, and that it does what lib/kube relies on.
import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import type { Definition } from '#crds/define.ts'
import { allKinds } from '#crds/index.ts'
import { joinGrant } from '#crds/join-grant.ts'
import { membership } from '#crds/membership.ts'
import type { TrustBundle } from '#crds/trust-bundle.ts'
import { trustBundle } from '#crds/trust-bundle.ts'
import { kube } from '#lib/kube/client.ts'
import type { Connection } from '#lib/kube/connection.ts'
import { settled } from '#lib/kube/controller.ts'
import { StatusError } from '#lib/kube/errors.ts'
import { customResourceDefinitions, namespaces } from '#lib/kube/kinds.ts'
import { fromKubeconfig } from '#lib/kube/kubeconfig.ts'
import type { Kind, KubeObject } from '#lib/kube/object.ts'
import { keyOf } from '#lib/kube/object.ts'
import type { Step } from '#lib/kube/plan.ts'
import { applyPlan } from '#lib/kube/plan.ts'
import type { KeyID } from '#lib/pki/cert-key.ts'
import { logger } from '#lib/std/log.ts'
import { eventually } from '#test/kit/eventually.ts'
import { forgetHistory } from '#test/kit/forget-history.ts'
import { kubeContract } from '#test/kit/kube-contract.ts'
import { grantFor, joiner, memberOf, requestBy } from '#test/kit/joining.ts'
import { onOne } from './fleets.ts'

suite('a real apiserver', function () {
  this.timeout(60_000)
  const at = onOne()

  async function connection(): Promise<Connection> {
    const found = await fromKubeconfig({ path: at.rig.kubeconfig })
    assert.ok(found.ok)
    return found.value.connection
  }

  kubeContract('a real apiserver', async () => {
    const to = await connection()
    const client = kube(to, logger('test', 'silent'))
    const namespace = `contract-${randomInt(1e6)}`
    await client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, {}, at.signal)
    return {
      connection: to,
      namespace,
      forget: () => forgetHistory(at.rig.cluster('east')),
      [Symbol.asyncDispose]: async () => {
        await client.delete(namespaces, { name: namespace }, {}, at.signal)
        await client[Symbol.asyncDispose]()
      },
    }
  })

  suite('our kinds', () => {
    test('are taken, structural and established, all of them', async () => {
      await using client = kube(await connection(), logger('test', 'silent'))
      for (const kind of allKinds)
        await client.apply(customResourceDefinitions, kind.crd() as never, { fieldManager: 'test' }, at.signal)
      await eventually(async () => {
        for (const kind of allKinds) {
          const name = `${kind.plural}.${kind.group}`
          const conditions = (await client.get(customResourceDefinitions, { name }, at.signal))?.status?.conditions ?? []
          assert.equal(conditions.find((c) => c.type === 'Established')?.status, 'True', name)
          assert.deepEqual(
            conditions.filter((c) => c.type === 'NonStructuralSchema'),
            [],
            name,
          )
        }
      }, 20_000)
    })

    for (const kind of allKinds as readonly Definition<KubeObject>[])
      test(`${kind.kind}: a good object is stored and read back, a bad one is refused by its field`, async () => {
        const example = examples[kind.kind]
        assert.ok(example !== undefined && example.bad.length > 0, `examples has no ${kind.kind}`)
        await using client = kube(await connection(), logger('test', 'silent'))
        const stored = await client.create(kind, objectOf(kind, example.good), {}, at.signal)
        assert.ok(kind.parse(stored).ok)
        for (const [change, field] of example.bad) {
          const bad = objectOf(kind, { ...example.good, ...change }, 'bad')
          const refused = (error: unknown) => error instanceof StatusError && error.code === 422 && error.message.includes(field)
          await assert.rejects(client.create(kind, bad, { dryRun: true }, at.signal), refused, JSON.stringify(change))
        }
      })

    test('a JoinGrant that was made anew meanwhile does not get the status of the one before', async () => {
      await using client = kube(await connection(), logger('test', 'silent'))
      const made = () => client.create(joinGrant, objectOf(joinGrant, examples['JoinGrant']?.good ?? {}, 'anew'), {}, at.signal)
      const write = (have: KubeObject) => {
        const step: Step = { do: 'status', kind: joinGrant, key: keyOf(have), status: { state: 'Used' }, have }
        return applyPlan(client, { steps: [step], next: settled }, 'test', at.signal)
      }
      const first = await made()
      const read = () => client.get(joinGrant, keyOf(first), at.signal)
      await client.delete(joinGrant, keyOf(first), {}, at.signal)
      await write(first)
      assert.equal(await read(), undefined)
      const second = await made()
      await write(first)
      assert.equal((await read())?.status, undefined)
      await client.patch(joinGrant, keyOf(second), { metadata: { labels: { changed: 'since' } } }, {}, at.signal)
      await write(second)
      assert.equal((await read())?.status?.state, 'Used')
    })

    test('a TrustBundle is taken also when the last certificate that was denied is denied no more', async () => {
      await using client = kube(await connection(), logger('test', 'silent'))
      const { apiVersion, kind } = trustBundle
      const revoked = { serial: 'ab12', key: 'a'.repeat(64) as KeyID, until: '2026-01-01T00:00:00Z' }
      const publish = (spec: TrustBundle['spec']) =>
        client.apply(
          trustBundle,
          { apiVersion, kind, metadata: { name: 'fleet', namespace: 'default' }, spec },
          { fieldManager: 'test' },
          at.signal,
        )
      assert.deepEqual((await publish({ roots: [], denied: [revoked] })).spec.denied, [revoked])
      assert.deepEqual((await publish({ roots: [], denied: [] })).spec.denied, [])
    })

    test('a Membership keeps its cluster id for life', async () => {
      await using client = kube(await connection(), logger('test', 'silent'))
      const other = { ...examples['Membership']?.good, clusterID: 'west' }
      await assert.rejects(
        client.apply(membership, objectOf(membership, other), { fieldManager: 'test' }, at.signal),
        /clusterID/,
      )
    })
  })
})

const objectOf = (kind: Kind, spec: object, name = 'example'): KubeObject => ({
  apiVersion: kind.apiVersion,
  kind: kind.kind,
  metadata: kind.scope === 'Cluster' ? { name } : { name, namespace: 'default' },
  spec,
})

type Example = {
  readonly good: object
  /** What is changed to make it bad, and the field that the refusal names. */
  readonly bad: readonly (readonly [object, string])[]
}

const networks = { podCIDRs: ['10.1.0.0/16'], serviceCIDRs: ['10.2.0.0/16'] }
const ports = [{ name: 'http', port: 80, protocol: 'TCP' }]
const key = 'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg='
const service = { clusterID: 'east', namespace: 'shop', name: 'web' }

const examples: Readonly<Record<string, Example>> = {
  Fleet: { good: { clusterset: 'prod' }, bad: [[{ clusterset: '' }, 'spec.clusterset']] },
  JoinRequest: {
    good: requestBy(joiner('east')).spec,
    bad: [
      [{ clusterID: 'East' }, 'spec.clusterID'],
      [{ podCIDRs: [] }, 'spec.podCIDRs'],
      [{ serviceCIDRs: ['10.2.0.0'] }, 'spec.serviceCIDRs[0]'],
    ],
  },
  JoinGrant: { good: grantFor(joiner('east')).spec, bad: [[{ verifier: 'x' }, 'spec.verifier']] },
  ExportGrant: {
    good: { namespace: 'payments', services: ['db'], clusters: ['east'] },
    bad: [
      [{ namespace: '' }, 'spec.namespace'],
      [{ services: [] }, 'spec.services'],
      [{ services: ['*'] }, 'spec.services[0]'],
      [{ clusters: undefined }, 'spec.clusters'],
      [{ clusters: ['East'] }, 'spec.clusters[0]'],
    ],
  },
  ServiceTrafficPolicy: {
    good: { deny: ['south'], order: ['west', 'east'], locality: 'Nearest', minReadyEndpoints: 2 },
    bad: [
      [{ allow: ['east'] }, 'give one of the two'],
      [{ order: [] }, 'spec.order'],
      [{ order: ['East'] }, 'spec.order[0]'],
      [{ locality: 'Zone' }, 'spec.locality'],
      [{ minReadyEndpoints: 0 }, 'spec.minReadyEndpoints'],
    ],
  },
  GatewayCertificate: {
    good: { clusterID: 'east', node: 'n1', request: '-----BEGIN CERTIFICATE REQUEST-----\n', trusts: [] },
    bad: [[{ request: 'x' }, 'spec.request']],
  },
  TrustBundle: { good: { roots: [], denied: [] }, bad: [[{ roots: [{ id: 'x', certificate: 'x' }] }, 'spec.roots[0].id']] },
  Member: { good: memberOf(joiner('east')).spec, bad: [[{ clusterUID: undefined }, 'spec.clusterUID']] },
  Allocation: {
    good: { clusterID: 'east', ...networks },
    bad: [
      [{ clusterID: 'x'.repeat(54) }, 'spec.clusterID'],
      [{ podCIDRs: ['10.1.0.0/16', '10.1.0.0/16'] }, 'spec.podCIDRs[1]'],
    ],
  },
  GatewayEndpoint: {
    good: {
      clusterID: 'east',
      node: 'n1',
      candidates: [{ type: 'NodeInternal', address: '192.0.2.1', port: 51820 }],
      wireguard: { publicKey: key },
    },
    bad: [
      [{ candidates: [] }, 'spec.candidates'],
      [{ candidates: [{ type: 'NodeInternal', address: '192.0.2.1', port: 0 }] }, 'spec.candidates[0].port'],
      [{ wireguard: { publicKey: 'short' } }, 'spec.wireguard.publicKey'],
    ],
  },
  ExportedService: {
    good: { ...service, type: 'ClusterSetIP', ports, ipFamilies: ['IPv4'], exportedAt: '2026-01-01T00:00:00Z' },
    bad: [
      [{ type: 'ExternalName' }, 'spec.type'],
      [{ ipFamilies: [] }, 'spec.ipFamilies'],
      [{ exportedAt: 'yesterday' }, 'spec.exportedAt'],
    ],
  },
  ExportedEndpoints: {
    good: { ...service, addressType: 'IPv4', ports, endpoints: [{ address: '10.1.0.5', ready: true }] },
    bad: [
      [{ addressType: 'FQDN' }, 'spec.addressType'],
      [{ endpoints: Array.from({ length: 201 }, (_, i) => ({ address: `10.1.1.${i}`, ready: true })) }, 'spec.endpoints'],
    ],
  },
  Membership: {
    good: { clusterID: 'east', clusterset: 'prod', ...networks, image: 'tombolo:dev' },
    bad: [
      [{ clusterID: 'a.b' }, 'spec.clusterID'],
      [{ wireguardPort: 70_000 }, 'spec.wireguardPort'],
    ],
  },
  ServiceExport: { good: { exportedLabels: { app: 'web' } }, bad: [[{ exportedLabels: { app: 1 } }, 'spec.exportedLabels']] },
  ServiceImport: {
    good: { type: 'ClusterSetIP', ports: [{ port: 80 }] },
    bad: [
      [{ type: 'Other' }, 'spec.type'],
      [{ ips: ['a', 'b', 'c'] }, 'spec.ips'],
      [{ ports: undefined }, 'spec.ports'],
    ],
  },
  ClusterProperty: { good: { value: 'east' }, bad: [[{ value: '' }, 'spec.value']] },
}
