// `tombolo verify`: shows with pods of its own that two clusters reach each other. What it makes has a namespace of its own in each, which
// it takes away again however it ends.
import { randomBytes } from 'node:crypto'
import { Argument } from 'commander'
import { serviceExport } from '#crds/service-export.ts'
import { takeSnapshot } from '#fleet/snapshot.ts'
import type { Pod } from '#lib/kube/kinds.ts'
import { namespaces, pods, services } from '#lib/kube/kinds.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { fieldManager, openCluster } from '../cluster/cluster.ts'
import { notAMember } from '../cluster/membership.ts'
import type { Say } from '../cluster/until.ts'
import { until } from '../cluster/until.ts'
import { failed, refused } from '../problem.ts'
import type { Spot } from '../verify/objects.ts'
import { exportObject, namespaceObject, podObject, serviceObject, spotsOf } from '../verify/objects.ts'
import type { Probe, Subject } from '../verify/plan.ts'
import { connectivityCases, discoveryCases, goneCases, subjects } from '../verify/plan.ts'
import type { Row } from '../verify/render.ts'
import { linesOf } from '../verify/render.ts'
import type { Tested } from '../verify/run.ts'
import { runCases } from '../verify/run.ts'
import type { AddCommand, CommonOptions, Session } from './command.ts'
import { commonOptions, seconds } from './command.ts'

type Options = CommonOptions & { readonly toContext: string; readonly connectionTimeout: number }

export const addVerify: AddCommand = (program, session) => {
  const command = program
    .command('verify')
    .summary('show with pods that two clusters reach each other')
    .description(
      'Runs pods in two clusters and lets them call each other by address and by clusterset name. They run the image that the\ncluster runs already, in a namespace tombolo-verify-… of their own, deleted at the end, also after Ctrl-C.',
    )
    .addArgument(new Argument('[what]', 'only this').choices([...subjects, 'all']).default('all'))
    .requiredOption('--to-context <name>', 'kubeconfig context of the other cluster')
    .option('--connection-timeout <seconds>', 'how long each test may take to succeed', seconds, 60)
    .addHelpText(
      'after',
      `
Examples:
  tombolo verify --context west --to-context east
  tombolo verify connectivity --context west --to-context east --connection-timeout 20
  tombolo verify --context west --to-context east -o json | jq '.tests[] | select(.result == "failed")'

✓ passed, ✗ failed, - skipped, with the reason. Exit code 1 when a test failed. If it is killed, delete the namespaces tombolo-verify-….`,
    )
    .action((what: Subject | 'all', options: Options) => run(what === 'all' ? subjects : [what], options, session))
  commonOptions(command, 'the one cluster')
}

async function run(wanted: readonly Subject[], options: Options, { output, signal }: Session): Promise<void> {
  await using near = await openCluster(options)
  await using far = await openCluster({ kubeconfig: options.kubeconfig, context: options.toContext })
  if (near.context === far.context)
    throw refused('Both clusters are the same.', 'Name two clusters with --context and --to-context.')
  const [foundNear, foundFar] = await Promise.all([lookAt(near, signal), lookAt(far, signal)])
  const namespace = `tombolo-verify-${randomBytes(4).toString('hex')}`
  const timeoutMs = options.connectionTimeout * 1000
  const { step } = output.progress
  const rows: Row[] = []
  try {
    const [a, b] = await step(`Pods in ${near.context} and ${far.context}`, (say) =>
      Promise.all([start(foundNear, namespace, 'near', say, signal), start(foundFar, namespace, 'far', say, signal)]),
    )
    const test = (title: string, cases: Parameters<typeof runCases>[0]) =>
      step(title, async () => rows.push(...(await runCases(cases, [a, b], namespace, timeoutMs, signal))))
    if (wanted.includes('connectivity')) await test('Pods call pods', connectivityCases(a, b))
    if (wanted.includes('service-discovery')) {
      await Promise.all([a, b].map((side) => exportService(side, namespace, signal)))
      await test('Pods call services by name', discoveryCases(a, b, namespace))
      await Promise.all([a, b].map(({ at, service }) => at.kube.delete(serviceExport, { namespace, name: service }, {}, signal)))
      await test('Names go with their exports', goneCases(a, b, namespace))
    }
  } finally {
    await step('Cleaning up', () => settled([removeNamespace(near, namespace), removeNamespace(far, namespace)]))
  }
  const count = (result: Row['result']) => rows.filter((row) => row.result === result).length
  const counts = { passed: count('passed'), failed: count('failed'), skipped: count('skipped') }
  output.report(
    linesOf(rows),
    { context: near.context, toContext: far.context, ...counts, tests: rows },
    rows.map(({ subject, name, result }) => `${subject}/${result}: ${name}`),
    options.output,
  )
  if (counts.failed > 0)
    throw failed(
      `${counts.failed} of ${rows.length} tests failed.`,
      'tombolo diagnose all in both clusters says what is broken, tombolo why what stops one pod.',
    )
}

const writeMs = 30_000

/** Not with the command's signal: after Ctrl-C that one is over. */
const removeNamespace = ({ kube }: Cluster, name: string): Promise<unknown> =>
  kube.delete(namespaces, { name }, {}, AbortSignal.timeout(writeMs))

/** Both results or the first error, but not before both have ended. */
async function settled<T>(both: readonly [Promise<T>, Promise<T>]): Promise<readonly [T, T]> {
  await Promise.allSettled(both)
  return Promise.all(both)
}

type Found = { readonly at: Cluster; readonly cluster: string; readonly image: string; readonly spots: readonly Spot[] }

async function lookAt(at: Cluster, signal: AbortSignal): Promise<Found> {
  const { member, platform } = await takeSnapshot(at.kube, signal)
  if (member === undefined) throw notAMember(at.context)
  const image = member.workloads.find((w) => w.component === 'operator')?.image
  if (image === undefined)
    throw failed(
      `The operator in context "${at.context}" is not installed.`,
      `tombolo diagnose deployment --context ${at.context}`,
    )
  const spots = spotsOf(platform.nodes)
  if (spots.length === 0)
    throw failed(`No node in context "${at.context}" is ready.`, `kubectl --context ${at.context} get nodes`)
  return { at, cluster: member.membership.spec.clusterID, image, spots }
}

async function start(
  { at, cluster, image, spots }: Found,
  namespace: string,
  service: string,
  say: Say,
  signal: AbortSignal,
): Promise<Tested> {
  const { kube, context } = at
  // Not with the command's signal: cut in the middle, it could come to be after it was cleaned up.
  await kube.apply(namespaces, namespaceObject(namespace), { fieldManager }, AbortSignal.timeout(writeMs))
  signal.throwIfAborted()
  await kube.apply(services, serviceObject(namespace, service), { fieldManager }, signal)
  const probes = await Promise.all(spots.map((spot) => startPod(at, namespace, spot, image, say, signal)))
  return { at, context, cluster, service, probes }
}

async function startPod(
  { kube, context }: Cluster,
  namespace: string,
  spot: Spot,
  image: string,
  say: Say,
  signal: AbortSignal,
): Promise<Probe> {
  await kube.apply(pods, podObject(namespace, spot, image), { fieldManager }, signal)
  const wait = {
    what: `The start of a pod on ${spot.node} of ${context}`,
    timeoutMs: 60_000,
    remedy: `kubectl --context ${context} describe node ${spot.node} says what holds it.`,
    say,
  }
  return until(
    wait,
    async () => {
      const pod: Pod | undefined = await kube.get(pods, { namespace, name: spot.place }, signal)
      const ready = pod?.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false
      const addresses = (pod?.status?.podIPs ?? []).flatMap(({ ip }) => ip ?? [])
      const waiting = pod?.status?.containerStatuses?.[0]?.state?.waiting
      return ready && addresses.length > 0
        ? { done: { place: spot.place, addresses } }
        : { waiting: waiting?.message ?? waiting?.reason ?? pod?.status?.phase ?? 'it is not there' }
    },
    signal,
  )
}

const exportService = ({ at: { kube }, service }: Tested, namespace: string, signal: AbortSignal) =>
  kube.apply(serviceExport, exportObject(namespace, service), { fieldManager }, signal)
