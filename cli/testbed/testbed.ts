// Pods of a command's own in two clusters, in a namespace of their own in each, which is taken away again however the command ends.
import { randomBytes } from 'node:crypto'
import type { NodeFact } from '#fleet/facts/platform.ts'
import type { MemberView } from '#fleet/snapshot.ts'
import { takeSnapshot } from '#fleet/snapshot.ts'
import { exec } from '#lib/kube/exec.ts'
import type { Pod } from '#lib/kube/kinds.ts'
import { namespaces, pods } from '#lib/kube/kinds.ts'
import type { Chosen, Cluster } from '../cluster/cluster.ts'
import { fieldManager, openCluster } from '../cluster/cluster.ts'
import { notAMember } from '../cluster/membership.ts'
import type { Say } from '../cluster/until.ts'
import { until } from '../cluster/until.ts'
import type { Session } from '../commands/command.ts'
import { failed, refused } from '../problem.ts'
import type { Probe, Program, Spot } from './objects.ts'
import { container, namespaceObject, podObject } from './objects.ts'

/** One of the two clusters, with its pods. */
export type Ground<Place extends string = string> = {
  readonly at: Cluster
  readonly cluster: string
  readonly member: MemberView
  readonly probes: readonly Probe<Place>[]
}

export type Testbed<Place extends string> = {
  readonly namespace: string
  readonly near: Ground<Place>
  readonly far: Ground<Place>
}

export type Wanted<Place extends string> = {
  /** The command that asks; the namespace is named after it. */
  readonly name: string
  readonly program: Program
  readonly labels: Readonly<Record<string, string>>
  readonly spotsOf: (nodes: readonly NodeFact[]) => readonly Spot<Place>[]
}

export type Both = Chosen & { readonly toContext: string }

/** Starts the pods, works, and cleans up. Throws what `work` throws, and when a cluster is no member or has no place for a pod. */
export async function onTestbed<Place extends string, Result>(
  options: Both,
  wanted: Wanted<Place>,
  { output: { progress }, signal }: Pick<Session, 'output' | 'signal'>,
  work: (testbed: Testbed<Place>) => Promise<Result>,
): Promise<Result> {
  await using near = await openCluster(options)
  await using far = await openCluster({ kubeconfig: options.kubeconfig, context: options.toContext })
  if (near.context === far.context)
    throw refused('Both clusters are the same.', 'Name two clusters with --context and --to-context.')
  const found = await Promise.all([lookAt(near, wanted, signal), lookAt(far, wanted, signal)])
  // Not one of tombolo-…, from which nothing may be exported without a grant (crds/rules/export-name.ts).
  const namespace = `${wanted.name}-tombolo-${randomBytes(4).toString('hex')}`
  try {
    const [a, b] = await progress.step(`Pods in ${near.context} and ${far.context}`, (say) =>
      settled([start(found[0], wanted, namespace, say, signal), start(found[1], wanted, namespace, say, signal)]),
    )
    return await work({ namespace, near: a, far: b })
  } finally {
    await progress.step('Cleaning up', () => settled([removeNamespace(near, namespace), removeNamespace(far, namespace)]))
  }
}

/** What a program of ours printed in a pod, within `ms`. Throws when it cannot be run. */
export async function runIn(
  { connection }: Cluster,
  where: { readonly namespace: string; readonly pod: string },
  command: readonly string[],
  ms: number,
  signal: AbortSignal,
): Promise<string> {
  const { stdout } = await exec(connection, { ...where, container, command }, { ms, mostBytes: 1 << 20 }, signal)
  return stdout
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

type Found<Place extends string> = Omit<Ground, 'probes'> & { readonly image: string; readonly spots: readonly Spot<Place>[] }

async function lookAt<Place extends string>(at: Cluster, { spotsOf }: Wanted<Place>, signal: AbortSignal): Promise<Found<Place>> {
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
  return { at, cluster: member.membership.spec.clusterID, member, image, spots }
}

async function start<Place extends string>(
  { image, spots, ...found }: Found<Place>,
  { program, labels }: Wanted<Place>,
  namespace: string,
  say: Say,
  signal: AbortSignal,
): Promise<Ground<Place>> {
  const { kube } = found.at
  // Not with the command's signal: cut in the middle, it could come to be after it was cleaned up.
  await kube.apply(namespaces, namespaceObject(namespace), { fieldManager }, AbortSignal.timeout(writeMs))
  signal.throwIfAborted()
  const probes = spots.map(async (spot) => {
    await kube.apply(pods, podObject(namespace, spot, image, program, labels), { fieldManager }, signal)
    return { ...spot, addresses: await addressesOf(found.at, namespace, spot, say, signal) }
  })
  return { ...found, probes: await Promise.all(probes) }
}

/** When it is ready. */
function addressesOf(
  { kube, context }: Cluster,
  namespace: string,
  { place, node }: Spot,
  say: Say,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const wait = {
    what: `The start of a pod on ${node} of ${context}`,
    timeoutMs: 60_000,
    remedy: `kubectl --context ${context} describe node ${node} says what holds it.`,
    say,
  }
  return until(
    wait,
    async () => {
      const pod: Pod | undefined = await kube.get(pods, { namespace, name: place }, signal)
      const ready = pod?.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false
      const addresses = (pod?.status?.podIPs ?? []).flatMap(({ ip }) => ip ?? [])
      const waiting = pod?.status?.containerStatuses?.[0]?.state?.waiting
      return ready && addresses.length > 0
        ? { done: addresses }
        : { waiting: waiting?.message ?? waiting?.reason ?? pod?.status?.phase ?? 'it is not there' }
    },
    signal,
  )
}
