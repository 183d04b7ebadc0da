// `tombolo version`: what this command is, and what a cluster runs if one is named.
import { controllerName } from '#broker/install/rbac.ts'
import { brokerNamespace, systemNamespace } from '#crds/places.ts'
import type { Kube } from '#lib/kube/client.ts'
import type { DaemonSet, Deployment } from '#lib/kube/kinds.ts'
import { daemonSets, deployments } from '#lib/kube/kinds.ts'
import { nameOf } from '#operator/install/manifests/pod.ts'
import { openCluster } from '../cluster/cluster.ts'
import { table } from '../output/table.ts'
import type { AddCommand, CommonOptions, Session } from './command.ts'
import { commonOptions } from './command.ts'

type Row = { readonly component: string; readonly version: string }

export const addVersion: AddCommand = (program, session) => {
  const command = program
    .command('version')
    .summary('print the version')
    .description('Prints the version of this command and, with --context or --kubeconfig, the images that cluster runs.')
    .addHelpText(
      'after',
      `
Examples:
  tombolo version
  tombolo version --context east -o json`,
    )
    .action((options: CommonOptions) => run(options, session))
  commonOptions(command)
}

async function run(options: CommonOptions, { output, signal, version }: Session): Promise<void> {
  const rows: Row[] = [{ component: 'tombolo', version }]
  if (options.context !== undefined || options.kubeconfig !== undefined) {
    await using cluster = await openCluster(options)
    rows.push(...(await imagesIn(cluster.kube, signal)))
  }
  const columns = [
    { title: 'COMPONENT', cell: (row: Row) => row.component },
    { title: 'VERSION', cell: (row: Row) => row.version },
  ]
  output.tables([table('versions', rows, columns, '')], options.output)
}

async function imagesIn(kube: Kube, signal: AbortSignal): Promise<readonly Row[]> {
  const inSystem = { namespace: systemNamespace }
  const row = (workload: Deployment | DaemonSet | undefined): readonly Row[] => {
    const image = workload?.spec?.template.spec?.containers[0]?.image
    return workload === undefined || image === undefined ? [] : [{ component: workload.metadata.name, version: image }]
  }
  const found = await Promise.all([
    kube.get(deployments, { namespace: brokerNamespace, name: controllerName }, signal),
    kube.get(deployments, { ...inSystem, name: nameOf('operator') }, signal),
    kube.get(daemonSets, { ...inSystem, name: nameOf('gateway') }, signal),
    kube.get(daemonSets, { ...inSystem, name: nameOf('agent') }, signal),
    kube.get(deployments, { ...inSystem, name: nameOf('dns') }, signal),
  ])
  return found.flatMap(row)
}
