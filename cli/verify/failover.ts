// `tombolo verify gateway-failover`: a pod of the near cluster asks one of the far cluster again and again, while the far cluster's active
// gateway is killed. Nothing has to be put back: the DaemonSet starts the pod anew.
import { componentLabel, gatewayNodeLabel, systemNamespace } from '#crds/places.ts'
import { activeOf, believed } from '#fleet/rows/announced.ts'
import { stateOf } from '#fleet/rows/gateways.ts'
import type { MemberView } from '#fleet/snapshot.ts'
import { takeSnapshot } from '#fleet/snapshot.ts'
import { pods } from '#lib/kube/kinds.ts'
import { keyOf } from '#lib/kube/object.ts'
import { pause } from '#lib/std/pause.ts'
import { addressFor } from '../testbed/objects.ts'
import type { Testbed } from '../testbed/testbed.ts'
import { runIn } from '../testbed/testbed.ts'
import type { Place } from './objects.ts'
import { outermost } from './plan.ts'
import type { Watched } from './programs.ts'
import { parseWatched, serverPort, watchCommand } from './programs.ts'
import type { Failover, Row } from './render.ts'

/** How long the client asks before the gateway is killed. */
const leadMs = 2000
/** However little patience was asked for: the kill and what follows must be seen. */
const leastWatchMs = 15_000

export async function failover({ namespace, near, far }: Testbed<Place>, timeoutMs: number, signal: AbortSignal): Promise<Row> {
  const began = performance.now()
  const row = (rest: Pick<Row, 'result' | 'why' | 'failover'>): Row => ({
    subject: 'gateway-failover',
    name: `gateway failover, ${near.cluster} → ${far.cluster}`,
    seconds: rest.result === 'skipped' ? 0 : (performance.now() - began) / 1000,
    ...rest,
  })
  const victim = victimOf(far.member, far.at.context)
  if ('why' in victim) return row(victim)
  const [from, to] = [outermost(near), outermost(far)]
  const host = from === undefined || to === undefined ? undefined : addressFor(from, to)
  if (from === undefined || host === undefined)
    return row({ result: 'skipped', why: 'the pods of the two have no address family in common' })

  const watchMs = Math.max(timeoutMs, leastWatchMs)
  const asking = runIn(
    near.at,
    { namespace, pod: from.place },
    watchCommand({ host, port: serverPort }, watchMs),
    watchMs + 30_000,
    signal,
  )
  const [printed, killed] = await Promise.all([asking, killLater(far, victim.active, signal)])
  if (killed === 0) return row({ result: 'failed', why: `no pod of a gateway was found on ${victim.active} to be killed` })
  const heard = judgeWatched(parseWatched(printed))
  const { member } = await takeSnapshot(far.at.kube, signal)
  const after = member === undefined ? undefined : activeOf(believed(member), far.cluster)?.spec.node
  return row(verdictOf(victim.active, after, heard))
}

type Victim = { readonly active: string } | { readonly result: 'skipped' | 'failed'; readonly why: string }

/** The node of the active gateway, if another could take over. */
export function victimOf(member: MemberView, context: string): Victim {
  const id = member.membership.spec.clusterID
  if (member.running.length < 2)
    return {
      result: 'skipped',
      why: `${id} has ${member.running.length === 0 ? 'no gateway' : `one gateway, on ${member.running.join()}`}, so none could take over. A second: kubectl --context ${context} label node NODE ${gatewayNodeLabel}=true`,
    }
  const active = activeOf(believed(member), id)?.spec.node
  if (active === undefined)
    return { result: 'failed', why: `no gateway of ${id} is active: tombolo diagnose connections --context ${context}` }
  const drained = member.gateways.flatMap((g) => (g.spec.clusterID === id && stateOf(g) === 'Drained' ? [g.spec.node] : []))
  const others = member.running.filter((node) => node !== active)
  return others.every((node) => drained.includes(node))
    ? {
        result: 'skipped',
        why: `${id} has no other gateway that may lead: tombolo gateway uncordon ${others[0] ?? 'NODE'} --context ${context}`,
      }
    : { active }
}

export type Heard = Pick<Failover, 'asked' | 'lost' | 'longestSilenceMs'> & {
  /** Answered when the gateway was not killed yet, and at the end. */
  readonly atFirst: boolean
  readonly atLast: boolean
}

/** A silence lasts from one answer to the next, whichever requests they are to; in the beginning from the first request. */
export function judgeWatched({ requests, ms }: Watched): Heard {
  const answers = requests.flatMap(([at, took]) => (took === null ? [] : [at + took])).toSorted((a, b) => a - b)
  const moments = [requests[0]?.[0] ?? 0, ...answers, ...(requests.at(-1)?.[1] === null ? [ms] : [])]
  const gaps = moments.slice(1).map((moment, i) => moment - (moments[i] ?? 0))
  return {
    asked: requests.length,
    lost: requests.filter(([, took]) => took === null).length,
    longestSilenceMs: Math.round(Math.max(0, ...gaps)),
    atFirst: (answers[0] ?? Infinity) < leadMs,
    atLast: requests.length > 0 && requests.at(-1)?.[1] !== null,
  }
}

/** Who leads is a fact of its own: a pod that is back before the Lease has run out goes on leading, which is no fault. */
export function verdictOf(
  before: string,
  after: string | undefined,
  { atFirst, atLast, ...heard }: Heard,
): Pick<Row, 'result' | 'why' | 'failover'> {
  const facts = { killed: before, ...(after === undefined ? {} : { tookOver: after }), ...heard }
  if (!atFirst) return { result: 'failed', why: 'the pod had no answer before the gateway was killed', failover: facts }
  if (!atLast) return { result: 'failed', why: `the pod had no answer any more after ${before} was killed`, failover: facts }
  if (after === undefined) return { result: 'failed', why: 'no gateway is active afterwards', failover: facts }
  return { result: 'passed', failover: facts }
}

/** How many pods that were. */
async function killLater({ at: { kube } }: Testbed<Place>['far'], node: string, signal: AbortSignal): Promise<number> {
  await pause(leadMs, signal)
  signal.throwIfAborted()
  const where = { namespace: systemNamespace, labels: `${componentLabel}=gateway`, fields: `spec.nodeName=${node}` }
  const { items } = await kube.list(pods, where, signal)
  for (const pod of items) await kube.delete(pods, keyOf(pod), { graceSeconds: 0 }, signal)
  return items.length
}
