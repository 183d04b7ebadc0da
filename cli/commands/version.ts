// `tombolo version`: what this command is, and what a cluster runs if one is named.
import type { Column } from '../output/table.ts'
import { table } from '../output/table.ts'
import type { Skew } from '../upgrade/skew.ts'
import { skewOf } from '../upgrade/skew.ts'
import type { AddCommand, CommonOptions, Session } from './command.ts'
import { commonOptions } from './command.ts'

type Options = CommonOptions & { readonly client?: true }
type Row = {
  readonly component: string
  readonly version: string | undefined
  readonly image: string | undefined
  /** Of what a cluster runs, to this command. */
  readonly skew: Skew | undefined
}

export const addVersion: AddCommand = (program, session) => {
  const command = program
    .command('version')
    .summary('print the version')
    .description(
      'Prints the version of this command and, with --context or --kubeconfig, what that cluster runs and whether it is older or newer\nthan the command: tombolo upgrade brings it to the same.',
    )
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
  const rows: Row[] = [{ component: 'tombolo', version, image: undefined, skew: undefined }]
  if (options.client !== true && (options.context !== undefined || options.kubeconfig !== undefined)) {
    // Here and not above: without a cluster this command is to answer at once.
    const { openCluster } = await import('../cluster/cluster.ts')
    const { imagesIn } = await import('../cluster/images.ts')
    await using cluster = await openCluster(options)
    for (const found of await imagesIn(cluster.kube, signal)) rows.push({ ...found, skew: skewOf(found.version, version) })
  }
  output.tables([table('versions', rows, columns, '')], options.output)
}

const columns: readonly Column<Row>[] = [
  { title: 'COMPONENT', cell: (row) => row.component },
  { title: 'VERSION', cell: (row) => row.version },
  { title: 'SKEW', cell: (row) => row.skew, ifAny: true, tone: (row) => (row.skew === 'same' ? 'good' : 'warn') },
  { title: 'IMAGE', cell: (row) => row.image, ifAny: true },
]
