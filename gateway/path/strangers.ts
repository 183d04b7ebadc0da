// Who of those that have proven nothing yet must leave a relay's door for the next one: so that many from one place keep out nobody else. Pure.
import { parseIP } from '#lib/net/ip.ts'

export type StrangerLimits = {
  /** Of everybody, and of one group. */
  readonly strangers: number
  readonly strangersOfOne: number
}

/** Those that are counted as one: an IPv4 address, or the /64 of an IPv6 address, of which one host has all. `address`: as Node says it. */
export function groupOf(address: string): string {
  const ip = parseIP(address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, ''))
  if (!ip.ok || ip.value.family === 'IPv4') return ip.ok ? `${ip.value.bits}` : address
  return `${ip.value.bits >> 64n}/64`
}

/**
 * The index of who goes as one of `group` comes: the oldest of a group that is full, or of the largest when all places are taken.
 * undefined: there is room. `present`: their groups, the oldest first.
 */
export function leaving(present: readonly string[], group: string, limits: StrangerLimits): number | undefined {
  const sizes = new Map([...Map.groupBy(present, (of) => of)].map(([of, all]) => [of, all.length]))
  if ((sizes.get(group) ?? 0) >= limits.strangersOfOne) return present.indexOf(group)
  if (present.length < limits.strangers) return undefined
  const most = Math.max(...sizes.values())
  return present.findIndex((of) => sizes.get(of) === most)
}
