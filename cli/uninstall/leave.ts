// Getting Tombolo off a cluster's nodes. The operator does it, on the deletion of the Membership; where there is no operator that
// can, this does the same steps in its place, since whoever uninstalls has often something broken in front of him.
//
//   delete Membership ──► operator begins (condition Leaving) ──► … ──► finalizer off, Membership gone
//        └─ no operator, or it has not begun, or it died: stop it, do the steps, take the finalizer off
import type { Membership } from '#crds/membership.ts'
import { membership } from '#crds/membership.ts'
import { componentLabel, membershipName, systemNamespace } from '#crds/places.ts'
import type { Kube } from '#lib/kube/client.ts'
import { removeFinalizer } from '#lib/kube/finalizer.ts'
import type { DaemonSet, Deployment, Pod } from '#lib/kube/kinds.ts'
import { daemonSets, deployments, nodes, pods } from '#lib/kube/kinds.ts'
import { keyOf } from '#lib/kube/object.ts'
import { DeadlineError, within } from '#lib/std/deadline.ts'
import { pause } from '#lib/std/pause.ts'
import { finalizer, removeCopies, takeAway } from '#operator/install/leave.ts'
import { nameOf } from '#operator/install/manifests/pod.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Say } from '../cluster/until.ts'
import { failed } from '../problem.ts'

export type Leaving = {
  readonly timeoutMs: number
  /** Give up nodes that cannot be reached. */
  readonly force: boolean
  /** How long an operator may be away, or not begin, until we do its work. */
  readonly graceMs: number
}

const key = { namespace: systemNamespace, name: membershipName }
const inSystem = (name: string) => ({ namespace: systemNamespace, name })

/** Resolves to what could not be taken off. Repeatable. */
export async function leaveCluster(cluster: Cluster, how: Leaving, say: Say, signal: AbortSignal): Promise<readonly string[]> {
  const { kube } = cluster
  const own: Membership | undefined = await kube.get(membership, key, signal)
  const agent: DaemonSet | undefined = await kube.get(daemonSets, inSystem(nameOf('agent')), signal)
  const who = own?.spec ?? whoOf(agent)
  await kube.delete(membership, key, {}, signal)
  const held = own?.metadata.finalizers?.includes(finalizer) === true
  const verdict = held ? await operatorLeaves(kube, how, say, signal) : agent === undefined ? 'done' : 'ours'
  if (verdict === 'done' || who === undefined) return []
  const left = verdict === 'stuck' ? await giveUp(cluster, how, signal) : await leaveInItsPlace(cluster, who, how, say, signal)
  const rest = await kube.get(membership, key, signal)
  if (rest !== undefined) await removeFinalizer(kube, membership, rest, finalizer, signal)
  return left
}

type Who = Pick<Membership['spec'], 'image' | 'clusterID'>

/** From the agents, where the Membership was torn out before they were stopped. */
function whoOf(agent: DaemonSet | undefined): Who | undefined {
  const container = agent?.spec?.template.spec?.containers[0]
  const clusterID = container?.env?.find(({ name }) => name === 'CLUSTER_ID')?.value
  return container?.image === undefined || clusterID === undefined
    ? undefined
    : { image: container.image, clusterID: clusterID as Who['clusterID'] }
}

/** `ours`: nobody is at work, or cannot go on. `stuck`: nodes do not get clean, whoever does it. */
type Verdict = 'done' | 'wait' | 'stuck' | 'ours'

export type Watched = {
  readonly membership: Pick<Membership, 'status'> | undefined
  readonly operator: Deployment | undefined
  /** Since the deletion, and since the operator was last seen available. */
  readonly waitedMs: number
  readonly awayMs: number
}

export function judgeOperator({ membership: own, operator, waitedMs, awayMs }: Watched, how: Leaving): Verdict {
  if (own === undefined) return 'done'
  // One that was scaled to 0 was sent away: nobody will begin.
  if (operator === undefined || operator.spec?.replicas === 0 || awayMs > how.graceMs) return 'ours'
  const step = leavingStep(own)
  if (step === undefined && waitedMs > how.graceMs) return 'ours'
  if (waitedMs <= how.timeoutMs) return 'wait'
  return step === 'CleaningNodes' ? 'stuck' : 'ours'
}

const leavingStep = ({ status }: Pick<Membership, 'status'>): string | undefined =>
  status?.conditions?.find((c) => c.type === 'Leaving')?.reason

/** Its words for the step that the operator, or we in its place, are at. */
const words: Readonly<Record<string, string>> = {
  RestoringNames: 'the cluster DNS gets its own configuration back',
  RemovingImports: 'imported services go',
  StoppingGateways: 'gateways and agents stop',
  CleaningNodes: 'a pod on every node takes devices, routes and rules off it',
  RemovingCopies: 'what is known of other clusters goes',
}
const wordsFor = (step: string): string => words[step] ?? step

async function operatorLeaves(kube: Kube, how: Leaving, say: Say, signal: AbortSignal): Promise<Exclude<Verdict, 'wait'>> {
  const began = performance.now()
  let seen = began
  for (;;) {
    const [own, operator] = await Promise.all([
      kube.get(membership, key, signal),
      kube.get(deployments, inSystem(nameOf('operator')), signal),
    ])
    const now = performance.now()
    if ((operator?.status?.availableReplicas ?? 0) > 0) seen = now
    const verdict = judgeOperator({ membership: own, operator, waitedMs: now - began, awayMs: now - seen }, how)
    if (verdict !== 'wait') return verdict
    const step = own === undefined ? undefined : leavingStep(own)
    say(step === undefined ? 'the operator has not begun yet' : wordsFor(step))
    await pause(200, signal)
    signal.throwIfAborted()
  }
}

async function leaveInItsPlace(
  cluster: Cluster,
  who: Who,
  how: Leaving,
  say: Say,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { kube } = cluster
  say('the operator does not do it, so this command does')
  await stopOperator(kube, signal)
  const tell = (step: string) => {
    say(`${wordsFor(step)} (without the operator)`)
    return Promise.resolve()
  }
  try {
    await within(how.timeoutMs, signal, (limit) => takeAway(kube, who, tell, kube.log, limit))
    return []
  } catch (error) {
    if (!(error instanceof DeadlineError)) throw error
    return giveUp(cluster, how, signal)
  }
}

/** Throws unless that is what was asked for. */
async function giveUp(
  { kube, context }: Cluster,
  { force, timeoutMs }: Leaving,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const unclean = await uncleanNodes(kube, signal)
  const where = unclean.length === 0 ? 'the cluster' : `node ${unclean.join(', node ')}`
  if (!force)
    throw failed(
      `Tombolo could not be taken off ${where} within ${Math.round(timeoutMs / 1000)} s.`,
      `Bring it back and run the same command again, or give it up with --force; kubectl --context ${context} -n ${systemNamespace} get pods -o wide shows what is missing.`,
    )
  await stopOperator(kube, signal)
  await dropPods(kube, signal)
  await removeCopies(kube, signal)
  return [`on ${where}, until it is restarted: Tombolo's devices, routes and rules; and its folder /var/lib/tombolo`]
}

/** The pods of a node that is gone would hold the namespace for ever. */
async function dropPods(kube: Kube, signal: AbortSignal): Promise<void> {
  for (const component of ['gateway', 'agent', 'cleanup'] as const)
    await kube.delete(daemonSets, inSystem(nameOf(component)), {}, signal)
  for (const pod of (await kube.list(pods, { namespace: systemNamespace }, signal)).items)
    await kube.delete(pods, keyOf(pod), { graceSeconds: 0 }, signal)
}

/** So that no two do the same work. A node that is gone keeps its pod for ever, which must not keep us: every step is repeatable. */
export async function stopOperator(kube: Kube, signal: AbortSignal): Promise<void> {
  await kube.delete(deployments, inSystem(nameOf('operator')), { propagation: 'Foreground' }, signal)
  const until = performance.now() + 15_000
  while (performance.now() < until) {
    if ((await kube.get(deployments, inSystem(nameOf('operator')), signal)) === undefined) return
    await pause(200, signal)
    signal.throwIfAborted()
  }
}

async function uncleanNodes(kube: Kube, signal: AbortSignal): Promise<readonly string[]> {
  const [all, cleaners] = await Promise.all([
    kube.list(nodes, {}, signal),
    kube.list(pods, { namespace: systemNamespace, labels: `${componentLabel}=cleanup` }, signal),
  ])
  return notClean(
    all.items.map((node) => node.metadata.name),
    cleaners.items,
  )
}

export function notClean(nodeNames: readonly string[], cleaners: readonly Pod[]): readonly string[] {
  const clean = new Set(
    cleaners
      .filter(({ status }) => status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') === true)
      .map(({ spec }) => spec?.nodeName),
  )
  return nodeNames.filter((name) => !clean.has(name))
}
