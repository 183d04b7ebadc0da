// The facts of a path on which all is well: pod shop/client on a worker of west, service shop/web in east, both clusters asked.
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { gatewayEndpointName, systemNamespace } from '#crds/places.ts'
import type { ServiceImport } from '#crds/service-import.ts'
import type { NodeFact } from '#fleet/facts/platform.ts'
import type { PodFact } from '#fleet/facts/workloads.ts'
import type { MemberView, Snapshot } from '#fleet/snapshot.ts'
import type { Facts, Far, Near, PodDetail } from '#fleet/why/facts.ts'
import { known } from '#fleet/why/facts.ts'
import type { NodeReading } from '#fleet/why/node.ts'
import type { Pod } from '#lib/kube/kinds.ts'
import type { Route } from '#lib/host/ip.ts'
import { remoteTable, returnTable } from '#gateway/data-plane.ts'
import { keyOf } from './gateway.ts'
import { membershipOf } from './installed.ts'
import { allocationOf, exporting, http, web } from './services.ts'
import { emptySnapshot } from './snapshot.ts'

type Side = 'east' | 'west'
export const endpoint = '10.1.2.5'
export const clusterIP = '10.102.0.9'

export const gatewayOf = (cluster: Side, change: Partial<NonNullable<GatewayEndpoint['status']>> = {}): GatewayEndpoint => {
  const other = cluster === 'east' ? 'west' : 'east'
  return {
    apiVersion: 'tombolo.dev/v1alpha1',
    kind: 'GatewayEndpoint',
    metadata: { name: gatewayEndpointName(cluster, `${cluster}-1`), namespace: systemNamespace },
    spec: {
      clusterID: cluster as GatewayEndpoint['spec']['clusterID'],
      node: `${cluster}-1`,
      candidates: [{ type: 'NodeInternal', address: cluster === 'east' ? '192.0.2.1' : '192.0.2.9', port: 51820 }],
      wireguard: { publicKey: keyOf(cluster) },
    },
    status: {
      role: 'Active',
      term: 1,
      connections: [
        {
          endpoint: gatewayEndpointName(other, `${other}-1`),
          clusterID: other as GatewayEndpoint['spec']['clusterID'],
          node: `${other}-1`,
          state: 'Connected',
          rttMicros: 800,
        },
      ],
      ...change,
    },
  }
}

const nodeOf = (cluster: Side, n: number): NodeFact => ({
  name: `${cluster}-${n}`,
  ready: true,
  gateway: n === 1,
  drained: false,
  cordoned: false,
  addresses: [`192.0.2.${(cluster === 'east' ? 0 : 8) + n}`],
  podCIDRs: [`10.${cluster === 'east' ? 1 : 2}.${n}.0/24`],
  arch: 'amd64',
  kubelet: 'v1.36.1',
})

const agentPod = (node: string): PodFact => ({
  namespace: systemNamespace,
  name: `tombolo-agent-${node}`,
  component: 'agent',
  node,
  phase: 'Running',
  ready: true,
  going: false,
  restarts: 0,
  image: undefined,
  imageID: undefined,
  trouble: undefined,
})

export const importedWeb: ServiceImport = {
  apiVersion: 'multicluster.x-k8s.io/v1beta1',
  kind: 'ServiceImport',
  metadata: { ...web },
  spec: { type: 'ClusterSetIP', ports: [http], ips: [clusterIP] },
  status: { clusters: [{ cluster: 'east' }] },
}

export function memberOf(cluster: Side, change: Partial<MemberView> = {}): MemberView {
  return {
    membership: membershipOf(cluster),
    allocations: [allocationOf('east'), allocationOf('west')],
    gateways: [gatewayOf('east'), gatewayOf('west')],
    certificates: [],
    running: [`${cluster}-1`],
    workloads: [
      {
        kind: 'Deployment',
        namespace: systemNamespace,
        name: 'tombolo-dns',
        component: 'dns',
        image: undefined,
        wanted: 2,
        available: 2,
        updated: 2,
        seen: true,
      },
    ],
    pods: [agentPod(`${cluster}-1`), agentPod(`${cluster}-2`)],
    exports: cluster === 'east' ? [exporting()] : [],
    imports: [importedWeb],
    trafficPolicies: [],
    slices: [],
    exported: {
      services:
        cluster === 'east'
          ? [
              {
                ...web,
                type: 'ClusterIP',
                addresses: [],
                ports: [],
                selector: {},
                endpoints: [{ address: endpoint, ready: true, pod: 'web-0' }],
              },
            ]
          : [],
      policies: [],
      podLabels: [],
    },
    dnsAddresses: ['10.102.0.53'],
    token: undefined,
    ...change,
  }
}

export const snapshotOf = (
  cluster: Side,
  member: Partial<MemberView> = {},
  dns: Partial<Snapshot['platform']['dns']> = {},
): Snapshot => ({
  ...emptySnapshot,
  member: memberOf(cluster, member),
  platform: {
    ...emptySnapshot.platform,
    nodes: [nodeOf(cluster, 1), nodeOf(cluster, 2)],
    dns: { servers: ['10.102.0.10'], coreDNS: 'present', forwardsTo: ['10.102.0.53'], wanted: 2, available: 2, ...dns },
  },
})

export const podOf = (change: Partial<PodDetail> = {}): PodDetail => ({
  namespace: 'shop',
  name: 'client',
  labels: { app: 'client' },
  node: 'west-2',
  address: '10.2.2.7',
  ready: true,
  hostNetwork: false,
  portNames: {},
  state: 'Running',
  ...change,
})
export const webPod = podOf({
  name: 'web-0',
  labels: { app: 'web' },
  node: 'east-2',
  address: endpoint,
  portNames: { http: 8080 },
})

export const readingOf = (node: string, change: Partial<NodeReading> = {}): NodeReading => ({
  node,
  routes: [
    { to: '10.1.0.0/16', table: remoteTable, metric: 20, target: { kind: 'device', dev: 'vx-tombolo', gateway: 'fe80::1' } },
    { to: '10.1.0.0/16', table: remoteTable, metric: 9000, target: { kind: 'unreachable' } },
    ...['10.1.2.0/24', '10.2.2.0/24'].map((to): Route => ({
      to,
      table: returnTable,
      metric: 20,
      target: { kind: 'device', dev: 'vx-tombolo', gateway: 'fe80::2' },
    })),
  ],
  rules: [
    { family: 'IPv4', priority: 7300, table: remoteTable },
    { family: 'IPv4', priority: 7299, table: returnTable, iif: 'tmb-wg' },
  ],
  dns: ['10.102.0.10', '10.102.0.53'].map((server) => ({ server, addresses: [clusterIP], failure: undefined })),
  tcp: [
    { address: endpoint, port: 8080, outcome: 'open' },
    { address: clusterIP, port: 80, outcome: 'open' },
  ],
  overlay: true,
  ...change,
})

export const nearOf = (change: Partial<Near> = {}): Near => ({
  context: 'west',
  snapshot: snapshotOf('west'),
  source: known(podOf()),
  policies: known([]),
  namespaceExists: known(true),
  slices: known([
    {
      cluster: 'east',
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      endpoints: [{ address: endpoint, ready: true }],
    },
  ]),
  ...change,
})

export const farOf = (change: Partial<Far> = {}): Far => ({
  context: 'east',
  snapshot: snapshotOf('east'),
  serviceType: known('ClusterIP'),
  pods: known([webPod]),
  policies: known([]),
  ...change,
})

export const factsOf = (change: Partial<Facts> = {}): Facts => ({
  asked: {
    source: { namespace: 'shop', name: 'client' },
    destination: { kind: 'service', ...web },
    port: undefined,
  },
  near: nearOf(),
  far: farOf(),
  target: { address: endpoint, cluster: 'east', port: 8080, protocol: 'TCP' },
  nodes: {
    source: known(readingOf('west-2')),
    gateway: known(readingOf('west-1')),
    farGateway: known(readingOf('east-1')),
  },
  ...change,
})

/** A ready pod of namespace shop on node west-2, as the apiserver has it. */
export const podNamed = (name: string): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'shop', name },
  spec: { nodeName: 'west-2', containers: [] },
  status: { phase: 'Running', podIP: '10.2.2.7', conditions: [{ type: 'Ready', status: 'True' }] },
})
