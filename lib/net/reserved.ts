// Addresses that mean something else on every machine. Whoever could announce one, or have packets sent to one, would reach what the
// receiver takes for itself: its own loopback, its link, its cloud. Said once: joins, admission policies, importers and routes ask here.
import type { CIDR } from './cidr.ts'
import { overlaps, rangeOf } from './cidr.ts'
import { parseIP } from './ip.ts'
import { tunnelNetwork } from './keys.ts'

export type Reserved = { readonly cidr: CIDR; readonly what: string }

const block = (cidr: string, what: string): Reserved => ({ cidr: cidr as CIDR, what })

/** No cluster may have a block that overlaps one of these. Private, shared (100.64.0.0/10) and class E addresses are in use for pods. */
export const reservedBlocks: readonly Reserved[] = [
  block('0.0.0.0/8', 'this host'),
  block('127.0.0.0/8', 'loopback'),
  block('169.254.0.0/16', 'link-local'),
  block('224.0.0.0/4', 'multicast'),
  block('255.255.255.255/32', 'broadcast'),
  // Never given out (RFC 4291 §4): the unspecified and the loopback address, and every way of writing IPv4 in IPv6, 64:ff9b::/96 among them.
  block('::/8', 'this host, loopback and embedded IPv4'),
  block('fe80::/10', 'link-local'),
  block('fec0::/10', 'site-local'),
  block('ff00::/8', 'multicast'),
  { cidr: tunnelNetwork, what: 'Tombolo’s own tunnel addresses' },
]

/** Where clouds answer machines, inside blocks that clusters do use: no block is refused for them, every single address is. */
const metadataServices: readonly Reserved[] = [
  block('100.100.100.200/32', 'a cloud’s metadata'),
  block('168.63.129.16/32', 'a cloud’s metadata'),
  block('192.0.0.192/32', 'a cloud’s metadata'),
  block('fd00:ec2::254/128', 'a cloud’s metadata'),
]

/** No endpoint and no gateway may have an address in these. */
export const reservedAddresses: readonly Reserved[] = [...reservedBlocks, ...metadataServices]

/** The reserved block that a block overlaps; undefined if it may be somebody's. */
export const reservedIn = (cidr: CIDR): Reserved | undefined => reservedBlocks.find((r) => overlaps(r.cidr, cidr))

/** Whether the text is an address that packets may be sent to: it has one reading, and nobody else's meaning. */
export function isUsable(address: string): boolean {
  const ip = parseIP(address)
  if (!ip.ok) return false
  const { family, bits } = ip.value
  return !ranges.some((range) => range.family === family && range.first <= bits && bits <= range.last)
}

/** Parsed once: every endpoint of every cluster is asked about. */
const ranges = reservedAddresses.map(({ cidr }) => rangeOf(cidr))
