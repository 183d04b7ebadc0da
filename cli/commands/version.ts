// `tombolo version`: what this command is, and what a cluster runs if one is named.
import { table } from '../output/table.ts'
import type { AddCommand, CommonOptions, Session } from './command.ts'
import { commonOptions } from './command.ts'

type Options = CommonOptions & { readonly client?: true }
type Row = { readonly component: string; readonly version: string }

export const addVersion: AddCommand = (program, session) => {
  const command = program
    .command('version')
    .summary('print the version')
    .description('Prints the version of this command and, with --context or --kubeconfig, the images that cluster runs.')
    .option('--client', 'of this command only, whatever else is named')
    .addHelpText(
      'after',
      `
Examples:
  tombolo version
  tombolo version --context east -o json`,
    )
    .action((options: Options) => run(options, session))
  commonOptions(command)
}

async function run(options: Options, { output, signal, version }: Session): Promise<void> {
  const rows: Row[] = [{ component: 'tombolo', version }]
  if (options.client !== true && (options.context !== undefined || options.kubeconfig !== undefined)) {
    // Here and not above: without a cluster this command is to answer at once.
    const { openCluster } = await import('../cluster/cluster.ts')
    const { imagesIn } = await import('../cluster/images.ts')
    await using cluster = await openCluster(options)
    for (const { component, image } of await imagesIn(cluster.kube, signal)) rows.push({ component, version: image })
  }
  const columns = [
    { title: 'COMPONENT', cell: (row: Row) => row.component },
    { title: 'VERSION', cell: (row: Row) => row.version },
  ]
  output.tables([table('versions', rows, columns, '')], options.output)
}
