// `npm run bench -- [NAME…] [--json]`: the figures of the product on real clusters, throughput and propagation beside their floor.
// Nothing is asserted: this machine's noise is not the product's fault, and a ratio to a floor of the same run says more than a limit.
import { Argument, Command, CommanderError } from 'commander'
import { renderTable, table } from '#cli/output/table.ts'
import { beds } from './bench/bed.ts'
import { admission } from './bench/admission.ts'
import type { Bench } from './bench/bench.ts'
import type { Figure } from './bench/figure.ts'
import { jsonLine, tableRow } from './bench/figure.ts'
import { cli } from './bench/cli.ts'
import { dns } from './bench/dns.ts'
import { idle } from './bench/idle.ts'
import { propagation } from './bench/propagation.ts'
import { membership } from './bench/membership.ts'
import { failover } from './bench/failover.ts'
import { start } from './bench/start.ts'
import { throughput } from './bench/throughput.ts'
import { sayOnStderr } from './setup/progress.ts'
import { messageOf, Refusal } from './setup/refusal.ts'

/** In the order in which they disturb each other least. A new one is a file in bench/ and a word here. */
const benches: readonly Bench[] = [admission, dns, start, idle, cli, throughput, propagation, membership, failover]

const stop = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => stop.abort())

type Options = { readonly json?: true; readonly quick?: true }

async function main(args: readonly string[]): Promise<number> {
  const names = new Argument('[name...]', 'which benches; all if none is named').choices(benches.map(({ name }) => name))
  const program = new Command('npm run bench --')
    .description('Measures Tombolo on real clusters on this machine.')
    .addArgument(names)
    .option('--json', 'one JSON object a line for each figure, instead of a table')
    .option('--quick', 'few samples: to see that a bench works')
    .addHelpText('after', `\nBenches:\n${benches.map(({ name, asks }) => `  ${name.padEnd(12)} ${asks}`).join('\n')}`)
    .exitOverride()
    .action((wanted: readonly string[], options: Options) => measure(wanted, options))
  try {
    await program.parseAsync(args, { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    if (stop.signal.aborted) {
      sayOnStderr('interrupted; nothing of it is left on the machine')
      return 130
    }
    sayOnStderr(`tombolo: ${messageOf(error)}`)
    return error instanceof Refusal ? error.exitCode : 1
  }
}

async function measure(wanted: readonly string[], { json, quick }: Options): Promise<void> {
  const began = performance.now()
  const say = (line: string) => sayOnStderr(`${((performance.now() - began) / 1000).toFixed(1).padStart(7)} s  ${line}`)
  const figures: Figure[] = []
  const onFigure = (figure: Figure) => {
    figures.push(figure)
    if (json === true) process.stdout.write(`${jsonLine(figure)}\n`)
  }
  await using bed = beds({ size: quick === true ? 'quick' : 'full', say, onFigure, signal: stop.signal })
  try {
    for (const bench of benches) if (wanted.length === 0 || wanted.includes(bench.name)) await bench.run(bed.of(bench.name))
  } finally {
    // What was measured before a fault is measured all the same.
    if (json !== true && figures.length > 0) process.stdout.write(`${drawn(figures)}\n`)
    sayOnStderr(`raw samples: ${bed.file}`)
  }
}

const drawn = (figures: readonly Figure[]): string => {
  const columns = ['BENCH', 'FIGURE', 'MEASURED', 'BESIDE IT', 'RATIO', 'WANTED']
  const rows = figures.map(tableRow)
  return renderTable(
    table(
      'figures',
      rows,
      columns.map((title, i) => ({ title, cell: (row: readonly string[]) => row[i] })),
      '',
    ),
    { format: 'table', headed: false, colour: false },
  )
}

process.exitCode = await main(process.argv.slice(2))
