// `tombolo show`: what a fleet looks like from one of its clusters, or from the broker. Reads, and judges nothing unless asked.
import { isWell } from '#fleet/rows/well.ts'
import { Argument, Option } from 'commander'
import { clustersOf } from '#fleet/rows/clusters.ts'
import { connectionsOf } from '#fleet/rows/connections.ts'
import { servicesOf } from '#fleet/rows/services.ts'
import type { Snapshot } from '#fleet/snapshot.ts'
import { takeSnapshot } from '#fleet/snapshot.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { openCluster } from '../cluster/cluster.ts'
import { failed } from '../problem.ts'
import type { Reader } from '../cluster/live.ts'
import { whileItChanges } from '../cluster/live.ts'
import { notAMember } from '../cluster/membership.ts'
import type { Subject } from '../show/tables.ts'
import { subjects, tableOf } from '../show/tables.ts'
import type { AddCommand, CommonOptions, Session, Watch } from './command.ts'
import { commonOptions, watchOption } from './command.ts'

type Options = CommonOptions & Watch & { readonly broker?: true; readonly check?: true }

/** What says how it goes; the others say how it is made. */
const glance: readonly Subject[] = ['clusters', 'connections', 'gateways', 'services']

export const addShow: AddCommand = (program, session) => {
  const command = program
    .command('show')
    .summary('show clusters, members, gateways, connections, services and what they are made of')
    .description(
      'Shows the fleet as a member cluster sees it, or as the broker does.\nA member tells of its own connections, the broker of those of all members.\nOf networks the broker tells who was given which addresses, and until when what is given up is kept.',
    )
    .addArgument(new Argument('[what]', `only this, or all (default: ${glance.join(', ')})`).choices([...subjects, 'all']))
    .option('--broker', 'as the broker sees it, in a cluster that is a member too')
    .addOption(new Option('--check', 'exit code 1 when something shown is not well').conflicts('watch'))
    .addHelpText(
      'after',
      `
Examples:
  tombolo show --context east
  tombolo show connections --context east -o wide
  tombolo show connections --context east --watch
  tombolo show members --context hub
  tombolo show networks --context hub
  tombolo show clusters --context hub --broker
  tombolo show all --context east -o yaml
  tombolo show services -o json | jq '.services[] | select(.state != "Ready")'`,
    )
    .action((what: Subject | 'all' | undefined, options: Options) =>
      run(what === undefined ? glance : what === 'all' ? subjects : [what], options, session),
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
