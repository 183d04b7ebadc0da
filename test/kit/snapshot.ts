// Snapshots of clusters in which all is well, and small changes to them, so that a row of a test is one line.
// `east` is the member and broker asked, `west` the other member; each has a gateway node and, east, a worker.
import type { ClusterID } from '#lib/net/cluster-id.ts'
import { newIdentity, publicIdentity } from '#lib/identity/identity.ts'
import { admissionPolicies } from '#broker/install/policy.ts'
import type { Condition } from '#crds/fields.ts'
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import type { ServiceTrafficPolicy } from '#crds/service-traffic-policy.ts'
import type { Platform } from '#fleet/facts/platform.ts'
import type { PodFact, WorkloadFact } from '#fleet/facts/workloads.ts'
import type { Probed } from '#fleet/probes/probed.ts'
import { notProbed } from '#fleet/probes/probed.ts'
import type { BrokerView, MemberView, Snapshot } from '#fleet/snapshot.ts'
import {
  agentTable,
  cableDevices,
  cableSize,
  gatewayTable,
  overlayDevice,
  overlayMtu,
  remoteTable,
  returnTable,
} from '#gateway/data-plane.ts'
import { allocationOf, constituent, endpoints, exporting, idOf } from './services.ts'

const takenAt = new Date('2026-01-02T00:10:00Z')
const at = '2026-01-02T00:00:00Z'
const image = 'tombolo/tombolo:1'

const emptyPlatform: Platform = {
  version: undefined,
  clock: undefined,
  nodes: [],
  daemonSets: [],
  cilium: undefined,
  kubeProxy: undefined,
  dns: { servers: [], coreDNS: 'absent', forwardsTo: undefined, wanted: 0, available: 0 },
}

/** Of a cluster about which nothing is known. */
export const emptySnapshot: Snapshot = {
  member: undefined,
  broker: undefined,
  platform: emptyPlatform,
  ignored: [],
  unread: [],
  unserved: [],
  probed: notProbed,
  takenAt,
}

export const conditionOf = (type: string, status: Condition['status'], message = '', reason = type): Condition => ({
  type,
  status,
  reason,
  message,
  lastTransitionTime: at,
})

/** `dns 2/2`: a workload with as many pods available of as many wanted. */
export function workload(text: string, change: Partial<WorkloadFact> = {}): WorkloadFact {
  const [component = '', counts = ''] = text.split(' ')
  const [available = 0, wanted = 0] = counts.split('/').map(Number)
  const kind = ['gateway', 'agent'].includes(component) ? 'DaemonSet' : 'Deployment'
  const namespace = component === 'broker-controller' ? 'tombolo-broker' : 'tombolo-system'
  const name = `tombolo-${component}`
  return { kind, namespace, name, component, image, wanted, available, updated: available, seen: true, ...change }
}

/** `agent east-2`: a pod that is ready on a node. */
export function podOf(text: string, change: Partial<PodFact> = {}): PodFact {
  const [component = '', node = ''] = text.split(' ')
  const namespace = component === 'broker-controller' ? 'tombolo-broker' : 'tombolo-system'
  return {
    namespace,
    name: `tombolo-${component}-${node}`,
    component,
    node,
    phase: 'Running',
    ready: true,
    going: false,
    restarts: 0,
    image,
    imageID: 'sha256:1',
    trouble: undefined,
    ...change,
  }
}

type Connections = NonNullable<NonNullable<GatewayEndpoint['status']>['connections']>
type Connected = Partial<Connections[number]>

/** The gateway of a cluster, connected to that of the other one unless `connection` says otherwise. */
export function gatewayOf(cluster: 'east' | 'west', connection: Connected = {}, status: object = {}): GatewayEndpoint {
  const other = cluster === 'east' ? 'west' : 'east'
  const address = cluster === 'east' ? '192.0.2.1' : '198.51.100.1'
  return {
    apiVersion: 'tombolo.dev/v1alpha1',
    kind: 'GatewayEndpoint',
    metadata: { name: `gw-${cluster}-1`, namespace: 'tombolo-system' },
    spec: {
      clusterID: idOf(cluster),
      node: `${cluster}-1`,
      candidates: [{ type: 'NodeInternal', address, port: 51820 }],
      wireguard: { publicKey: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=' },
    },
    status: {
      role: 'Active',
      term: 1,
      driver: 'wireguard (kernel)',
      connections: [
        {
          endpoint: `gw-${other}-1`,
          clusterID: idOf(other),
          node: `${other}-1`,
          state: 'Connected',
          rttMicros: 900,
          pairKey: 'InUse',
          address: `${other === 'east' ? '192.0.2.1' : '198.51.100.1'}:51820`,
          ...connection,
        },
      ],
      ...status,
    },
  }
}

const ready = [conditionOf('Valid', 'True'), conditionOf('Ready', 'True'), conditionOf('Conflict', 'False')]

/** East answers. */
export const policyOf = (
  clusters: NonNullable<ServiceTrafficPolicy['status']>['clusters'] = [
    { cluster: idOf('east'), state: 'Answers', message: 'it comes first' },
  ],
  ready = conditionOf('Ready', 'True', '', 'Applied'),
): ServiceTrafficPolicy => ({
  apiVersion: 'tombolo.dev/v1alpha1',
  kind: 'ServiceTrafficPolicy',
  metadata: { name: 'web', namespace: 'shop' },
  spec: { order: [idOf('east')], minReadyEndpoints: 1 },
  status: { clusters, conditions: [ready] },
})

const goodView: MemberView = {
  membership: {
    apiVersion: 'tombolo.dev/v1alpha1',
    kind: 'Membership',
    metadata: { name: 'membership', namespace: 'tombolo-system', generation: 1 },
    spec: {
      ...allocationOf('east').spec,
      clusterset: 'default',
      image,
      wireguardPort: 51820,
      ipsecPort: 4500,
      cables: ['wireguard'],
    },
    status: {
      observedGeneration: 1,
      conditions: [
        conditionOf('BrokerReachable', 'True'),
        conditionOf('PeersValid', 'True'),
        conditionOf('RemovalsBelieved', 'True'),
        conditionOf('Ready', 'True'),
      ],
    },
  },
  allocations: [allocationOf('east'), allocationOf('west')],
  gateways: [gatewayOf('east'), gatewayOf('west')],
  certificates: [],
  running: ['east-1'],
  workloads: [workload('operator 2/2'), workload('gateway 1/1'), workload('agent 2/2'), workload('dns 2/2')],
  pods: [
    ...['operator east-1', 'operator east-2', 'gateway east-1', 'agent east-1', 'agent east-2', 'dns east-1', 'dns east-2'],
  ].map((text) => podOf(text)),
  exports: [{ ...exporting(), status: { conditions: ready } }],
  imports: [
    {
      apiVersion: 'multicluster.x-k8s.io/v1beta1',
      kind: 'ServiceImport',
      metadata: { name: 'web', namespace: 'shop' },
      spec: { type: 'ClusterSetIP', ips: ['10.101.0.9'], ports: [{ port: 80 }] },
      status: { clusters: [{ cluster: 'east' }], conditions: [conditionOf('Ready', 'True')] },
    },
  ],
  trafficPolicies: [policyOf()],
  slices: [{ namespace: 'shop', service: 'web', cluster: 'east', addressType: 'IPv4', endpoints: 1, ready: 1 }],
  exported: {
    services: [
      {
        namespace: 'shop',
        name: 'web',
        type: 'ClusterIP',
        addresses: ['10.101.0.5'],
        ports: [{ name: 'http', port: 80, protocol: 'TCP', target: 8080 }],
        selector: { app: 'web' },
        endpoints: [{ address: '10.1.0.5', ready: true, pod: 'web-1' }],
      },
    ],
    policies: [],
    podLabels: [],
  },
  dnsAddresses: ['10.101.0.53'],
  token: { renewAt: new Date('2026-01-02T16:00:00Z'), expiresAt: new Date('2026-01-03T00:00:00Z') },
}

const goodPlatform: Platform = {
  version: 'v1.36.1',
  clock: takenAt,
  nodes: [
    {
      name: 'east-1',
      ready: true,
      gateway: true,
      drained: false,
      cordoned: false,
      addresses: ['192.0.2.1'],
      podCIDRs: ['10.1.1.0/24'],
      arch: 'amd64',
      kubelet: 'v1.36.1',
    },
    {
      name: 'east-2',
      ready: true,
      gateway: false,
      drained: false,
      cordoned: false,
      addresses: ['192.0.2.2'],
      podCIDRs: ['10.1.2.0/24'],
      arch: 'amd64',
      kubelet: 'v1.36.1',
    },
  ],
  daemonSets: ['kube-flannel/kube-flannel-ds', 'tombolo-system/tombolo-agent'],
  cilium: undefined,
  kubeProxy: { mode: 'nftables', masqueradeAll: false },
  dns: { servers: ['10.101.0.10'], coreDNS: 'present', forwardsTo: ['10.101.0.53'], wanted: 2, available: 2 },
}

const through = (dev: string) => ({ kind: 'device', dev }) as const

const goodNetwork = (node: string, isGateway: boolean): Probed['networks'][number] => ({
  node,
  links: [
    { name: overlayDevice, mtu: overlayMtu },
    ...(isGateway ? [{ name: cableDevices.wireguard, mtu: cableSize.wireguard.mtu }] : []),
  ],
  underlay: { name: 'eth0', mtu: 1500 },
  nftTables: isGateway ? [agentTable, gatewayTable, 'kube-proxy'] : [agentTable],
  rules: [
    { family: 'IPv4', priority: 7300, table: remoteTable },
    ...(isGateway ? [{ family: 'IPv4' as const, priority: 7299, table: returnTable, iif: cableDevices.wireguard }] : []),
  ],
  routes: [
    ...allocationOf('west').spec.podCIDRs.map((to) => ({
      to,
      table: remoteTable,
      metric: 10,
      target: through(cableDevices.wireguard),
    })),
    ...(isGateway ? [{ to: '10.1.2.0/24', table: returnTable, metric: 20, target: through(overlayDevice) }] : []),
  ],
  proxyMode: 'nftables',
})

const goodProbed: Probed = {
  networks: [goodNetwork('east-1', true), goodNetwork('east-2', false)],
  overlay: [
    { from: 'east-1', to: 'east-2', heard: true },
    { from: 'east-2', to: 'east-1', heard: true },
  ],
  names: [
    { asked: 'tombolo-dns', server: '10.101.0.53', node: 'east-1', failure: undefined },
    { asked: 'cluster DNS', server: '10.101.0.10', node: 'east-1', failure: undefined },
  ],
  failed: [],
}

const memberOf = (cluster: 'east' | 'west'): BrokerView['members'][number] => ({
  apiVersion: 'tombolo.dev/v1alpha1',
  kind: 'Member',
  metadata: { name: cluster, namespace: 'tombolo-broker' },
  spec: { ...allocationOf(cluster).spec, clusterUID: `uid-${cluster}`, identity: publicIdentity(newIdentity()) },
  status: { conditions: [conditionOf('Ready', 'True')] },
})

/** For the service that tests are about. */
export const grantTo = (...clusters: readonly string[]): BrokerView['exportGrants'][number] => ({
  apiVersion: 'tombolo.dev/v1alpha1',
  kind: 'ExportGrant',
  metadata: { name: 'web', namespace: 'tombolo-broker' },
  spec: { namespace: 'shop', services: ['web'], clusters: clusters as ClusterID[] },
})

const goodBrokerView: BrokerView = {
  fleet: {
    apiVersion: 'tombolo.dev/v1alpha1',
    kind: 'Fleet',
    metadata: { name: 'fleet', namespace: 'tombolo-broker' },
    spec: { clusterset: 'default' } as BrokerView['fleet']['spec'],
  },
  requests: [],
  members: [memberOf('east'), memberOf('west')],
  exportGrants: [grantTo('east')],
  heartbeats: ['east', 'west'].map((id) => ({ namespace: `tombolo-m-${id}`, heardAt: takenAt, goodForSeconds: 60 })),
  gateways: [gatewayOf('east'), gatewayOf('west')],
  certificates: [],
  services: [constituent('east')],
  endpoints: [endpoints('east', [5])],
  allocations: [allocationOf('east'), allocationOf('west')],
  admission: admissionPolicies(),
  workloads: [workload('broker-controller 1/1')],
  pods: [podOf('broker-controller east-1')],
}

/** A member and broker in which all is well. */
export const goodSnapshot: Snapshot = {
  ...emptySnapshot,
  member: goodView,
  broker: goodBrokerView,
  platform: goodPlatform,
  probed: goodProbed,
}

type Change<T> = Partial<T> | ((good: T) => Partial<T>)
const changed = <T extends object>(good: T, change: Change<T>): T => ({
  ...good,
  ...(typeof change === 'function' ? change(good) : change),
})

/** The good one with another member, platform, broker or probes. */
export const withMember = (change: Change<MemberView>): Snapshot => ({ ...goodSnapshot, member: changed(goodView, change) })
export const withPlatform = (change: Change<Platform>): Snapshot => ({ ...goodSnapshot, platform: changed(goodPlatform, change) })
export const withProbed = (change: Change<Probed>): Snapshot => ({ ...goodSnapshot, probed: changed(goodProbed, change) })
export const withBroker = (change: Change<BrokerView>): Snapshot => ({ ...goodSnapshot, broker: changed(goodBrokerView, change) })
