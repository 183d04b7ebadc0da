// The members, as the broker knows them.
import type { Allocation } from '#crds/allocation.ts'
import type { JoinRequest } from '#crds/join-request.ts'
import type { Member } from '#crds/member.ts'
import { memberNamespace } from '#crds/places.ts'
import { fingerprint } from '#lib/identity/identity.ts'
import { conditionOf } from '#lib/kube/conditions.ts'
import type { BrokerView, Snapshot } from '../snapshot.ts'
import type { ClusterRow } from './clusters.ts'
import { memberCluster } from './clusters.ts'
import { by } from './order.ts'

/** A member, or a cluster that asked to be one, as the broker knows it. */
export type MemberRow = {
  readonly id: string
  /** Overlap: refused, as the addresses are somebody else's. */
  readonly state: ClusterRow['state'] | 'Pending' | 'AwaitingApproval' | 'Refused' | 'Overlap'
  readonly podCIDRs: readonly string[]
  readonly serviceCIDRs: readonly string[]
  /** Active gateway’s node. */
  readonly gateway: string | undefined
  readonly heardAt: string | undefined
  /** Since its last heartbeat. */
  readonly silentSeconds: number | undefined
  readonly clusterUID: string
  /** Of its identity, to be compared by two people; undefined for one that joined without. */
  readonly fingerprint: string | undefined
  readonly message: string | undefined
}

/** Empty where there is no broker. */
export function membersOf({ broker, takenAt }: Snapshot): readonly MemberRow[] {
  if (broker === undefined) return []
  const members = broker.members.map((m) => memberRow(m, broker, takenAt))
  const asking = broker.requests.flatMap((request) => askingRow(request, broker) ?? [])
  return [...members, ...asking].toSorted(by((row) => [row.id]))
}

function memberRow(m: Member, broker: BrokerView, takenAt: Date): MemberRow {
  const { id, state, podCIDRs, serviceCIDRs, gateway, message } = memberCluster(m, broker, takenAt)
  const heard = broker.heartbeats.find((beat) => beat.namespace === memberNamespace(id))?.heardAt
  return {
    id,
    state,
    podCIDRs,
    serviceCIDRs,
    gateway,
    heardAt: heard?.toISOString(),
    silentSeconds: heard === undefined ? undefined : Math.max(0, Math.round((takenAt.getTime() - heard.getTime()) / 1000)),
    clusterUID: m.spec.clusterUID,
    fingerprint: fingerprintOf(broker.allocations.find((a) => a.spec.clusterID === id)),
    message: message ?? overlapOf(m.status),
  }
}

/** Undefined for who is a member, or has left. */
function askingRow({ spec, status }: JoinRequest, { members }: BrokerView): MemberRow | undefined {
  const state = status?.state ?? 'Pending'
  if (state === 'Admitted' || state === 'Left' || members.some((m) => m.spec.clusterID === spec.clusterID)) return undefined
  return {
    id: spec.clusterID,
    state: state === 'Refused' && overlapOf(status) !== undefined ? 'Overlap' : state,
    podCIDRs: spec.podCIDRs,
    serviceCIDRs: spec.serviceCIDRs,
    gateway: undefined,
    heardAt: undefined,
    silentSeconds: undefined,
    clusterUID: spec.clusterUID,
    fingerprint: status?.fingerprint,
    message: status?.message,
  }
}

const overlapOf = (status: Member['status'] | JoinRequest['status']): string | undefined => {
  const said = conditionOf(status?.conditions, 'Overlap')
  return said?.status === 'True' ? said.message : undefined
}

const fingerprintOf = (allocation: Allocation | undefined): string | undefined =>
  allocation?.spec.identity === undefined ? undefined : fingerprint(allocation.spec.identity)
