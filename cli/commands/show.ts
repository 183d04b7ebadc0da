// `tombolo show`: what a fleet looks like from one of its clusters, or from the broker. Reads, and judges nothing unless asked.
import { Argument, Option } from 'commander'
import type { ClusterRow, ConnectionRow, GatewayRow, ServiceRow } from '#fleet/model.ts'
import { clustersOf, connectionsOf, gatewaysOf, isWell, servicesOf } from '#fleet/model.ts'
import type { Snapshot } from '#fleet/snapshot.ts'
import { takeSnapshot } from '#fleet/snapshot.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { openCluster } from '../cluster/cluster.ts'
import type { Tone } from '../output/paint.ts'
import type { Column, Table } from '../output/table.ts'
import { table } from '../output/table.ts'
import { failed } from '../problem.ts'
import type { Reader } from '../cluster/live.ts'
import { whileItChanges } from '../cluster/live.ts'
import { notAMember } from '../cluster/membership.ts'
import type { AddCommand, CommonOptions, Session, Watch } from './command.ts'
import { commonOptions, watchOption } from './command.ts'

type Options = CommonOptions & Watch & { readonly broker?: true; readonly check?: true }

const subjects = ['clusters', 'connections', 'gateways', 'services'] as const
type Subject = (typeof subjects)[number]

export const addShow: AddCommand = (program, session) => {
  const command = program
    .command('show')
    .summary('show clusters, connections, gateways and services')
    .description(
      'Shows the fleet as a member cluster sees it, or as the broker does.\nA member tells of its own connections, the broker of those of all members.',
    )
    .addArgument(new Argument('[what]', 'only this (default: all four)').choices([...subjects, 'all']))
    .option('--broker', 'as the broker sees it, in a cluster that is a member too')
    .addOption(new Option('--check', 'exit code 1 when something shown is not well').conflicts('watch'))
    .addHelpText(
      'after',
      `
Examples:
  tombolo show --context east
  tombolo show connections --context east -o wide
  tombolo show connections --context east --watch
  tombolo show clusters --context hub --broker
  tombolo show services -o json | jq '.services[] | select(.state != "Ready")'`,
    )
    .action((what: Subject | 'all' | undefined, options: Options) =>
      run(what === undefined || what === 'all' ? subjects : [what], options, session),
    )
  commonOptions(watchOption(command))
}

async function run(wanted: readonly Subject[], options: Options, { output, signal }: Session): Promise<void> {
  await using cluster = await openCluster(options)
  const tables = (snapshot: Snapshot) => wanted.map((subject) => tableOf[subject](snapshot))
  if (options.watch === true) {
    const live = output.live(options.output)
    const show = async (kube: Reader) =>
      live.show(tables(seenFrom(await takeSnapshot(kube, signal), options.broker === true, cluster)))
    await whileItChanges(cluster.kube, show, (text) => output.note(text), signal)
    return
  }
  const snapshot = seenFrom(await takeSnapshot(cluster.kube, signal), options.broker === true, cluster)
  for (const { object, why } of snapshot.ignored) output.warn(`${object} is left out, it is malformed: ${why}`)
  output.tables(tables(snapshot), options.output)
  if (options.check === true) check(wanted, snapshot)
}

/** Throws when there is nothing to see from there. */
export function seenFrom(snapshot: Snapshot, asBroker: boolean, { context }: Pick<Cluster, 'context'>): Snapshot {
  const { member, broker, ignored } = snapshot
  const unreadable = ignored.find(({ object }) => /^(Membership|Fleet) /.test(object))
  if (member === undefined && broker === undefined && unreadable !== undefined)
    throw failed(
      `${unreadable.object} of context "${context}" cannot be read: ${unreadable.why}.`,
      'Correct it, or use the tombolo of the version that wrote it.',
    )
  if (asBroker && broker === undefined)
    throw failed(
      `There is no broker in context "${context}".`,
      `Choose its cluster with --context, or make this one the broker: tombolo deploy-broker --context ${context}.`,
    )
  if (member === undefined && broker === undefined) throw notAMember(context)
  return asBroker ? { ...snapshot, member: undefined } : snapshot
}

function check(wanted: readonly Subject[], snapshot: Snapshot): void {
  const rows = [
    ...(wanted.includes('clusters') ? clustersOf(snapshot).map((row) => ({ row, name: row.id })) : []),
    ...(wanted.includes('connections')
      ? connectionsOf(snapshot).map((row) => ({ row, name: `${row.node} to ${row.remoteCluster}/${row.remoteNode}` }))
      : []),
    ...(wanted.includes('services') ? servicesOf(snapshot).map((row) => ({ row, name: `${row.namespace}/${row.name}` })) : []),
  ]
  const unwell = rows.filter(({ row }) => !isWell(row))
  if (unwell.length > 0)
    throw failed(
      `${unwell.length} of ${rows.length} are not well: ${unwell.map(({ row, name }) => `${name} is ${row.state}`).join(', ')}.`,
      'The messages above say why.',
    )
}

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
  { title: 'RTT', cell: rtt },
  { title: 'ADDRESS', cell: (row) => row.address, wide: true },
  { title: 'SINCE', cell: (row) => row.since, wide: true },
  { title: 'MESSAGE', cell: (row) => row.message, ifAny: true },
]

const gatewayColumns: readonly Column<GatewayRow>[] = [
  { title: 'CLUSTER', cell: (row) => row.cluster },
  { title: 'NODE', cell: (row) => row.node },
  { title: 'ROLE', cell: (row) => row.role },
  { title: 'ADDRESS', cell: (row) => row.address },
  { title: 'CABLE', cell: (row) => row.driver },
  { title: 'CONNECTED', cell: (row) => `${row.connected}/${row.connections}` },
  { title: 'PUBLIC KEY', cell: (row) => row.publicKey, wide: true },
]

const serviceColumns: readonly Column<ServiceRow>[] = [
  { title: 'NAMESPACE', cell: (row) => row.namespace },
  { title: 'NAME', cell: (row) => row.name },
  { title: 'TYPE', cell: (row) => row.type },
  { title: 'CLUSTERSET IP', cell: (row) => row.ips.join(','), ifAny: true },
  { title: 'PORTS', cell: (row) => row.ports.join(',') },
  { title: 'FROM', cell: (row) => row.clusters.join(',') },
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
