// What `npm run bench` does with its words: which benches run, and how their figures are shown. Of which there are, it knows nothing.
import { Argument, Command, CommanderError } from 'commander'
import { renderTable, table } from '#cli/output/table.ts'
import type { Say } from '../setup/progress.ts'
import { messageOf, Refusal } from '../setup/refusal.ts'
import { beds } from './bed.ts'
import type { Bench } from './bench.ts'
import type { Figure } from './figure.ts'
import { jsonLine, tableRow } from './figure.ts'

export type Surroundings = {
  /** In the order in which they run. */
  readonly benches: readonly Bench[]
  /** The folder for files of raw samples. */
  readonly samples: string
  /** Figures, and help; whole lines. */
  readonly print: (text: string) => void
  /** All else that a person is told. */
  readonly say: Say
}

type Options = { readonly json?: true; readonly quick?: true }

/** The exit code: 2 for words that mean nothing and for a machine that cannot be measured on, 130 when it was stopped. */
export async function benchCommand(args: readonly string[], around: Surroundings, signal: AbortSignal): Promise<number> {
  const { benches, print, say } = around
  const names = new Argument('[name...]', 'which benches; all if none is named').choices(benches.map(({ name }) => name))
  const program = new Command('npm run bench --')
    .description('Measures Tombolo on real clusters on this machine.')
    .addArgument(names)
    .option('--json', 'one JSON object a line for each figure, instead of a table')
    .option('--quick', 'few samples: to see that a bench works')
    .addHelpText('after', `\nBenches:\n${benches.map(({ name, asks }) => `  ${name.padEnd(12)} ${asks}`).join('\n')}`)
    .configureOutput({ writeOut: print, writeErr: (text) => say(text.trimEnd()) })
    .exitOverride()
    .action((wanted: readonly string[], options: Options) => measure(wanted, options, around, signal))
  try {
    await program.parseAsync(args, { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    if (signal.aborted) {
      say('interrupted; nothing of it is left on the machine')
      return 130
    }
    if (error instanceof Refusal) {
      say(`tombolo: ${error.message}`)
      return error.exitCode
    }
    say(`tombolo: ${messageOf(error)}`)
    return 1
  }
}

async function measure(
  wanted: readonly string[],
  { json, quick }: Options,
  { benches, samples, print, say }: Surroundings,
  signal: AbortSignal,
): Promise<void> {
  const began = performance.now()
  const sayWhen = (line: string) => say(`${((performance.now() - began) / 1000).toFixed(1).padStart(7)} s  ${line}`)
  const figures: Figure[] = []
  const onFigure = (figure: Figure) => {
    figures.push(figure)
    if (json === true) print(`${jsonLine(figure)}\n`)
  }
  await using bed = beds({ folder: samples, size: quick === true ? 'quick' : 'full', say: sayWhen, onFigure, signal })
  try {
    for (const bench of benches) if (wanted.length === 0 || wanted.includes(bench.name)) await bench.run(bed.of(bench.name))
  } finally {
    // What was measured before a fault is measured all the same.
    if (json !== true && figures.length > 0) print(`${drawn(figures)}\n`)
    say(`raw samples: ${bed.file}`)
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
