// What a ServiceTrafficPolicy says of itself: which clusters answer now and why, and what of it holds nowhere.
import type { ServiceTrafficPolicy } from '#crds/service-traffic-policy.ts'
import { serviceTrafficPolicy } from '#crds/service-traffic-policy.ts'
import type { Faults } from '#lib/kube/condition-events.ts'
import { setConditions } from '#lib/kube/conditions.ts'
import { keyOf } from '#lib/kube/object.ts'
import type { Choice, TrafficPolicy } from './choice.ts'
import { weightOf } from './choice.ts'
import { neededFor, statedPoints } from './share.ts'

export type ToldOfPolicy = {
  /** As stored; `read` is what was made of it. */
  readonly policy: ServiceTrafficPolicy
  readonly read: ReturnType<typeof serviceTrafficPolicy.parse>
  /** Undefined: nothing is chosen, as it is not understood, or there is nothing of that name. */
  readonly choices: readonly Choice[] | undefined
  /** Of the fleet, this cluster among them. */
  readonly members: readonly string[]
  readonly now: Date
}

/** What `kubectl describe` shows as events when it begins and when it ends. */
export const policyFaults: Faults = { Ready: ({ status }) => status === 'False' }

export function policyStatus({ policy, read, choices, members, now }: ToldOfPolicy) {
  const { namespace = '', name, generation: observedGeneration } = policy.metadata
  const faults = read.ok
    ? faultsOf(read.value.spec, choices, members, `${namespace}/${name}`)
    : [{ reason: 'Invalid', message: `${read.error.field} is ${read.error.value}, want ${read.error.want}: it holds nowhere` }]
  const [first] = faults
  const verdict =
    first === undefined
      ? ({ status: 'True', reason: 'Applied', message: 'status.clusters says which clusters answer' } as const)
      : ({ status: 'False', reason: first.reason, message: shortened(faults) } as const)
  const generation = observedGeneration === undefined ? {} : { observedGeneration }
  const conditions = setConditions(policy.status?.conditions, [{ type: 'Ready', ...verdict, ...generation }], now)
  return {
    do: 'status',
    kind: serviceTrafficPolicy,
    key: keyOf(policy),
    status: { ...generation, ...(choices === undefined ? {} : { clusters: choices }), conditions },
    have: policy,
  } as const
}

/** A list may name hundreds of clusters that are none, and a condition takes 32 KiB. */
const shortened = (faults: readonly Fault[]): string =>
  [...faults.slice(0, 5).map(({ message }) => message), ...(faults.length > 5 ? [`and ${faults.length - 5} more`] : [])].join(
    '; ',
  )

type Fault = { readonly reason: string; readonly message: string }

/** What holds nowhere, and what to type. The rest of the policy holds. */
function faultsOf(
  policy: TrafficPolicy,
  choices: readonly Choice[] | undefined,
  members: readonly string[],
  service: string,
): readonly Fault[] {
  const { allow, deny, order, weights } = policy
  const weighted = weights?.filter(({ weight }) => weight > 0).map(({ cluster }) => cluster)
  const lists = Object.entries({ allow, deny, order, weights: weights?.map(({ cluster }) => cluster) })
  const unknown = lists.flatMap(([list, named = []]) =>
    named.filter((cluster) => !members.includes(cluster)).map((cluster) => ({ list, cluster })),
  )
  const useless = Object.entries({ order, weights: weighted }).flatMap(([list, named = []]) =>
    named
      .filter((cluster) => members.includes(cluster) && (deny?.includes(cluster) === true || allow?.includes(cluster) === false))
      .map((cluster) => ({ list, cluster })),
  )
  const isNobodyLeft = choices !== undefined && choices.length > 0 && choices.every(({ state }) => state === 'Denied')
  const exporters = some((choices ?? []).map(({ cluster }) => cluster))
  return [
    ...told(
      'NoSuchService',
      choices === undefined
        ? [`there is no ServiceImport ${service} in this cluster: give the policy the namespace and the name of one`]
        : [],
    ),
    ...told(
      'NoClusterLeft',
      isNobodyLeft
        ? [
            `no cluster that exports ${service} may answer: ${exporters} would, if spec.${allow === undefined ? 'deny did not name it' : 'allow named it'}`,
          ]
        : [],
    ),
    ...told(
      'UnknownCluster',
      unknown.map(
        ({ list, cluster }) =>
          `spec.${list} names ${cluster}, which is no member of the fleet, and is passed over: members are ${some(members)}`,
      ),
    ),
    ...told(
      'Contradiction',
      useless.map(
        ({ list, cluster }) =>
          `spec.${list} names ${cluster}, which ${allow === undefined ? 'spec.deny names too' : 'spec.allow does not name'}: it does not answer; take it out of spec.${list}, or let it answer`,
      ),
    ),
    ...told('NoWeight', noWeight(policy, choices ?? [], service)),
    ...told('Inexact', inexact(policy, choices ?? [])),
  ]
}

function noWeight(policy: TrafficPolicy, choices: readonly Choice[], service: string): readonly string[] {
  if (policy.weights === undefined) return []
  const may = choices.flatMap(({ cluster, state }) => (state === 'Denied' ? [] : [cluster]))
  if (may.length === 0 ? policy.weights.some(({ weight }) => weight > 0) : may.some((cluster) => weightOf(policy, cluster) > 0))
    return []
  const whose = may.length === 0 ? 'every cluster' : `${some(may)}, which may answer ${service},`
  return [`spec.weights gives ${whose} no weight above 0, so all endpoints are called alike: give one, or take spec.weights out`]
}

/** How far it is off, and which endpoints it takes. */
function inexact(policy: TrafficPolicy, choices: readonly Choice[]): readonly string[] {
  const shares = choices.flatMap(({ cluster, share }) => (share === undefined ? [] : [{ cluster, ...share }]))
  const off = shares.filter(({ gotPercent, wantedPercent }) => Math.abs(gotPercent - wantedPercent) > statedPoints)
  if (off.length === 0) return []
  const parts = shares.map(({ cluster, readyEndpoints: ready }) => ({ cluster, weight: weightOf(policy, cluster), ready }))
  const needed = neededFor(parts, policy.minReadyEndpoints)
  const lacking = parts.filter(({ cluster, ready }) => ready < (needed.get(cluster) ?? 0))
  return [
    `${several(off.map(({ cluster, gotPercent, wantedPercent }) => `${cluster} gets ${gotPercent} % of the calls instead of ${wantedPercent} %`))}, as near as whole endpoints come to spec.weights: with ${several(lacking.map(({ cluster, ready }) => `${needed.get(cluster) ?? 0} ready endpoints in ${cluster} (it has ${ready})`))} it is off by ${statedPoints} points at most`,
  ]
}

const told = (reason: string, messages: readonly string[]): readonly Fault[] => messages.map((message) => ({ reason, message }))

const some = (clusters: readonly string[]): string => several(clusters.toSorted())
const several = (texts: readonly string[]): string => `${texts.slice(0, 5).join(', ')}${texts.length > 5 ? ', …' : ''}`
