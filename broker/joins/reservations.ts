// Addresses are given in two writes: reserved in the Fleet, over the very version that was judged from, and only then named by a Member. Of
// two controllers that take each other for dead, as when one was stopped and goes on, one reserves; the other judges anew, with what is
// reserved taken. Pure.
//
//   judged ──► reserved in the Fleet ──(writeWithinMs)──► Member sent ──(landsWithinMs)──► it is there, or never will be
//      └──────────────────────────── until, also by a clock that is ahead ────────────────────────────┘
//
// Who reserved takes the reservation away in its next run, when each of its writes was answered. Of one that was not, or whose writer is
// gone, nobody knows what is still under way: it is left to time.
import type { Fleet } from '#crds/fleet.ts'
import { maxReserved } from '#crds/fleet.ts'
import type { Member } from '#crds/member.ts'
import { toleratedSkewMs } from '#crds/rules/tokens.ts'
import { time } from '#lib/kube/time.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import { blocksOf } from '#broker/members/addresses.ts'
import type { Granted } from './admit.ts'
import { sameAddresses } from './judge.ts'

export type Reservation = NonNullable<NonNullable<Fleet['status']>['reserved']>[number]

/**
 * So long after it was judged a Member may be written under its reservation: what has not been sent by then is not sent, what has not been
 * answered is cut off. Fifty joins at once take some seconds.
 */
export const writeWithinMs = 60_000
/**
 * So long after it was cut off a request can do something still: the kernel goes on sending what it was given (tcp_orphan_retries, about
 * 100 s), the apiserver works on it for 60 s (--request-timeout), its etcd for 7 s more. A request that a stopped process had not yet handed
 * to the kernel does nothing later than that: its connection was idle, and an apiserver closes such a one after 90 s.
 */
const landsWithinMs = 180_000
/** How long a reservation lasts that nobody takes away; others judge that by clocks of their own. */
export const reservedMs = writeWithinMs + landsWithinMs + toleratedSkewMs

/** Those before that still keep their addresses, as `self` begins a run: nothing of its own is under way then. */
export const stillReserved = (
  before: readonly Reservation[],
  self: string,
  members: readonly Member[],
  now: Date,
): readonly Reservation[] => before.filter((r) => !isSeenTo(r, members) || (r.by !== self && new Date(r.until) > now))

/** What a member gives up is not seen to drain until the members controller has looked at it: it stays reserved for it until then. */
function isSeenTo({ clusterID, cidrs }: Reservation, members: readonly Member[]): boolean {
  const member = members.find(({ metadata }) => metadata.name === clusterID)
  if (member === undefined || member.status?.observedGeneration === member.metadata.generation) return true
  const held = new Set(blocksOf(member))
  return cidrs.every((cidr) => held.has(cidr))
}

/** What is to be reserved before a Member is written; undefined where it has these addresses already. With them, what it has until now. */
export function reservationFor(
  { clusterID, clusterUID, podCIDRs, serviceCIDRs }: Granted,
  member: Member | undefined,
  self: string,
  now: Date,
): Reservation | undefined {
  if (member !== undefined && sameAddresses(member.spec, { podCIDRs, serviceCIDRs })) return undefined
  const had = member === undefined ? [] : [...member.spec.podCIDRs, ...member.spec.serviceCIDRs]
  const cidrs = [...new Set<CIDR>([...podCIDRs, ...serviceCIDRs, ...had])]
  return { by: self, clusterID, clusterUID, cidrs, until: time(new Date(now.getTime() + reservedMs)) }
}

/** A newer one of ours for the same cluster has the place of the older. */
export const withReserved = (left: readonly Reservation[], more: readonly Reservation[]): readonly Reservation[] =>
  [...new Map([...left, ...more].map((r) => [`${r.clusterID} ${r.by}`, r])).values()].toSorted((a, b) =>
    `${a.clusterID} ${a.by}` < `${b.clusterID} ${b.by}` ? -1 : 1,
  )

/** How many more there may be. */
export const roomFor = (left: readonly Reservation[]): number => Math.max(0, maxReserved - left.length)
