// What lies in a member's namespace on the broker is that member's word, and may be anything: written past every rule, by an
// administrator here, it is counted and passed over, and what is good beside it is taken.
import assert from 'node:assert/strict'
import { exportedEndpoints } from '#crds/exported-endpoints.ts'
import { exportedService } from '#crds/exported-service.ts'
import { gatewayCertificate } from '#crds/gateway-certificate.ts'
import { gatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { allocation } from '#crds/allocation.ts'
import { memberNamespace, systemNamespace } from '#crds/places.ts'
import type { Kind } from '#lib/kube/object.ts'
import { eventually } from '#test/kit/eventually.ts'
import { allReady, tomboloPods } from '#test/kit/pods.ts'
import type { RigSuite } from '#test/kit/rig-suite.ts'
import type { Cluster } from '#test/rig/cluster.ts'

const namespace = memberNamespace('west')
const service = { clusterID: 'west', namespace: 'shop', name: 'beside' }
const described = {
  ...service,
  type: 'ClusterSetIP',
  ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
  ipFamilies: ['IPv4'],
  exportedAt: '2026-01-01T00:00:00Z',
}
const packed = {
  ...service,
  addressType: 'IPv4',
  ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  endpoints: [{ address: '10.242.1.77', ready: true }],
}

/** The schema takes them; what they say is not so. */
const untrue: readonly (readonly [name: string, Kind, spec: unknown])[] = [
  ['speaks-for-another', exportedService, { ...described, clusterID: 'east' }],
  ['exports-what-is-no-cluster-s', exportedService, { ...described, namespace: 'kube-system' }],
  ['claims-addresses-of-another', exportedEndpoints, { ...packed, endpoints: [{ address: '10.241.1.5', ready: true }] }],
  ['claims-no-address-at-all', exportedEndpoints, { ...packed, endpoints: [{ address: '999.1.2.3', ready: true }] }],
  [
    'is-no-gateway',
    gatewayEndpoint,
    {
      clusterID: 'west',
      node: 'west-9',
      candidates: [{ type: 'NodeInternal', address: '127.0.0.1', port: 1 }],
      wireguard: { publicKey: 'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=' },
    },
  ],
  ['admits-itself-to-everything', allocation, { clusterID: 'west', podCIDRs: ['0.0.0.0/0'], serviceCIDRs: ['10.92.0.0/16'] }],
]

/** They come once the schemas are opened: shapes that no program of ours would write. */
const shapeless: readonly (readonly [name: string, Kind, spec: unknown])[] = [
  ['a-word', exportedService, 'service'],
  ['empty', exportedService, {}],
  ['a-list', exportedEndpoints, []],
  ['endpoints-are-a-number', exportedEndpoints, { ...packed, endpoints: 7 }],
  ['endpoints-are-null', exportedEndpoints, { ...packed, endpoints: [null] }],
  ['nobody-s', gatewayEndpoint, { candidates: {} }],
]
/** Only the CA reads it, which has no condition for what is nobody's request. */
const noRequest = ['no-request', gatewayCertificate, 42] as const
const opened: readonly Kind[] = [exportedService, exportedEndpoints, gatewayEndpoint, gatewayCertificate]

/** Of a broker in east, which is a member as well. */
export const malformedObjects = (at: RigSuite): void => {
  const east = () => at.rig.cluster('east')
  const west = () => at.rig.cluster('west')

  suite('malformed and untrue objects in a member’s namespace', () => {
    let pods: string
    let schemas: ReadonlyMap<Kind, unknown>
    suiteSetup(async () => {
      // Its operator would take away what it has not published itself.
      await scaleOperator(west(), 0)
      pods = await restartsOf(east())
      schemas = new Map(
        await Promise.all(opened.map(async (kind) => [kind, JSON.parse(await schemaOf(east(), kind)) as unknown] as const)),
      )
    })
    suiteTeardown(async function () {
      this.timeout(120_000)
      for (const [name, kind] of [...untrue, ...shapeless, noRequest])
        await east().kubectl(['-n', namespace, 'delete', kind.plural, name, '--ignore-not-found'])
      for (const [kind, schema] of schemas) await setSchema(east(), kind, schema)
      await scaleOperator(west(), 2)
    })

    test('are ignored, one by one, with a condition that counts and names them', async () => {
      let ignored = 0
      const isIgnored = async (name: string, kind: Kind, spec: unknown) => {
        await put(east(), name, kind, spec)
        ignored++
        await eventually(async () => {
          const { status, message } = await peersValid(east())
          assert.equal(status, 'False', name)
          assert.match(message, new RegExp(`^${ignored} objects? of other members`), name)
        }, 10_000)
      }
      for (const bad of untrue) await isIgnored(...bad)
      assert.match((await peersValid(east())).message, /ExportedService tombolo-m-west\/speaks-for-another: it speaks for east/)
      for (const kind of opened) await setSchema(east(), kind, { type: 'object', 'x-kubernetes-preserve-unknown-fields': true })
      for (const bad of shapeless) await isIgnored(...bad)
      await put(east(), ...noRequest)
    })

    test('keep nothing from what is good beside them', async () => {
      await put(east(), '7', exportedService, described)
      await put(east(), 'beside', exportedEndpoints, packed)
      const get = (what: string, path: string) =>
        east().kubectl(['-n', 'shop', 'get', ...what.split(' '), '-o', `jsonpath=${path}`])
      const endpoints = () =>
        get(`endpointslices -l multicluster.kubernetes.io/service-name=beside`, '{.items[*].endpoints[*].addresses[0]}')
      await eventually(async () => assert.match(await get('serviceimport beside', '{.spec.ips[0]}'), /^10\.91\./), 10_000)
      await eventually(async () => assert.equal(await endpoints(), '10.242.1.77'), 10_000)
      await put(east(), 'beside', exportedEndpoints, { ...packed, endpoints: [{ address: '10.242.1.78', ready: true }] })
      await eventually(async () => assert.equal(await endpoints(), '10.242.1.78'), 10_000)
    })

    test('crash nothing, and nobody needs help once they are gone', async () => {
      for (const [name, kind] of [...untrue, ...shapeless, noRequest])
        await east().kubectl(['-n', namespace, 'delete', kind.plural, name])
      await eventually(async () => assert.equal((await peersValid(east())).status, 'True'), 10_000)
      assert.equal(await restartsOf(east()), pods)
      await scaleOperator(west(), 2)
      // What west never exported is west's to take away.
      await eventually(async () => {
        assert.doesNotMatch(await east().kubectl(['-n', 'shop', 'get', 'serviceimports', '-o', 'name']), /beside/)
      }, 20_000)
    })
  })
}

/** Until it is taken: an apiserver takes a moment to see a changed schema. */
const put = (cluster: Cluster, name: string, { apiVersion, kind }: Kind, spec: unknown): Promise<void> =>
  eventually(() => cluster.apply(JSON.stringify({ apiVersion, kind, metadata: { name, namespace }, spec })), 10_000)

async function peersValid(cluster: Cluster): Promise<{ readonly status: string; readonly message: string }> {
  const path = `jsonpath={.status.conditions[?(@.type=="PeersValid")]}`
  return JSON.parse(await cluster.kubectl(['-n', systemNamespace, 'get', 'membership', 'membership', '-o', path])) as {
    status: string
    message: string
  }
}

const restartsOf = async (cluster: Cluster): Promise<string> =>
  (await tomboloPods(cluster)).map(({ name, restarts }) => `${name} ${restarts}`).join('\n')

async function scaleOperator(cluster: Cluster, replicas: number): Promise<void> {
  await cluster.kubectl(['-n', systemNamespace, 'scale', 'deployment/tombolo-operator', `--replicas=${replicas}`])
  if (replicas > 0) return allReady(cluster, (component) => component === 'operator')
  await eventually(async () => assert.ok((await tomboloPods(cluster)).every(({ component }) => component !== 'operator')))
}

const crdOf = ({ plural, apiVersion }: Kind): string => `crd/${plural}.${apiVersion.split('/')[0] ?? ''}`
const schemaPath = 'spec.versions[0].schema.openAPIV3Schema'

const schemaOf = (cluster: Cluster, kind: Kind): Promise<string> =>
  cluster.kubectl(['get', crdOf(kind), '-o', `jsonpath={.${schemaPath}}`])

async function setSchema(cluster: Cluster, kind: Kind, value: unknown): Promise<void> {
  const patch = [{ op: 'replace', path: `/${schemaPath.replace('[0]', '/0').replaceAll('.', '/')}`, value }]
  await cluster.kubectl(['patch', crdOf(kind), '--type=json', '-p', JSON.stringify(patch)])
}
