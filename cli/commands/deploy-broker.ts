// `tombolo deploy-broker`: makes a cluster the meeting place of a fleet.
import { InvalidArgumentError } from 'commander'
import { brokerCRDs, brokerManifests } from '#broker/install/manifests.ts'
import type { Fleet } from '#crds/fleet.ts'
import { fleet } from '#crds/fleet.ts'
import { member } from '#crds/member.ts'
import { brokerNamespace, controllerName, fleetName } from '#crds/places.ts'
import { applyAll, applyCRDs, deploymentAvailable } from '../cluster/apply.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { openCluster } from '../cluster/cluster.ts'
import { refused } from '../problem.ts'
import type { AddCommand, CommonOptions, DryRun, Session } from './command.ts'
import { commonOptions, dryRunOption, imageOption, timeoutOption } from './command.ts'

type Options = CommonOptions & DryRun & { readonly image: string; readonly clusterset?: string; readonly timeout: number }

const defaultClusterset = 'default'

export const addDeployBroker: AddCommand = (program, session) => {
  const command = program
    .command('deploy-broker')
    .summary('make a cluster the broker of a fleet')
    .description(
      'Installs the broker in a cluster: CRDs, namespaces, rights, admission policies and the broker controller.\nThe broker carries no traffic; it may be one of the members. Running it again brings everything up to date.',
    )
    .option('--clusterset <name>', `id of the clusterset (default: what it has, or "${defaultClusterset}")`, clustersetID)
    .addOption(imageOption('the controller'))
    .addOption(timeoutOption(120))
    .addHelpText(
      'after',
      `
Examples:
  tombolo deploy-broker --context hub
  tombolo deploy-broker --clusterset prod --dry-run             # asks no cluster: say which clusterset it is`,
    )
    .action((options: Options) => run(options, session))
  commonOptions(dryRunOption(command), 'the broker cluster')
}

async function run(options: Options, session: Session): Promise<void> {
  const { output, signal } = session
  const { image } = options
  if (options.dryRun === true) {
    const manifests = brokerManifests({ image, clusterset: options.clusterset ?? defaultClusterset })
    output.manifests([...brokerCRDs(), ...manifests], options.output)
    return
  }
  await using cluster = await openCluster(options)
  const { step } = output.progress
  await step(`CRDs in ${cluster.context}`, (say) => applyCRDs(cluster.kube, brokerCRDs(), say, signal))
  const clusterset = await clustersetOf(cluster, options.clusterset, signal)
  await step('Namespaces, rights, policies, controller', (say) =>
    applyAll(cluster.kube, brokerManifests({ image, clusterset }), say, signal),
  )
  await step('The broker controller is up', (say) =>
    deploymentAvailable(cluster.kube, { namespace: brokerNamespace, name: controllerName }, options.timeout * 1000, say, signal),
  )
  output.result(
    `The broker of clusterset "${clusterset}" is ready in context "${cluster.context}".`,
    { context: cluster.context, clusterset, image },
    options.output,
    [`clusterset/${clusterset}`],
  )
  output.note(
    `Next, for each cluster: tombolo grant create CLUSTER_ID --context ${cluster.context} | tombolo join --grant - --context CLUSTER`,
  )
}

/** As the Fleet's schema has it. */
function clustersetID(text: string): string {
  if (text.length >= 1 && text.length <= 128) return text
  throw new InvalidArgumentError('It must have 1 to 128 characters.')
}

/** The id is in every member's ClusterProperty: changing it under members would take their identity away. */
async function clustersetOf({ kube, context }: Cluster, wanted: string | undefined, signal: AbortSignal): Promise<string> {
  const have: Fleet | undefined = await kube.get(fleet, { namespace: brokerNamespace, name: fleetName }, signal)
  const current = have?.spec.clusterset
  if (current === undefined || wanted === undefined || wanted === current) return wanted ?? current ?? defaultClusterset
  const members = await kube.list(member, { namespace: brokerNamespace }, signal)
  if (members.items.length === 0) return wanted
  throw refused(
    `The broker in context "${context}" is of clusterset "${current}" and has ${members.items.length} members; it cannot become "${wanted}".`,
    `Leave --clusterset out, or let the members leave first: ${members.items.map((m) => m.metadata.name).join(', ')}.`,
  )
}
