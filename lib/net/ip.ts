// IP addresses as numbers. Strict on purpose: "010.1.1.1" means 8.1.1.1 to some parsers and 10.1.1.1 to others, so it means nothing here.
import { isIP } from 'node:net'
import type { Result } from '#lib/std/result.ts'
import { invalid, ok } from '#lib/std/result.ts'

export type IPFamily = 'IPv4' | 'IPv6'
/** `bits` is the address as an unsigned integer of 32 or 128 bits. */
export type IP = { readonly family: IPFamily; readonly bits: bigint }

export const widthOf = (family: IPFamily): 32 | 128 => (family === 'IPv4' ? 32 : 128)

/** Accepts dotted IPv4 without leading zeros, and IPv6 without a zone and not IPv4-mapped (RFC 4291 §2.5.5.2), which would be a second spelling. */
export function parseIP(text: string): Result<IP> {
  switch (isIP(text)) {
    case 4:
      return ok({ family: 'IPv4', bits: v4Bits(text) })
    case 6: {
      if (text.includes('%')) return invalid('ip', text, 'an address without a zone')
      const bits = v6Bits(text)
      if (bits >> 32n === 0xffffn) return invalid('ip', text, 'the IPv4 address itself, not its mapped form')
      return ok({ family: 'IPv6', bits })
    }
    default:
      return invalid('ip', text, 'an IPv4 or IPv6 address')
  }
}

/** The canonical text: dotted decimal, or RFC 5952. */
export function formatIP(ip: IP): string {
  if (ip.family === 'IPv4') return [24n, 16n, 8n, 0n].map((shift) => (ip.bits >> shift) & 0xffn).join('.')
  const groups = Array.from({ length: 8 }, (_, i) => Number((ip.bits >> BigInt(112 - 16 * i)) & 0xffffn))
  const gap = longestZeroRun(groups)
  const hex = (part: readonly number[]) => part.map((g) => g.toString(16)).join(':')
  return gap.length < 2 ? hex(groups) : `${hex(groups.slice(0, gap.start))}::${hex(groups.slice(gap.start + gap.length))}`
}

function v4Bits(text: string): bigint {
  return text.split('.').reduce((bits, octet) => (bits << 8n) | BigInt(octet), 0n)
}

function v6Bits(text: string): bigint {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text)
  if (dotted?.[1] !== undefined && dotted[2] !== undefined) {
    const low = v4Bits(dotted[2])
    return v6Bits(`${dotted[1]}${(low >> 16n).toString(16)}:${(low & 0xffffn).toString(16)}`)
  }
  const [head = '', tail] = text.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros: string[] = new Array<string>(8 - left.length - right.length).fill('0')
  return [...left, ...zeros, ...right].reduce((bits, group) => (bits << 16n) | BigInt(`0x${group}`), 0n)
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  let run = { start: 0, length: 0 }
  groups.forEach((group, i) => {
    run =
      group === 0 ? (run.length === 0 ? { start: i, length: 1 } : { ...run, length: run.length + 1 }) : { start: 0, length: 0 }
    if (run.length > best.length) best = run
  })
  return best
}
