import assert from 'node:assert/strict'
import fc from 'fast-check'
import { allKinds } from '#crds/index.ts'
import { membership } from '#crds/membership.ts'
import { fleet } from '#crds/fleet.ts'
import { gatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { StatusError } from '#lib/kube/errors.ts'
import {
  configMaps,
  daemonSets,
  deployments,
  endpointSlices,
  leases,
  networkPolicies,
  nodes,
  pods,
  secrets,
  services,
} from '#lib/kube/kinds.ts'
import type { Kind, KubeObject } from '#lib/kube/object.ts'
import type { Reader } from './facts/door.ts'
import { clustersOf } from './rows/clusters.ts'
import { connectionsOf } from './rows/connections.ts'
import { gatewaysOf } from './rows/gateways.ts'
import { servicesOf } from './rows/services.ts'
import type { Snapshot } from './snapshot.ts'
import { parseHeartbeat, parseSlice, takeSnapshot } from './snapshot.ts'

const { signal } = new AbortController()

/** A cluster that has these objects; it does not know the other kinds, as a cluster without CRDs does not. */
function reader(objects: readonly KubeObject[]): Reader {
  const of = <T extends KubeObject>(kind: Kind<T>) => objects.filter((o) => o.kind === kind.kind) as T[]
  return {
    get: (kind, key) => Promise.resolve(of(kind).find((o) => o.metadata.name === key.name)),
    list: (kind) =>
      of(kind).length > 0
        ? Promise.resolve({ items: of(kind), resourceVersion: '1' })
        : Promise.reject(new StatusError(`list ${kind.plural}`, 404, {})),
    request: ({ path }) => Promise.reject(new StatusError(path, 404, {})),
  }
}

const own: KubeObject = {
  apiVersion: membership.apiVersion,
  kind: 'Membership',
  metadata: { name: 'membership', namespace: 'tombolo-system' },
  spec: { clusterID: 'east', clusterset: 'default', podCIDRs: ['10.1.0.0/16'], serviceCIDRs: ['10.101.0.0/16'], image: 'i' },
}
const theFleet: KubeObject = {
  apiVersion: fleet.apiVersion,
  kind: 'Fleet',
  metadata: { name: 'fleet', namespace: 'tombolo-broker' },
  spec: { clusterset: 'default' },
}
const endpoint = (clusterID: string, namespace: string): KubeObject => ({
  apiVersion: gatewayEndpoint.apiVersion,
  kind: 'GatewayEndpoint',
  metadata: { name: `gw-${clusterID}`, namespace },
  spec: {
    clusterID,
    node: 'n1',
    candidates: [{ type: 'NodeInternal', address: '192.0.2.1', port: 51820 }],
    wireguard: { publicKey: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=' },
  },
})
const rowsOf = (snapshot: Snapshot) => [clustersOf, gatewaysOf, connectionsOf, servicesOf].map((of) => of(snapshot))

suite('a snapshot', () => {
  test('of a cluster without Tombolo has neither a member nor a broker', async () => {
    const { member, broker } = await takeSnapshot(reader([]), signal)
    assert.deepEqual([member, broker], [undefined, undefined])
  })

  test('knows where the cluster DNS sends our names, also from a file that its Corefile imports', async () => {
    const file = (name: string, data: object): KubeObject => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace: 'kube-system' },
      data,
    })
    const custom = file('coredns-custom', { 'tombolo.server': 'clusterset.local:53 {\n    forward . 10.101.0.53\n}\n' })
    const sentTo = async (corefile: string) => {
      const { platform } = await takeSnapshot(reader([file('coredns', { Corefile: corefile }), custom]), signal)
      return platform.dns.forwardsTo
    }
    assert.deepEqual(await sentTo('.:53 {\n}\nimport custom/*.server\n'), ['10.101.0.53'])
    assert.equal(await sentTo('.:53 {\n}\n'), undefined)
  })

  test('of a member that imports nothing yet is whole', async () => {
    const snapshot = await takeSnapshot(reader([own]), signal)
    assert.deepEqual(snapshot.ignored, [])
    assert.deepEqual(
      rowsOf(snapshot).map((rows) => rows.length),
      [1, 0, 0, 0],
    )
  })

  test('names a malformed object and goes on without it', async () => {
    const good = endpoint('west', 'tombolo-system')
    const bad = { ...good, metadata: { ...good.metadata, name: 'bad' }, spec: { clusterID: 'west', candidates: 7 } }
    const snapshot = await takeSnapshot(reader([own, good, bad]), signal)
    assert.deepEqual(
      snapshot.member?.gateways.map((g) => g.metadata.name),
      ['gw-west'],
    )
    assert.deepEqual(
      snapshot.ignored.map((i) => i.object),
      ['GatewayEndpoint tombolo-system/bad'],
    )
    assert.match(snapshot.ignored[0]?.why ?? '', /^spec\.node: /)
  })

  test('of the broker holds of each member only what stands in its own namespace', async () => {
    const objects = [endpoint('east', 'tombolo-m-east'), endpoint('east', 'tombolo-m-west'), endpoint('west', 'tombolo-system')]
    const { broker } = await takeSnapshot(reader([theFleet, ...objects]), signal)
    assert.deepEqual(
      broker?.gateways.map((g) => g.metadata.namespace),
      ['tombolo-m-east'],
    )
  })

  test('whatever stands in the objects, there are rows and no exception', async () => {
    const kinds = [
      ...allKinds,
      ...[endpointSlices, leases, pods, nodes, services, secrets, configMaps, daemonSets, deployments, networkPolicies],
    ]
    const anything = fc.oneof(
      fc.jsonValue(),
      fc.dictionary(fc.constantFrom('clusterID', 'conditions', 'endpoints'), fc.jsonValue()),
    )
    const object = fc.record({
      kind: fc.constantFrom(...kinds.map((k) => k.kind)),
      name: fc.constantFrom('membership', 'fleet', 'heartbeat', 'coredns', 'kube-proxy', 'kube-dns', 'tombolo-broker', 'x'),
      namespace: fc.constantFrom('tombolo-system', 'tombolo-m-east'),
      labels: fc.constantFrom(
        {},
        { 'multicluster.kubernetes.io/service-name': 'web', 'multicluster.kubernetes.io/source-cluster': 'w' },
      ),
      spec: anything,
      status: anything,
      endpoints: anything,
    })
    await fc.assert(
      fc.asyncProperty(fc.array(object, { maxLength: 12 }), fc.boolean(), async (made, joined) => {
        const objects = made.map(({ kind, name, namespace, labels, ...rest }) => ({
          apiVersion: 'any/v1',
          kind,
          metadata: { name, namespace, labels },
          ...rest,
        }))
        for (const rows of rowsOf(await takeSnapshot(reader([...(joined ? [own] : [theFleet]), ...objects]), signal)))
          assert.ok(Array.isArray(rows))
      }),
    )
  })
})

suite('objects that are not ours', () => {
  const slice = (endpoints: unknown, labels: Record<string, string> = {}): KubeObject => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: 's',
      namespace: 'shop',
      labels: {
        'multicluster.kubernetes.io/service-name': 'web',
        'multicluster.kubernetes.io/source-cluster': 'west',
        ...labels,
      },
    },
    addressType: 'IPv4',
    endpoints,
  })

  test('a slice counts its endpoints, and one of unknown readiness is ready', () => {
    const found = parseSlice(slice([{ conditions: { ready: true } }, { conditions: { ready: false } }, { conditions: {} }, {}]))
    assert.deepEqual(found, { namespace: 'shop', service: 'web', cluster: 'west', addressType: 'IPv4', endpoints: 4, ready: 3 })
  })

  test('a slice without endpoints is null in Go', () => {
    assert.equal(parseSlice(slice(null))?.endpoints, 0)
  })

  const lease = (renewTime: unknown): KubeObject => ({
    apiVersion: leases.apiVersion,
    kind: 'Lease',
    metadata: { name: 'heartbeat', namespace: 'tombolo-m-east' },
    spec: { renewTime, leaseDurationSeconds: 60 },
  })
  for (const renewTime of [undefined, null, 7, 'yesterday'])
    test(`a heartbeat at ${String(renewTime)} is none`, () => assert.equal(parseHeartbeat(lease(renewTime)), undefined))
})
