// `tombolo export service`: offers a Service to the whole fleet. Doing it again changes nothing and waits for the same.
import type { Command } from 'commander'
import { exportToAnnotation } from '#crds/export-to.ts'
import type { ServiceExport } from '#crds/service-export.ts'
import { serviceExport } from '#crds/service-export.ts'
import { namespaces, services } from '#lib/kube/kinds.ts'
import type { Key } from '#lib/kube/object.ts'
import { keyText } from '#lib/kube/object.ts'
import type { ClusterID } from '#lib/net/cluster-id.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { fieldManager, openCluster } from '../cluster/cluster.ts'
import type { Say } from '../cluster/until.ts'
import { until } from '../cluster/until.ts'
import { failed, refused } from '../problem.ts'
import type { Outcome } from '../services/exports.ts'
import { dnsNameOf, outcomeOf, unsupported } from '../services/exports.ts'
import { readMembership } from '../cluster/membership.ts'
import type { AddCommand, CommonOptions, DryRun, Session } from './command.ts'
import { clusterList, commonOptions, dryRunOption, objectName, timeoutOption } from './command.ts'

export type ServiceOptions = CommonOptions &
  DryRun & { readonly namespace?: string; readonly wait: boolean; readonly timeout: number }

type ExportOptions = ServiceOptions & { readonly to?: readonly ClusterID[] }

export const addExport: AddCommand = (program, session) => {
  const group = program
    .command('export')
    .summary('offer a Service to the fleet')
    .description('Offers a Service to the fleet.')
    .addHelpText('after', '\nExample:\n  tombolo export service web -n shop --context east')
  const command = serviceCommand(group)
    .summary('offer a Service to the fleet')
    .description(
      'Makes the ServiceExport of a Service: pods of all clusters reach it as NAME.NAMESPACE.svc.clusterset.local.\nA Service that does not exist yet is exported as soon as it does.\nFirst exported without --to, every member may import it; kubectl annotate serviceexport NAME tombolo.dev/export-to- makes it so again.',
    )
    .option('--to <clusters>', 'only these may import it, with commas between; without it who may stays as it is', clusterList)
    .option('--no-wait', 'do not wait until the other clusters can import it')
    .addHelpText(
      'after',
      `
Examples:
  tombolo export service web -n shop --context east
  tombolo export service web -n shop --to west,south --context east
  tombolo export service web -n shop --dry-run`,
    )
    .action((name: string, options: ExportOptions) => run(name, options, session))
  commonOptions(dryRunOption(command))
}

export const serviceCommand = (group: Command): Command =>
  group
    .command('service')
    .argument('<name>', 'the Service', objectName)
    .option('-n, --namespace <name>', 'its namespace (default: that of the context)', objectName)
    .addOption(timeoutOption(60))

async function run(name: string, options: ExportOptions, { output, signal }: Session): Promise<void> {
  await using cluster = await openCluster(options)
  const { kube, context } = cluster
  const key = { namespace: options.namespace ?? cluster.namespace, name }
  await readMembership(cluster, signal)
  const service = await checkedService(cluster, key, signal)
  const wanted = {
    apiVersion: serviceExport.apiVersion,
    kind: serviceExport.kind,
    metadata: { ...key, ...(options.to === undefined ? {} : { annotations: { [exportToAnnotation]: options.to.join(',') } }) },
  }
  if (options.dryRun === true) {
    output.manifests([wanted], options.output)
    return
  }
  const text = keyText(key)
  await output.progress.step(`ServiceExport ${text} in ${context}`, async (say) => {
    const have = await earlierOneGone(cluster, key, options.timeout * 1000, say, signal)
    // To apply it without the annotation would take away one that was applied before, and share it with every member.
    if (have === undefined || options.to !== undefined) await kube.apply(serviceExport, wanted, { fieldManager }, signal)
  })
  if (service === 'missing') output.warn(`Service ${text} does not exist yet (NoService); it is exported as soon as it does.`)
  const facts = { context, ...key, dnsName: dnsNameOf(key.namespace, name) }
  if (!options.wait) {
    output.result(`${text} is to be exported as ${facts.dnsName}.`, { ...facts, state: 'asked' }, options.output, [
      `serviceexport/${name}`,
    ])
    return
  }
  const outcome = await output.progress.step(`Export of ${text}`, (say) => exported(cluster, key, service, options, say, signal))
  if (outcome.kind === 'invalid')
    throw failed(
      `${text} cannot be exported: ${outcome.message}.`,
      `Take the export back: tombolo unexport service ${name} -n ${key.namespace} --context ${context}.`,
    )
  if (outcome.kind === 'conflict') output.warn(`the clusters that export ${text} differ: ${outcome.message}`)
  if (outcome.kind === 'exported' && outcome.caution !== undefined) output.warn(outcome.caution)
  output.result(
    outcome.kind === 'early'
      ? `${text} will be exported as ${facts.dnsName} when the Service exists.`
      : `${text} is exported as ${facts.dnsName}${outcome.kind === 'exported' ? `: ${outcome.message}` : ''}.`,
    { ...facts, state: outcome.kind, message: outcome.message },
    options.output,
    [`serviceexport/${name}`],
  )
}

/** Refuses what can never be exported before anything is written. */
async function checkedService({ kube, context }: Cluster, key: Key & { namespace: string }, signal: AbortSignal) {
  const service = await kube.get(services, key, signal)
  if (service === undefined) {
    if ((await kube.get(namespaces, { name: key.namespace }, signal)) === undefined)
      throw refused(
        `Context "${context}" has no namespace "${key.namespace}".`,
        `Choose one with -n, or make it: kubectl --context ${context} create namespace ${key.namespace}.`,
      )
    return 'missing'
  }
  const wrong = unsupported(service)
  if (wrong !== undefined) throw refused(wrong.says, wrong.remedy)
  return 'there'
}

/** The export that is there and stays. */
async function earlierOneGone(
  { kube }: Cluster,
  key: Key,
  timeoutMs: number,
  say: Say,
  signal: AbortSignal,
): Promise<ServiceExport | undefined> {
  const { stays } = await until(
    {
      what: `The end of the earlier ServiceExport ${keyText(key)}`,
      timeoutMs,
      remedy: `kubectl get serviceexport ${key.name} -n ${key.namespace ?? ''} -o yaml says what holds it.`,
      say,
    },
    async () => {
      const have = await kube.get(serviceExport, key, signal)
      return have?.metadata.deletionTimestamp === undefined ? { done: { stays: have } } : { waiting: 'it is being removed' }
    },
    signal,
  )
  return stays
}

function exported(
  { kube, context }: Cluster,
  key: Key & { namespace: string },
  service: 'there' | 'missing',
  { timeout }: ServiceOptions,
  say: Say,
  signal: AbortSignal,
): Promise<Outcome> {
  return until(
    {
      what: `The export of ${keyText(key)}`,
      timeoutMs: timeout * 1000,
      remedy: `Nothing has to be undone: it goes on by itself. tombolo show --context ${context} says how the cluster is.`,
      say,
    },
    async () => {
      const object: ServiceExport | undefined = await kube.get(serviceExport, key, signal)
      return outcomeOf(object, service)
    },
    signal,
  )
}
