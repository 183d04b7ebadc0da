// How addresses change hands without a black hole and without a mix-up. Pure.
//
//   Requested ──► Admitted ──(the member asks for others)──► Draining ──(drainSeconds)──► free
//                    └──────────(the member leaves)────────► Released ──(reuseAfterSeconds)──► free
//
// These words are those of `tombolo show networks` on the broker (fleet/rows/registry.ts). Requested is what a JoinRequest asks for that has
// no answer yet; Admitted what a Member names, which was reserved in the Fleet before (broker/joins/reservations.ts); Draining is in the Member's
// status, Released in the Fleet's. A request that is refused has none.
//
// Draining: still believed of the member, as its pods and the others' connections move over. Released: believed of nobody and given to
// nobody else, as answers from a cache and half-open connections outlive a cluster. Neither counts against the cluster that had them.
import type { Fleet } from '#crds/fleet.ts'
import type { Member } from '#crds/member.ts'
import { maxDraining } from '#crds/member.ts'
import type { Allocation } from '#crds/allocation.ts'
import { fingerprint } from '#lib/identity/identity.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import { overlaps, without } from '#lib/net/cidr.ts'
import { time } from '#lib/kube/time.ts'

export type Draining = NonNullable<NonNullable<Member['status']>['draining']>[number]
export type Released = NonNullable<NonNullable<Fleet['status']>['released']>[number]

/**
 * What drains: what did before and has not yet gone, and what the member had until now (as the Allocation says) and no longer names.
 * What has drained stays listed until the Allocation is seen without it: it would be taken for what the member had until now, and drain anew.
 */
export function drainingOf(member: Member, had: Allocation | undefined, drainSeconds: number, now: Date): readonly Draining[] {
  const { podCIDRs, serviceCIDRs } = member.spec
  const wanted: readonly CIDR[] = [...podCIDRs, ...serviceCIDRs]
  const before = member.status?.draining ?? []
  const known = new Set(before.map(({ cidr }) => cidr))
  const until = time(new Date(now.getTime() + drainSeconds * 1000))
  const lost = (cidrs: readonly CIDR[], use: Draining['use']) =>
    cidrs.filter((cidr) => !known.has(cidr)).map((cidr): Draining => ({ cidr, use, until }))
  const believed: readonly CIDR[] = [...(had?.spec.podCIDRs ?? []), ...(had?.spec.serviceCIDRs ?? [])]
  const all = [...before, ...lost(had?.spec.podCIDRs ?? [], 'Pods'), ...lost(had?.spec.serviceCIDRs ?? [], 'Services')]
  // What it has now needs no draining; of a block that it kept a part of, the rest does. What was said of it first stands.
  const rest = all.flatMap((d) => without(d.cidr, wanted).map((cidr) => [cidr, { ...d, cidr }] as const))
  const first = new Map(rest.toReversed())
  return [...new Set(rest.map(([cidr]) => cidr))]
    .flatMap((cidr) => first.get(cidr) ?? [])
    .filter((d) => isDraining(d, now) || believed.some((cidr) => overlaps(cidr, d.cidr)))
    .slice(-maxDraining)
}

/** Whether it is believed still. */
export const isDraining = ({ until }: Draining, now: Date): boolean => new Date(until) > now

/** What is released: what was and has not yet been reused, and the addresses of members that are going, those of re-joined clusters left out. */
export function releasedOf(
  before: readonly Released[],
  members: readonly Member[],
  reuseAfterSeconds: number,
  now: Date,
): readonly Released[] {
  const held = new Map(before.filter((r) => new Date(r.until) > now).map((r) => [r.cidr, r]))
  const until = time(new Date(now.getTime() + reuseAfterSeconds * 1000))
  for (const member of members) {
    const { clusterID, clusterUID } = member.spec
    const identity = fingerprint(member.spec.identity)
    const going = member.metadata.deletionTimestamp !== undefined
    for (const cidr of blocksOf(member)) {
      const entry = held.get(cidr)
      if (!going && isOf(member, entry)) held.delete(cidr)
      // Timed from when it was first seen to go: the clock of the entry, if there is one, goes on.
      if (going && reuseAfterSeconds > 0 && !isOf(member, entry)) held.set(cidr, { cidr, clusterID, clusterUID, identity, until })
    }
  }
  return [...held.values()].toSorted((a, b) => (a.cidr < b.cidr ? -1 : 1))
}

/** Whether the removal of a member is on record, so that it may vanish. */
export const isReleased = (member: Member, released: readonly Released[], reuseAfterSeconds: number): boolean =>
  reuseAfterSeconds === 0 || blocksOf(member).every((cidr) => released.some((r) => r.cidr === cidr && isOf(member, r)))

/** The same cluster with the same keys: a copy has the one, and whoever says so the other. */
const isOf = ({ spec }: Member, entry: Released | undefined): boolean =>
  entry?.clusterUID === spec.clusterUID && entry.identity === fingerprint(spec.identity)

/** All that is believed of a member, what drains among it. */
export const blocksOf = ({ spec, status }: Pick<Member, 'spec' | 'status'>): readonly CIDR[] => [
  ...spec.podCIDRs,
  ...spec.serviceCIDRs,
  ...(status?.draining ?? []).map(({ cidr }) => cidr),
]

/** When the first of these has passed, in ms from `now`; undefined without any. */
export function soonest(entries: readonly { readonly until: string }[], now: Date): number | undefined {
  const times = entries.map(({ until }) => new Date(until).getTime() - now.getTime())
  return times.length === 0 ? undefined : Math.max(0, Math.min(...times))
}
