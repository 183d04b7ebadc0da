// Writes the Membership's status whenever what it says would change.
import type { Allocation } from '#crds/allocation.ts'
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import type { Membership } from '#crds/membership.ts'
import { membership as kind } from '#crds/membership.ts'
import { membershipName, systemNamespace } from '#crds/places.ts'
import type { Kube } from '#lib/kube/client.ts'
import type { NewCondition } from '#lib/kube/conditions.ts'
import { conditionEvents } from '#lib/kube/condition-events.ts'
import { setConditions } from '#lib/kube/conditions.ts'
import { controller, settled, source } from '#lib/kube/controller.ts'
import type { Said } from '#lib/kube/events.ts'
import { applyPlan } from '#lib/kube/plan.ts'
import type { Store } from '#lib/kube/store.ts'
import type { Cell } from '#lib/std/cell.ts'
import type { Logger } from '#lib/std/log.ts'
import type { Throttled } from '../door/metered.ts'
import type { HeldRemoval } from '../door/removal.ts'
import type { Installed } from '../install/install.ts'
import { fieldManager } from '../install/install.ts'
import type { BrokerState, ClockState, DnsState, RenewalState } from './status.ts'
import { conditionsOf, membershipFaults } from './status.ts'
import { workloadsOf } from './workloads.ts'

export const membershipKey = { namespace: systemNamespace, name: membershipName }

/** By who refused: the objects of other members that were not believed. */
export type Refusals = ReadonlyMap<string, readonly string[]>

/** By who tells of them: removals that are held. */
export type HeldByTeller = ReadonlyMap<string, readonly HeldRemoval[]>

/** The clusters that are over their budget. */
export type ThrottledByKind = ReadonlyMap<string, readonly Throttled[]>

/** Where the answers to the conditions' questions are found. */
export type Reported = {
  readonly installed: Installed
  readonly endpoints: Store<GatewayEndpoint>
  readonly allocations: Store<Allocation>
  readonly clusterID: string
  readonly dns: Cell<DnsState>
  readonly broker: Cell<BrokerState>
  readonly renewal: Cell<RenewalState>
  readonly clock: Cell<ClockState>
  readonly refusals: Cell<Refusals>
  readonly leftOut: Cell<readonly string[]>
  readonly held: Cell<HeldByTeller>
  readonly throttled: Cell<ThrottledByKind>
}

/** Runs until `signal` aborts. */
export async function report(
  kube: Kube,
  memberships: Store<Membership>,
  seen: Reported,
  say: (said: Said) => void,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const status = controller({
    name: 'membership-status',
    log,
    sources: [
      source(memberships, () => [membershipKey]),
      source(seen.installed.daemonSets, () => [membershipKey]),
      source(seen.installed.deployments, () => [membershipKey]),
      source(seen.endpoints, () => [membershipKey]),
      source(seen.allocations, () => [membershipKey]),
    ],
    reconcile: async (_, stop) => {
      const member = memberships.get(membershipKey)
      if (member === undefined) return settled
      const conditions = conditionsOf({
        broker: seen.broker.value,
        renewal: seen.renewal.value,
        clock: seen.clock.value,
        allocation: seen.allocations.list().find((a) => a.spec.clusterID === seen.clusterID),
        workloads: workloadsOf(seen.installed.daemonSets.list(), seen.installed.deployments.list()),
        gateways: seen.endpoints.list().filter((e) => e.spec.clusterID === seen.clusterID),
        dns: seen.dns.value,
        refused: [...seen.refusals.value.values()].flat(),
        leftOut: seen.leftOut.value,
        held: [...seen.held.value.values()].flat(),
        throttled: [...seen.throttled.value.values()].flat(),
      })
      const step = statusStep(member, conditions)
      const next = await applyPlan(kube, { steps: [step], next: settled }, fieldManager, stop)
      conditionEvents(member, member.status?.conditions, step.status.conditions, membershipFaults, 'Connect').forEach(say)
      return next
    },
  })
  const look = () => status.add(membershipKey)
  const { dns, broker, renewal, clock, refusals, leftOut, held, throttled } = seen
  const stops = [dns, broker, renewal, clock, refusals, leftOut, held, throttled].map((cell) => cell.onChange(look))
  try {
    await status.run(signal)
  } finally {
    for (const stop of stops) stop()
  }
}

/** The status with these conditions in it; those it does not name stay as they are. */
export function statusStep(member: Membership, conditions: readonly Omit<NewCondition, 'observedGeneration'>[]) {
  const observedGeneration = member.metadata.generation ?? 0
  const next = setConditions(
    member.status?.conditions,
    conditions.map((c) => ({ ...c, observedGeneration })),
    new Date(),
  )
  return { do: 'status', kind, key: membershipKey, status: { observedGeneration, conditions: next }, have: member } as const
}
