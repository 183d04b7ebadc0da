// The tables of `tombolo show`: which columns the rows of each subject have, and what stands where there are none.
import { isWell } from '#fleet/rows/well.ts'
import type { ClusterRow } from '#fleet/rows/clusters.ts'
import type { ConnectionRow } from '#fleet/rows/connections.ts'
import type { EndpointRow } from '#fleet/rows/endpoints.ts'
import type { GatewayRow } from '#fleet/rows/gateways.ts'
import type { MemberRow } from '#fleet/rows/members.ts'
import type { NetworkRow } from '#fleet/rows/networks.ts'
import type { RegistryRow } from '#fleet/rows/registry.ts'
import type { ServiceRow } from '#fleet/rows/services.ts'
import type { VersionRow } from '#fleet/rows/versions.ts'
import { addressesOf } from '#fleet/rows/endpoints.ts'
import { clustersOf } from '#fleet/rows/clusters.ts'
import { connectionsOf } from '#fleet/rows/connections.ts'
import { gatewaysOf } from '#fleet/rows/gateways.ts'
import { membersOf } from '#fleet/rows/members.ts'
import { networksOf } from '#fleet/rows/networks.ts'
import { registryOf } from '#fleet/rows/registry.ts'
import { servicesOf } from '#fleet/rows/services.ts'
import { versionsOf } from '#fleet/rows/versions.ts'
import type { Snapshot } from '#fleet/snapshot.ts'
import type { Tone } from '../output/paint.ts'
import type { Column, Table } from '../output/table.ts'
import { table } from '../output/table.ts'

export const subjects = [
  'clusters',
  'members',
  'gateways',
  'connections',
  'endpoints',
  'services',
  'networks',
  'versions',
] as const
export type Subject = (typeof subjects)[number]

export const tableOf: Readonly<Record<Subject, (snapshot: Snapshot) => Table>> = {
  clusters: (snapshot) =>
    table(
      'clusters',
      clustersOf(snapshot),
      clusterColumns,
      'No cluster has joined yet: tombolo join.',
      (row) => `cluster/${row.id}`,
    ),
  connections: (snapshot) =>
    table(
      'connections',
      connectionsOf(snapshot),
      connectionColumns,
      'No connections: they appear when a second cluster has joined and a gateway is active.',
      (row) => `connection/${row.cluster}/${row.node}/${row.remoteCluster}/${row.remoteNode}`,
    ),
  gateways: (snapshot) =>
    table(
      'gateways',
      gatewaysOf(snapshot),
      gatewayColumns,
      'No gateways: kubectl label node NODE tombolo.dev/gateway=true makes one of a node.',
      (row) => `gateway/${row.cluster}/${row.node}`,
    ),
  members: (snapshot) =>
    table(
      'members',
      membersOf(snapshot),
      memberColumns,
      snapshot.broker === undefined
        ? 'This cluster is no broker: tombolo show members --context BROKER asks the one that keeps the members.'
        : 'No cluster has joined yet: tombolo join.',
      (row) => `member/${row.id}`,
    ),
  endpoints: (snapshot) =>
    table(
      'endpoints',
      addressesOf(snapshot),
      endpointColumns,
      'No endpoints: kubectl label node NODE tombolo.dev/gateway=true makes a gateway of a node.',
      (row) => `endpoint/${row.cluster}/${row.node}`,
    ),
  networks: (snapshot) =>
    snapshot.member === undefined
      ? table(
          'networks',
          registryOf(snapshot),
          registryColumns,
          'No cluster has joined yet: tombolo join.',
          (row) => `network/${row.cluster}/${row.cidr}`,
        )
      : table(
          'networks',
          networksOf(snapshot),
          networkColumns,
          'No cluster has joined yet: tombolo join.',
          (row) => `network/${row.cluster}`,
        ),
  versions: (snapshot) =>
    table(
      'versions',
      versionsOf(snapshot),
      versionColumns,
      'Nothing of Tombolo is installed: tombolo join.',
      (row) => `version/${row.component}`,
    ),
  services: (snapshot) =>
    table(
      'services',
      servicesOf(snapshot),
      serviceColumns,
      'No services: tombolo export service NAME -n NAMESPACE exports one.',
      (row) => `service/${row.namespace}/${row.name}`,
    ),
}

const tone = (row: Parameters<typeof isWell>[0]): Tone => (isWell(row) ? 'good' : 'bad')

const rtt = ({ rttMs }: { readonly rttMs: number | undefined }) =>
  rttMs === undefined ? undefined : `${rttMs.toFixed(rttMs < 10 ? 2 : 1)} ms`

const clusterColumns: readonly Column<ClusterRow>[] = [
  { title: 'CLUSTER', cell: (row) => (row.view === 'Local' ? `${row.id} (this)` : row.id) },
  { title: 'STATE', cell: (row) => row.state, tone },
  { title: 'GATEWAY', cell: (row) => row.gateway },
  { title: 'RTT', cell: rtt, ifAny: true },
  { title: 'PODS', cell: (row) => row.podCIDRs.join(',') },
  { title: 'SERVICES', cell: (row) => row.serviceCIDRs.join(',') },
  { title: 'MESSAGE', cell: (row) => row.message, ifAny: true },
]

const connectionColumns: readonly Column<ConnectionRow>[] = [
  { title: 'CLUSTER', cell: (row) => row.cluster },
  { title: 'GATEWAY', cell: (row) => row.node },
  { title: 'REMOTE CLUSTER', cell: (row) => row.remoteCluster },
  { title: 'REMOTE GATEWAY', cell: (row) => row.remoteNode },
  { title: 'ROLE', cell: (row) => row.role },
  { title: 'CABLE', cell: (row) => row.driver },
  { title: 'STATE', cell: (row) => row.state, tone },
  { title: 'PATH', cell: (row) => row.path, ifAny: true },
  { title: 'RTT', cell: rtt },
  { title: 'ADDRESS', cell: (row) => row.address, wide: true },
  { title: 'WHY THIS PATH', cell: (row) => row.pathReason, wide: true },
  { title: 'SINCE', cell: (row) => row.since, wide: true },
  { title: 'PAIR KEY', cell: (row) => row.pairKey, wide: true },
  { title: 'MESSAGE', cell: (row) => row.message, ifAny: true },
]

const gatewayColumns: readonly Column<GatewayRow>[] = [
  { title: 'CLUSTER', cell: (row) => row.cluster },
  { title: 'NODE', cell: (row) => row.node },
  { title: 'ROLE', cell: (row) => row.role },
  { title: 'STATE', cell: (row) => row.state, ifAny: true },
  { title: 'ADDRESS', cell: (row) => row.address },
  { title: 'CABLE', cell: (row) => row.driver },
  { title: 'CONNECTED', cell: (row) => `${row.connected}/${row.connections}` },
  { title: 'PUBLIC KEY', cell: (row) => row.publicKey, wide: true },
  { title: 'CERTIFICATE UNTIL', cell: (row) => row.certificateUntil, wide: true },
]

/** `east 75%,west 25%` where weights hold, `west (by the fleet)` by its default. */
function answeringCell({ answering, shares, chosenBy }: ServiceRow): string | undefined {
  if (answering === undefined) return undefined
  const names = answering.map((cluster) => {
    const share = shares?.find((one) => one.cluster === cluster)
    return share === undefined ? cluster : `${cluster} ${share.got}%`
  })
  return `${names.join(',')}${chosenBy === 'Fleet' ? ' (by the fleet)' : ''}`
}

const serviceColumns: readonly Column<ServiceRow>[] = [
  { title: 'NAMESPACE', cell: (row) => row.namespace },
  { title: 'NAME', cell: (row) => row.name },
  { title: 'TYPE', cell: (row) => row.type },
  { title: 'CLUSTERSET IP', cell: (row) => row.ips.join(','), ifAny: true },
  { title: 'PORTS', cell: (row) => row.ports.join(',') },
  { title: 'FROM', cell: (row) => row.clusters.join(',') },
  { title: 'EXPORTED TO', cell: (row) => row.exportedTo.map(({ from, to }) => `${from}→${to.join(',')}`).join(' '), ifAny: true },
  { title: 'ANSWERING', cell: answeringCell, ifAny: true },
  {
    title: 'EXPORTED HERE',
    cell: ({ exportedHere }) => (exportedHere === undefined ? undefined : exportedHere ? 'yes' : 'no'),
    ifAny: true,
  },
  { title: 'READY', cell: (row) => `${row.readyEndpoints}/${row.endpoints}` },
  { title: 'STATE', cell: (row) => row.state, tone },
  { title: 'DNS NAME', cell: (row) => row.dnsName, wide: true },
  { title: 'MESSAGE', cell: (row) => row.message, ifAny: true },
]

const memberColumns: readonly Column<MemberRow>[] = [
  { title: 'CLUSTER', cell: (row) => row.id },
  { title: 'STATE', cell: (row) => row.state, tone: ({ state }) => (state === 'Ready' ? 'good' : 'bad') },
  { title: 'GATEWAY', cell: (row) => row.gateway },
  { title: 'HEARD', cell: ({ silentSeconds }) => (silentSeconds === undefined ? undefined : ago(silentSeconds)) },
  { title: 'PODS', cell: (row) => row.podCIDRs.join(',') },
  { title: 'SERVICES', cell: (row) => row.serviceCIDRs.join(',') },
  { title: 'FINGERPRINT', cell: (row) => row.fingerprint, ifAny: true },
  { title: 'CLUSTER UID', cell: (row) => row.clusterUID, wide: true },
  { title: 'MESSAGE', cell: (row) => row.message, ifAny: true },
]

const ago = (seconds: number): string =>
  seconds < 120
    ? `${seconds} s ago`
    : seconds < 7200
      ? `${Math.round(seconds / 60)} min ago`
      : `${Math.round(seconds / 3600)} h ago`

const endpointColumns: readonly Column<EndpointRow>[] = [
  { title: 'CLUSTER', cell: (row) => row.cluster },
  { title: 'NODE', cell: (row) => row.node },
  { title: 'ADDRESSES', cell: (row) => row.candidates.join(', ') },
  { title: 'CABLE', cell: (row) => row.driver },
  { title: 'BEHIND NAT', cell: ({ behindNAT }) => (behindNAT === undefined ? undefined : behindNAT ? 'yes' : 'no') },
  { title: 'NAME', cell: (row) => row.name, wide: true },
  { title: 'PUBLIC KEY', cell: (row) => row.publicKey, wide: true },
]

const networkColumns: readonly Column<NetworkRow>[] = [
  { title: 'CLUSTER', cell: (row) => (row.view === 'Local' ? `${row.cluster} (this)` : row.cluster) },
  { title: 'PODS', cell: (row) => row.podCIDRs.join(',') },
  { title: 'SERVICES', cell: (row) => row.serviceCIDRs.join(',') },
  { title: 'FAMILIES', cell: (row) => row.families.join(',') },
  { title: 'MTU', cell: (row) => row.mtu },
  { title: 'CNI', cell: (row) => row.cni, ifAny: true },
  { title: 'KUBE-PROXY', cell: (row) => row.kubeProxy, ifAny: true },
  { title: 'NODES', cell: (row) => row.nodes, ifAny: true },
]

const registryColumns: readonly Column<RegistryRow>[] = [
  { title: 'CLUSTER', cell: (row) => row.cluster },
  { title: 'CIDR', cell: (row) => row.cidr },
  { title: 'USE', cell: (row) => row.use },
  { title: 'STATE', cell: (row) => row.state, tone: ({ state }) => (state === 'Admitted' ? 'good' : 'warn') },
  { title: 'UNTIL', cell: (row) => row.until },
]

const versionColumns: readonly Column<VersionRow>[] = [
  { title: 'COMPONENT', cell: (row) => row.component },
  { title: 'CONFIGURED', cell: (row) => row.configured },
  {
    title: 'RUNNING',
    cell: (row) => row.running.join(','),
    tone: (row) => (row.running.every((image) => image === row.configured) ? 'good' : 'warn'),
  },
  { title: 'PODS', cell: (row) => row.pods },
  { title: 'ARCH', cell: (row) => row.arch.join(',') },
  { title: 'NAMESPACE', cell: (row) => row.namespace, wide: true },
]
