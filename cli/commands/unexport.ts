// `tombolo unexport service`: takes a Service back from the fleet. One that is not exported is a success.
import { membership } from '#crds/membership.ts'
import { membershipName, systemNamespace } from '#crds/places.ts'
import { serviceExport } from '#crds/service-export.ts'
import { serviceImport } from '#crds/service-import.ts'
import { keyText } from '#lib/kube/object.ts'
import { openCluster } from '../cluster/cluster.ts'
import { until } from '../cluster/until.ts'
import { withdrawnFrom } from '../services/exports.ts'
import type { AddCommand, Session } from './command.ts'
import { commonOptions, dryRunOption } from './command.ts'
import type { ServiceOptions } from './export.ts'
import { serviceCommand } from './export.ts'

export const addUnexport: AddCommand = (program, session) => {
  const group = program
    .command('unexport')
    .summary('take a Service back from the fleet')
    .description('Takes a Service back from the fleet.')
    .addHelpText('after', '\nExample:\n  tombolo unexport service web -n shop --context east')
  const command = serviceCommand(group)
    .summary('take a Service back from the fleet')
    .description('Deletes the ServiceExport of a Service. The Service itself, and its exports from other clusters, stay.')
    .option('--no-wait', 'do not wait until its endpoints are out of the import')
    .addHelpText(
      'after',
      `
Examples:
  tombolo unexport service web -n shop --context east`,
    )
    .action((name: string, options: ServiceOptions) => run(name, options, session))
  commonOptions(dryRunOption(command))
}

async function run(name: string, options: ServiceOptions, { output, signal }: Session): Promise<void> {
  await using cluster = await openCluster(options)
  const { kube, context } = cluster
  const key = { namespace: options.namespace ?? cluster.namespace, name }
  const text = keyText(key)
  const have = await kube.get(serviceExport, key, signal)
  if (options.dryRun === true) {
    output.note(`# to be deleted in ${context}:`)
    output.manifests(
      have === undefined ? [] : [{ apiVersion: have.apiVersion, kind: have.kind, metadata: { ...key } }],
      options.output,
    )
    return
  }
  if (have !== undefined)
    await output.progress.step(`ServiceExport ${text} in ${context} goes`, () => kube.delete(serviceExport, key, {}, signal))
  // Without an operator nothing was ever offered, and nobody would take it back.
  const self = (await kube.get(membership, { namespace: systemNamespace, name: membershipName }, signal))?.spec.clusterID
  if (have !== undefined && self !== undefined && options.wait)
    await output.progress.step(`"${self}" is out of the import`, (say) =>
      until(
        {
          what: `The withdrawal of ${text}`,
          timeoutMs: options.timeout * 1000,
          remedy: `Nothing has to be undone: it goes on by itself. tombolo show --context ${context} says how the cluster is.`,
          say,
        },
        async () => withdrawnFrom(await kube.get(serviceImport, key, signal), self),
        signal,
      ),
    )
  output.result(
    have === undefined
      ? `${text} was not exported from context "${context}".`
      : `${text} is no longer exported from context "${context}".`,
    { context, ...key, state: have === undefined ? 'absent' : 'withdrawn' },
    options.output,
    have === undefined ? [] : [`serviceexport/${name}`],
  )
}
