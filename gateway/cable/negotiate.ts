// Which kinds of cables two gateways keep between them, and which one packets take. Pure; both ends come to the same.
import type { CableName } from '#crds/fields.ts'
import { cableDrivers } from '#crds/fields.ts'

/**
 * The kinds that both have, the one first that both like best: whose places in the two lists add up to the least, and of those as good the
 * one that stands first in `cableDrivers`. Cables are kept of all of them, so that a change of what is preferred waits for no handshake.
 */
export function commonCables(ours: readonly CableName[], theirs: readonly CableName[]): readonly CableName[] {
  const place = (cable: CableName) => ours.indexOf(cable) + theirs.indexOf(cable)
  return cableDrivers.filter((cable) => ours.includes(cable) && theirs.includes(cable)).toSorted((a, b) => place(a) - place(b))
}

/**
 * The best that is up. Of WireGuard nobody knows without a packet, so it is taken for up; IPsec is known to be or not. While none is, the
 * best. Each end decides for what it sends: packets are taken from all kinds alike. undefined: there is nothing in common.
 */
export const cableToUse = (common: readonly CableName[], isUp: (cable: CableName) => boolean): CableName | undefined =>
  common.find((cable) => cable !== 'ipsec' || isUp(cable)) ?? common[0]
