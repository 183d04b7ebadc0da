// CIDR blocks: what may be routed where is decided on these, so a block has exactly one spelling.
import type { Brand } from '#lib/std/brand.ts'
import type { Result } from '#lib/std/result.ts'
import { invalid, ok } from '#lib/std/result.ts'
import type { IPFamily } from './ip.ts'
import { formatIP, parseIP, widthOf } from './ip.ts'

/** A network in canonical text, e.g. `10.1.0.0/16` or `fd00:1::/64`; host bits are zero. */
export type CIDR = Brand<string, 'CIDR'>

/** From its first address to its last, as numbers. */
export type Range = { readonly family: IPFamily; readonly first: bigint; readonly last: bigint }

export function parseCIDR(text: string): Result<CIDR> {
  const match = /^([0-9a-fA-F:.]+)\/(0|[1-9][0-9]{0,2})$/.exec(text)
  const [, address = '', length = ''] = match ?? []
  const ip = parseIP(address)
  if (match === null || !ip.ok) return invalid('cidr', text, 'a network such as 10.1.0.0/16 or fd00:1::/64')
  const prefix = Number(length)
  const width = widthOf(ip.value.family)
  if (prefix > width) return invalid('cidr', text, `a prefix length of at most ${width}`)
  const size = 1n << BigInt(width - prefix)
  const network = `${formatIP({ ...ip.value, bits: ip.value.bits - (ip.value.bits % size) })}/${prefix}`
  return ip.value.bits % size === 0n ? ok(network as CIDR) : invalid('cidr', text, `the network address, ${network}`)
}

/** The block of one address, which must be one. */
export const hostBlock = (address: string): CIDR => `${address}/${address.includes(':') ? 128 : 32}` as CIDR

export const familyOf = (cidr: CIDR): IPFamily => (cidr.includes(':') ? 'IPv6' : 'IPv4')

/** Whether the two share an address; blocks of different families never do. */
export function overlaps(a: CIDR, b: CIDR): boolean {
  const [x, y] = [rangeOf(a), rangeOf(b)]
  return x.family === y.family && x.first <= y.last && y.first <= x.last
}

/** Whether every address of `inner`, a block or one address, lies in `outer`. Text that is neither lies nowhere. */
export function contains(outer: CIDR, inner: string): boolean {
  const { family, first, last } = rangeOf(outer)
  const ip = parseIP(inner)
  if (ip.ok) return family === ip.value.family && first <= ip.value.bits && ip.value.bits <= last
  const block = parseCIDR(inner)
  if (!block.ok) return false
  const range = rangeOf(block.value)
  return family === range.family && first <= range.first && range.last <= last
}

/** What of a block is left without the others, in as few blocks as there can be. */
export function without(block: CIDR, others: readonly CIDR[]): readonly CIDR[] {
  if (others.some((other) => contains(other, block))) return []
  if (!others.some((other) => overlaps(other, block))) return [block]
  const { family, first, last } = rangeOf(block)
  const prefix = Number(block.split('/')[1]) + 1
  const half = (last - first + 1n) / 2n
  return [first, first + half].flatMap((bits) => without(`${formatIP({ family, bits })}/${prefix}` as CIDR, others))
}

/** The `index`-th address of the block; undefined past its end. */
export function addressAt(cidr: CIDR, index: bigint): string | undefined {
  const { family, first, last } = rangeOf(cidr)
  return first + index <= last ? formatIP({ family, bits: first + index }) : undefined
}

export function rangeOf(cidr: CIDR): Range {
  const [address = '', length = ''] = cidr.split('/')
  const ip = parseIP(address)
  if (!ip.ok) throw new Error(`not made by parseCIDR: ${cidr}`)
  const prefix = Number(length)
  const size = 1n << BigInt(widthOf(ip.value.family) - prefix)
  return { family: ip.value.family, first: ip.value.bits, last: ip.value.bits + size - 1n }
}
