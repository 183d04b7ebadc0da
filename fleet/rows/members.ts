// The members, as the broker knows them.
import type { Allocation } from '#crds/allocation.ts'
import { memberNamespace } from '#crds/places.ts'
import { fingerprint } from '#lib/identity/identity.ts'
import type { Snapshot } from '../snapshot.ts'
import type { ClusterRow } from './clusters.ts'
import { memberCluster } from './clusters.ts'
import { by } from './order.ts'

/** A member, as the broker knows it. */
export type MemberRow = {
  readonly id: string
  readonly state: ClusterRow['state']
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
  return broker.members
    .map((m) => {
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
        message,
      }
    })
    .toSorted(by((row) => [row.id]))
}

const fingerprintOf = (allocation: Allocation | undefined): string | undefined =>
  allocation?.spec.identity === undefined ? undefined : fingerprint(allocation.spec.identity)
