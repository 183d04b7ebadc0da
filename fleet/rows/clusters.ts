// The clusters of a fleet: the one asked and its peers, or the members as the broker sees them.
import type { Allocation } from '#crds/allocation.ts'
import type { Condition } from '#crds/fields.ts'
import type { Connection } from '#crds/gateway-endpoint.ts'
import { memberNamespace } from '#crds/places.ts'
import { conditionOf } from '#lib/kube/conditions.ts'
import type { BrokerView, MemberView, Snapshot } from '../snapshot.ts'
import { activeOf, believed, millis } from './announced.ts'
import { by } from './order.ts'

export type ClusterRow = {
  readonly id: string
  /** Local: the cluster asked. Peer: another member, as the local one sees it. Member: as the broker sees it. */
  readonly view: 'Local' | 'Peer' | 'Member'
  readonly state: 'Ready' | 'NotReady' | 'Leaving' | 'Quarantined' | 'Silent' | 'NoGateway' | Connection['state']
  /** Node of the active gateway. */
  readonly gateway: string | undefined
  /** Through the cable between the active gateways. */
  readonly rttMs: number | undefined
  readonly podCIDRs: readonly string[]
  readonly serviceCIDRs: readonly string[]
  readonly message: string | undefined
}

export function clustersOf({ member, broker, takenAt }: Snapshot): readonly ClusterRow[] {
  const rows =
    member !== undefined
      ? [localCluster(member), ...peers(member)]
      : (broker?.members.map((m) => memberCluster(m, broker, takenAt)) ?? [])
  return rows.toSorted(by((row) => [row.id]))
}

function localCluster(view: MemberView): ClusterRow {
  const { spec, status, metadata } = view.membership
  const ready = conditionOf(status?.conditions, 'Ready')
  const leaving = metadata.deletionTimestamp !== undefined
  const state = leaving ? 'Leaving' : ready?.status === 'True' ? 'Ready' : 'NotReady'
  return {
    id: spec.clusterID,
    view: 'Local',
    state,
    gateway: activeOf(believed(view), spec.clusterID)?.spec.node,
    rttMs: undefined,
    podCIDRs: spec.podCIDRs,
    serviceCIDRs: spec.serviceCIDRs,
    message: {
      Ready: complaintOf(status?.conditions),
      NotReady: ready?.message ?? 'the operator has not reported yet',
      Leaving: conditionOf(status?.conditions, 'Leaving')?.reason ?? 'the operator has not begun yet',
    }[state],
  }
}

/** What does not make a cluster unready and is worth knowing: a broker that does not answer, credentials that expired, peers that are not believed or too noisy, what the broker forgot. */
const complaintOf = (conditions: readonly Condition[] | undefined): string | undefined =>
  ['BrokerReachable', 'CredentialsValid', 'ClockAgrees', 'PeersValid', 'PeersInBudget', 'RemovalsBelieved']
    .map((type) => conditionOf(conditions, type))
    .flatMap((condition) => (condition?.status === 'False' ? condition.message : []))
    .join('; ') || undefined

function peers(view: MemberView): readonly ClusterRow[] {
  const { membership, allocations } = view
  const gateways = believed(view)
  const own = activeOf(gateways, membership.spec.clusterID)
  return allocations
    .filter((a) => a.spec.clusterID !== membership.spec.clusterID)
    .map(({ spec }) => {
      const far = activeOf(gateways, spec.clusterID)
      const link = (own?.status?.connections ?? []).find((c) => c.endpoint === far?.metadata.name)
      if (spec.state === 'Quarantined') return quarantined(spec, 'Peer')
      return {
        id: spec.clusterID,
        view: 'Peer',
        state: far === undefined ? 'NoGateway' : (link?.state ?? 'Connecting'),
        gateway: far?.spec.node,
        rttMs: millis(link),
        podCIDRs: spec.podCIDRs,
        serviceCIDRs: spec.serviceCIDRs,
        message:
          far === undefined
            ? 'it has announced no active gateway'
            : own === undefined
              ? 'no gateway is active here'
              : link?.message,
      }
    })
}

const quarantined = ({ clusterID, podCIDRs, serviceCIDRs }: Allocation['spec'], view: ClusterRow['view']): ClusterRow => ({
  id: clusterID,
  view,
  state: 'Quarantined',
  gateway: undefined,
  rttMs: undefined,
  podCIDRs,
  serviceCIDRs,
  message: 'nothing of it is routed or imported',
})

/** The other clusters that are to be reached. */
export const peersOf = ({ membership, allocations }: MemberView): readonly Allocation[] =>
  allocations.filter((a) => a.spec.clusterID !== membership.spec.clusterID && a.spec.state !== 'Quarantined')

export function memberCluster(
  { spec, status, metadata }: BrokerView['members'][number],
  { gateways, heartbeats, allocations }: BrokerView,
  now: Date,
): ClusterRow {
  const held = allocations.find((a) => a.spec.clusterID === spec.clusterID && a.spec.state === 'Quarantined')
  if (held !== undefined) return quarantined(held.spec, 'Member')
  const ready = conditionOf(status?.conditions, 'Ready')
  const active = activeOf(gateways, spec.clusterID)
  const heard = heartbeats.find((beat) => beat.namespace === memberNamespace(spec.clusterID))
  const silent = heard === undefined || now.getTime() - heard.heardAt.getTime() > 2000 * heard.goodForSeconds
  const [state, message] =
    metadata.deletionTimestamp !== undefined
      ? (['Leaving', 'its namespace is being removed'] as const)
      : ready?.status !== 'True'
        ? (['NotReady', ready?.message ?? 'the broker controller has not reported yet'] as const)
        : silent
          ? (['Silent', heard === undefined ? 'never heard' : `last heard at ${heard.heardAt.toISOString()}`] as const)
          : active === undefined
            ? (['NoGateway', 'it has announced no active gateway'] as const)
            : (['Ready', undefined] as const)
  return {
    id: spec.clusterID,
    view: 'Member',
    state,
    gateway: active?.spec.node,
    rttMs: undefined,
    podCIDRs: spec.podCIDRs,
    serviceCIDRs: spec.serviceCIDRs,
    message,
  }
}
