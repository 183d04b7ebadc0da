// Which clusters answer a service here: from a policy and how the clusters are now, a verdict for each. Pure; what was chosen before is
// read from the EndpointSlices there are, so nothing is remembered and a restart changes nothing.
import type { ChoiceState, Locality, ServiceTrafficPolicy, Share } from '#crds/service-traffic-policy.ts'
import { sum } from '#lib/std/sum.ts'

export type TrafficPolicy = ServiceTrafficPolicy['spec']

/** What both clusters are in: a zone, or at least a region. */
export type Shared = 'Zone' | 'Region'

/**
 * How the gateway of this cluster is connected to another one. `rttMicros` undefined: not measured yet, or not known. `why`: what is said of
 * a cluster that does not answer for it.
 */
export type Path =
  | { readonly kind: 'here' }
  | { readonly kind: 'open'; readonly rttMicros: number | undefined; readonly shared?: Shared }
  | { readonly kind: 'dead'; readonly why: string }

/** A cluster with endpoints of the service, whether ready or not. */
export type Candidate = {
  readonly cluster: string
  readonly endpoints: number
  readonly ready: number
  readonly path: Path
}

/** `share`: of the calls, where weights hold. */
export type Choice = {
  readonly cluster: string
  readonly state: ChoiceState
  readonly message: string
  readonly share?: Share
}

/**
 * Clusters come in tiers: those of `order` one by one, the others by `locality`, and where there are `weights`, those without one last.
 * Tiers are taken until what is taken has `minReadyEndpoints`; of those taken, the clusters with a ready endpoint answer. A cluster behind a
 * dead path has none.
 *
 * Hysteresis: a later tier stops answering only when those before it have a quarter more than the minimum, or all their endpoints are ready
 * and enough. Round trips have theirs where they are published (gateway/publish.ts). With `answering` equal to what it chose, it
 * chooses the same again.
 *
 * Where no cluster that is allowed has a ready endpoint all of them answer, as without a policy: a dead path may yet carry a call.
 */
export function choose(
  policy: TrafficPolicy,
  candidates: readonly Candidate[],
  answering: ReadonlySet<string>,
): readonly Choice[] {
  const refusals = candidates.map((candidate) => ({ candidate, why: whyDenied(policy, candidate.cluster) }))
  const tiers = tiersOf(
    policy,
    refusals.flatMap(({ candidate, why }) => (why === undefined ? [candidate] : [])),
  )
  const taken = tiers.slice(0, enough(policy.minReadyEndpoints, tiers, answering))
  const isAnyReady = taken.flat().some((candidate) => readyOf(candidate) > 0)
  const choices = [
    ...refusals.flatMap(({ candidate: { cluster }, why }) =>
      why === undefined ? [] : [{ cluster, state: 'Denied' as const, message: why }],
    ),
    ...taken.flatMap((tier, at) =>
      tier.map((candidate): Choice => {
        const { cluster } = candidate
        if (isAnyReady && readyOf(candidate) === 0) return { cluster, state: 'Unready', message: whyUnready(candidate) }
        const why = whyTaken(policy, taken.slice(0, at), isAnyReady)
        return { cluster, state: 'Answers', message: `${why}${howNear(policy, candidate)}` }
      }),
    ),
    ...tiers.slice(taken.length).flatMap((tier) =>
      tier.map((candidate): Choice => {
        const { cluster } = candidate
        const why = isWeightless(policy, cluster) ? 'spec.weights gives it none: ' : ''
        const before = `${listed(taken.flat())} ${verb(taken.flat(), 'comes', 'come')} before it`
        return { cluster, state: 'Standby', message: `${why}${before}${howNear(policy, candidate)}` }
      }),
    ),
  ]
  return choices.toSorted((a, b) => (a.cluster < b.cluster ? -1 : 1))
}

/** Without a policy every cluster answers, but one behind a dead path while another has a ready endpoint. */
export function chooseAll(candidates: readonly Candidate[]): readonly Choice[] {
  const isAnyReady = candidates.some((candidate) => readyOf(candidate) > 0)
  return candidates.map(({ cluster, path }) =>
    isAnyReady && path.kind === 'dead'
      ? { cluster, state: 'Unready', message: path.why }
      : { cluster, state: 'Answers', message: 'no policy says otherwise' },
  )
}

function whyDenied({ allow, deny }: TrafficPolicy, cluster: string): string | undefined {
  const names = (list: readonly string[] | undefined) => list?.includes(cluster)
  if (names(deny) === true) return 'spec.deny names it'
  return names(allow) === false ? 'spec.allow does not name it' : undefined
}

/** 0 for one that is not named, as others get what is to be shared. */
export const weightOf = ({ weights }: TrafficPolicy, cluster: string): number =>
  weights?.find((one) => one.cluster === cluster)?.weight ?? 0

const isWeightless = (policy: TrafficPolicy, cluster: string): boolean =>
  policy.weights !== undefined && weightOf(policy, cluster) === 0

function tiersOf(policy: TrafficPolicy, candidates: readonly Candidate[]): readonly (readonly Candidate[])[] {
  const rank = (candidate: Candidate): number => {
    const named = policy.order?.length ?? 0
    const index = policy.order?.findIndex((cluster) => cluster === candidate.cluster) ?? -1
    const place = index >= 0 ? index : named + distance(policy.locality, candidate.path)
    return isWeightless(policy, candidate.cluster) ? named + nearness.length + place : place
  }
  return [...Map.groupBy(candidates, rank)].toSorted(([a], [b]) => a - b).map(([, tier]) => tier)
}

/** Upper ends, in milliseconds: what differs by less is equally near. */
const steps = [1, 2, 5, 10, 20, 50, 100, 200] as const

/**
 * What is further is in no zone or region of ours, whatever its nodes are labelled with: who is far, or was not measured, cannot say that it
 * is near.
 */
const nearbyStep = steps.indexOf(20)

/** By `Nearest`, the nearest first, with what is said of one that is so near. */
const nearness = [
  'it is this cluster',
  'it shares a zone with this cluster',
  'it shares a region with this cluster',
  ...steps.map((step) => `its round trip is at most ${step} ms`),
  'its round trip is longer than 200 ms, or not measured',
] as const

/** Which of `steps`, from 0; after the last for what is longer, or not measured. */
export function rttStep(rttMicros: number | undefined): number {
  const step = steps.findIndex((ms) => rttMicros !== undefined && rttMicros <= ms * 1000)
  return step < 0 ? steps.length : step
}

/** 0 is here. */
function distance(locality: Locality | undefined, path: Path): number {
  if (locality === undefined || path.kind === 'here') return 0
  if (locality === 'Local') return 1
  const { rttMicros, shared }: Partial<Extract<Path, { kind: 'open' }>> = path.kind === 'open' ? path : {}
  const step = rttStep(rttMicros)
  if (shared !== undefined && step <= nearbyStep) return shared === 'Zone' ? 1 : 2
  return 3 + step
}

/** How many tiers it takes. */
function enough(least: number, tiers: readonly (readonly Candidate[])[], answering: ReadonlySet<string>): number {
  let [ready, all] = [0, 0]
  for (const [at, tier] of tiers.entries()) {
    ready += sum(tier.map(readyOf))
    all += sum(tier.map(({ endpoints }) => endpoints))
    const isHelped = tiers.slice(at + 1).some((later) => later.some((c) => answering.has(c.cluster) && readyOf(c) > 0))
    if (ready >= (isHelped ? Math.max(least, Math.min(Math.ceil(least * 1.25), all)) : least)) return at + 1
  }
  return tiers.length
}

const readyOf = ({ ready, path }: Candidate): number => (path.kind === 'dead' ? 0 : ready)

function whyTaken(policy: TrafficPolicy, before: readonly (readonly Candidate[])[], isAnyReady: boolean): string {
  if (!isAnyReady) return 'no cluster has a ready endpoint, so none is left out'
  const first = before.flat()
  if (first.length === 0) return policy.order === undefined && policy.locality === undefined ? 'it is allowed' : 'it comes first'
  return `${listed(first)} ${verb(first, 'has', 'have')} too few ready endpoints for spec.minReadyEndpoints ${policy.minReadyEndpoints}`
}

/** Where that decides. */
const howNear = ({ order, locality }: TrafficPolicy, { cluster, path }: Candidate): string =>
  locality === 'Nearest' && order?.some((named) => named === cluster) !== true
    ? `; ${nearness[distance(locality, path)] ?? ''}`
    : ''

const whyUnready = ({ path }: Candidate): string => (path.kind === 'dead' ? path.why : 'none of its endpoints is ready')

const verb = (clusters: readonly Candidate[], one: string, several: string): string => (clusters.length === 1 ? one : several)

function listed(clusters: readonly Candidate[]): string {
  const names = clusters.map(({ cluster }) => cluster)
  return `${names.slice(0, 5).join(', ')}${names.length > 5 ? ', …' : ''}`
}
