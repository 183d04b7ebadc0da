// `tombolo verify`: shows with pods of its own that two clusters reach each other. What it makes has a namespace of its own in each, which
// it takes away again however it ends.
import { Argument } from 'commander'
import { serviceExport } from '#crds/service-export.ts'
import { services } from '#lib/kube/kinds.ts'
import { fieldManager } from '../cluster/cluster.ts'
import { failed, refused } from '../problem.ts'
import type { Ground, Testbed } from '../testbed/testbed.ts'
import { onTestbed } from '../testbed/testbed.ts'
import { failover } from '../verify/failover.ts'
import type { Place } from '../verify/objects.ts'
import { exportObject, labels, serviceObject, spotsOf } from '../verify/objects.ts'
import type { Subject } from '../verify/plan.ts'
import { connectivityCases, discoveryCases, goneCases, subjects } from '../verify/plan.ts'
import { server, serverPort } from '../verify/programs.ts'
import type { Row } from '../verify/render.ts'
import { linesOf, nameOf } from '../verify/render.ts'
import type { Tested } from '../verify/run.ts'
import { runCases } from '../verify/run.ts'
import type { AddCommand, CommonOptions, Session } from './command.ts'
import { commonOptions, seconds, toContextOption } from './command.ts'

type Options = CommonOptions & {
  readonly toContext: string
  readonly connectionTimeout: number
  readonly disruptive?: true
}

export const addVerify: AddCommand = (program, session) => {
  const command = program
    .command('verify')
    .summary('show with pods that two clusters reach each other')
    .description(
      'Runs pods in two clusters and lets them call each other by address and by clusterset name. They run the image that the\ncluster runs already, in a namespace verify-tombolo-… of their own, deleted at the end, also after Ctrl-C.\ngateway-failover kills the active gateway of the other cluster while pods talk; it is left out without --disruptive.',
    )
    .addArgument(new Argument('[what]', 'only this').choices([...subjects, 'all']).default('all'))
    .addOption(toContextOption())
    .option('--connection-timeout <seconds>', 'how long each test may take to succeed', seconds, 60)
    .option('--disruptive', 'also what interrupts the traffic between the two clusters: gateway-failover')
    .addHelpText(
      'after',
      `
Examples:
  tombolo verify --context west --to-context east
  tombolo verify connectivity --context west --to-context east --connection-timeout 20
  tombolo verify gateway-failover --disruptive --context west --to-context east
  tombolo verify --context west --to-context east -o json | jq '.tests[] | select(.result == "failed")'

✓ passed, ✗ failed, - skipped, with the reason. Exit code 1 when a test failed. If it is killed, delete the namespaces verify-tombolo-….`,
    )
    .action((what: Subject | 'all', options: Options) => run(what, options, session))
  commonOptions(command, 'the one cluster')
}

async function run(what: Subject | 'all', options: Options, session: Session): Promise<void> {
  const { output } = session
  if (what === 'gateway-failover' && options.disruptive !== true)
    throw refused(
      `verify gateway-failover kills the active gateway of "${options.toContext}", which interrupts its traffic to all clusters.`,
      'Where that may be, say so: --disruptive.',
    )
  const wanted = what === 'all' ? subjects.filter((s) => s !== 'gateway-failover' || options.disruptive === true) : [what]
  const timeoutMs = options.connectionTimeout * 1000
  const program = { text: server, port: serverPort }
  const { near, far, rows } = await onTestbed(
    options,
    { name: 'verify', program, labels, spotsOf },
    session,
    async (testbed) => ({
      near: testbed.near.at.context,
      far: testbed.far.at.context,
      rows: await verify(testbed, wanted, timeoutMs, session),
    }),
  )
  const count = (result: Row['result']) => rows.filter((row) => row.result === result).length
  const counts = { passed: count('passed'), failed: count('failed'), skipped: count('skipped') }
  output.result(linesOf(rows), { context: near, toContext: far, ...counts, tests: rows }, options.output, rows.map(nameOf))
  if (counts.failed > 0)
    throw failed(
      `${counts.failed} of ${rows.length} tests failed.`,
      'tombolo diagnose all in both clusters says what is broken, tombolo why what stops one pod.',
    )
}

async function verify(
  testbed: Testbed<Place>,
  wanted: readonly Subject[],
  timeoutMs: number,
  { output, signal }: Session,
): Promise<readonly Row[]> {
  const { step } = output.progress
  const { namespace } = testbed
  const [a, b] = [tested(testbed.near, 'near'), tested(testbed.far, 'far')]
  const rows: Row[] = []
  const test = (title: string, cases: Parameters<typeof runCases>[0]) =>
    step(title, async () => rows.push(...(await runCases(cases, [a, b], namespace, timeoutMs, signal))))
  if (wanted.includes('connectivity')) await test('Pods call pods', connectivityCases(a, b))
  if (wanted.includes('service-discovery')) {
    await Promise.all([a, b].map((side) => exportService(side, namespace, signal)))
    await test('Pods call services by name', discoveryCases(a, b, namespace))
    await Promise.all([a, b].map(({ at, service }) => at.kube.delete(serviceExport, { namespace, name: service }, {}, signal)))
    await test('Names go with their exports', goneCases(a, b, namespace))
  }
  if (wanted.includes('gateway-failover'))
    await step(`A pod asks while the active gateway of ${b.cluster} is killed`, async () =>
      rows.push(await failover(testbed, timeoutMs, signal)),
    )
  return rows
}

const tested = ({ at, cluster, probes }: Ground<Place>, service: string): Tested => ({
  at,
  context: at.context,
  cluster,
  service,
  probes,
})

async function exportService({ at: { kube }, service }: Tested, namespace: string, signal: AbortSignal): Promise<void> {
  await kube.apply(services, serviceObject(namespace, service), { fieldManager }, signal)
  await kube.apply(serviceExport, exportObject(namespace, service), { fieldManager }, signal)
}
