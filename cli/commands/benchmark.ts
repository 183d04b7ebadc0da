// `tombolo benchmark`: how fast a pod talks to a pod of another cluster, beside the same inside of one cluster, with pods of its own.
import { Argument, InvalidArgumentError } from 'commander'
import type { Subject, Tried } from '../benchmark/figures.ts'
import { latencyRows, subjects, tableOf, throughputRows } from '../benchmark/figures.ts'
import { echoCommand, parseMeasured, sendCommand, server, serverPort } from '../benchmark/programs.ts'
import type { Place, Way } from '../benchmark/ways.ts'
import { nameOf, spotsOf, waysOf } from '../benchmark/ways.ts'
import { failed } from '../problem.ts'
import type { Ground, Testbed } from '../testbed/testbed.ts'
import { onTestbed, runIn } from '../testbed/testbed.ts'
import type { AddCommand, CommonOptions, Session } from './command.ts'
import { commonOptions, seconds, toContextOption } from './command.ts'

type Options = CommonOptions & { readonly toContext: string; readonly seconds: number; readonly connections: number }

export const addBenchmark: AddCommand = (program, session) => {
  const command = program
    .command('benchmark')
    .summary('measure how fast pods of two clusters talk to each other')
    .description(
      'Runs pods in two clusters and measures TCP between them, one way after the other: from a gateway node to a gateway node, from\n' +
        'another node to another, and for comparison between two nodes of one cluster. They run the image that the cluster runs\n' +
        'already, in a namespace benchmark-tombolo-… of their own, deleted at the end, also after Ctrl-C.\n' +
        'Node sends and receives. A network that is faster than Node is shown as slow as Node, which flatters the way across; a round trip\n' +
        'has tenths of a millisecond of Node in it on a busy machine.',
    )
    .addArgument(new Argument('[what]', 'only this').choices([...subjects, 'all']).default('all'))
    .addOption(toContextOption())
    .option('--seconds <seconds>', 'how long each way is measured', seconds, 5)
    .option('--connections <number>', 'TCP connections that send at the same time; latency is measured on one', count, 1)
    .addHelpText(
      'after',
      `
Examples:
  tombolo benchmark --context west --to-context east
  tombolo benchmark throughput --context west --to-context east --seconds 10 --connections 4
  tombolo benchmark latency --context west --to-context east -o wide
  tombolo benchmark --context west --to-context east -o json | jq '.throughput[] | {name, mbitPerSecond, ratio}'

OF INSIDE is the figure divided by that inside of one cluster. If it is killed, delete the namespaces benchmark-tombolo-….`,
    )
    .action((what: Subject | 'all', options: Options) => run(what === 'all' ? subjects : [what], options, session))
  commonOptions(command, 'the cluster that sends')
}

async function run(wanted: readonly Subject[], options: Options, session: Session): Promise<void> {
  const { output, signal } = session
  const program = { text: server, port: serverPort }
  const labels = { 'app.kubernetes.io/name': 'tombolo-benchmark' }
  const tables = await onTestbed(options, { name: 'benchmark', program, labels, spotsOf }, session, async (testbed) => {
    const ways = waysOf(testbed.near, testbed.far)
    // One after the other: they would share the network that they measure.
    const measured = []
    for (const subject of wanted) {
      const tried = await output.progress.step(titles[subject], async (say) => {
        const all: Tried[] = []
        for (const way of ways) {
          say(`${nameOf(way.from)} → ${nameOf(way.to)}`)
          all.push(await measure(subject, way, testbed, options, signal))
        }
        return all
      })
      measured.push(
        subject === 'throughput'
          ? tableOf.throughput(throughputRows(tried, options.connections))
          : tableOf.latency(latencyRows(tried)),
      )
    }
    return measured
  })
  output.tables(tables, options.output)
}

const titles: Readonly<Record<Subject, string>> = { throughput: 'Pods send', latency: 'Pods ask and are answered' }

async function measure(
  subject: Subject,
  way: Way<Ground<Place>>,
  { namespace }: Testbed<Place>,
  { seconds: span, connections }: Options,
  signal: AbortSignal,
): Promise<Tried> {
  if ('skipped' in way) return { way }
  const to = { host: way.host, port: serverPort }
  const command = subject === 'throughput' ? sendCommand(to, span, connections) : echoCommand(to, span)
  const printed = await runIn(way.side.at, { namespace, pod: way.pod }, command, span * 1000 + 30_000, signal)
  const measured = parseMeasured(printed)
  if (measured.kind === 'none')
    throw failed(
      `A pod on ${nameOf(way.from)} could not talk to ${way.host} on ${nameOf(way.to)}: ${measured.why}.`,
      'tombolo verify says between which pods it fails, tombolo diagnose all in both clusters what is broken.',
    )
  return { way, measured }
}

function count(text: string): number {
  const n = Number(text)
  if (!Number.isInteger(n) || n < 1 || n > 64) throw new InvalidArgumentError('It must be a whole number from 1 to 64.')
  return n
}
