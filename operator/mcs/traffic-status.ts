// What a ServiceTrafficPolicy says of itself: which clusters answer now and why, and what of it holds nowhere.
import type { ServiceTrafficPolicy } from '#crds/service-traffic-policy.ts'
import { serviceTrafficPolicy } from '#crds/service-traffic-policy.ts'
import type { Faults } from '#lib/kube/condition-events.ts'
import { setConditions } from '#lib/kube/conditions.ts'
import { keyOf } from '#lib/kube/object.ts'
import type { Choice, TrafficPolicy } from './choice.ts'

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
  const { allow, deny, order } = policy
  const lists = Object.entries({ allow, deny, order })
  const unknown = lists.flatMap(([list, named = []]) =>
    named.filter((cluster) => !members.includes(cluster)).map((cluster) => ({ list, cluster })),
  )
  const useless = (order ?? []).filter(
    (cluster) => members.includes(cluster) && (deny?.includes(cluster) === true || allow?.includes(cluster) === false),
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
        (cluster) =>
          `spec.order names ${cluster}, which ${allow === undefined ? 'spec.deny names too' : 'spec.allow does not name'}: it does not answer; take it out of spec.order, or let it answer`,
      ),
    ),
  ]
}

const told = (reason: string, messages: readonly string[]): readonly Fault[] => messages.map((message) => ({ reason, message }))

const some = (clusters: readonly string[]): string =>
  `${clusters.toSorted().slice(0, 5).join(', ')}${clusters.length > 5 ? ', …' : ''}`
