// DER (X.690), as much of it as certificates and signing requests need: written from plain values, and read strictly, because what is
// read here was sent by others. One encoding a value, definite lengths, bounded depth: anything else is no DER to us.
import type { Result } from '#lib/std/result.ts'
import { invalid, ok } from '#lib/std/result.ts'

export const tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

// ── writing ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

export function tlv(tagByte: number, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content)
  return Buffer.concat([Buffer.from([tagByte]), lengthOf(body.length), body])
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length])
  const bytes = bigEndian(BigInt(length))
  return Buffer.from([0x80 | bytes.length, ...bytes])
}

function bigEndian(value: bigint): Buffer {
  const hex = value.toString(16)
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex')
}

export const sequence = (...items: readonly Buffer[]): Buffer => tlv(tag.sequence, ...items)
export const set = (...items: readonly Buffer[]): Buffer => tlv(tag.set, ...items)
export const octetString = (bytes: Buffer): Buffer => tlv(tag.octetString, bytes)
export const utf8String = (text: string): Buffer => tlv(tag.utf8String, Buffer.from(text, 'utf8'))
export const yes: Buffer = tlv(tag.boolean, Buffer.from([0xff]))

/** Not negative. */
export function integer(value: bigint): Buffer {
  const bytes = bigEndian(value)
  return tlv(tag.integer, (bytes[0] ?? 0) >= 0x80 ? Buffer.from([0]) : Buffer.alloc(0), bytes)
}

/** `unused`: how many of the last byte's bits do not count. */
export const bitString = (bytes: Buffer, unused = 0): Buffer => tlv(tag.bitString, Buffer.from([unused]), bytes)

/** `[n]` around whole values. */
export const explicit = (n: number, ...content: readonly Buffer[]): Buffer => tlv(0xa0 | n, ...content)
/** `[n]` in place of the tag of a primitive value. */
export const implicit = (n: number, content: Buffer): Buffer => tlv(0x80 | n, content)

export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  return tlv(tag.oid, Buffer.from([first * 40 + second, ...rest].flatMap(base128)))
}

function base128(value: number): readonly number[] {
  const digits = [value & 0x7f]
  for (let left = Math.floor(value / 128); left > 0; left = Math.floor(left / 128)) digits.unshift((left & 0x7f) | 0x80)
  return digits
}

/** UTCTime until 2049, GeneralizedTime from 2050 (RFC 5280 §4.1.2.5); whole seconds. */
export function time(at: Date): Buffer {
  const digits = at.toISOString().replaceAll(/[-T:]|\.\d+/g, '')
  return at.getUTCFullYear() < 2050
    ? tlv(tag.utcTime, Buffer.from(digits.slice(2)))
    : tlv(tag.generalizedTime, Buffer.from(digits))
}

// ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** `raw` is the whole value with its tag; `items` are there when it is made of others. */
export type Node = { readonly tag: number; readonly raw: Buffer; readonly content: Buffer; readonly items: readonly Node[] }

const deepest = 12
const largest = 65_536

/** Exactly one value, with nothing behind it. */
export function readDer(bytes: Buffer): Result<Node> {
  const wrong = invalid('der', `${bytes.length} bytes`, `one DER value of at most ${largest} bytes`)
  if (bytes.length > largest) return wrong
  const node = nodeAt(bytes, 0, deepest)
  return node?.raw.length === bytes.length ? ok(node) : wrong
}

/** Undefined for what is no DER. */
function nodeAt(bytes: Buffer, at: number, depth: number): Node | undefined {
  const [tagByte, first] = [bytes[at], bytes[at + 1]]
  // Tags above 30 take more bytes; nothing that we read has one.
  if (tagByte === undefined || first === undefined || (tagByte & 0x1f) === 0x1f || depth === 0) return undefined
  const long = first < 0x80 ? 0 : first & 0x7f
  if (first === 0x80 || long > 3 || at + 2 + long > bytes.length) return undefined
  const length = long === 0 ? first : bytes.readUIntBE(at + 2, long)
  // The shortest spelling is the only one.
  if (long > 0 && !lengthOf(length).equals(bytes.subarray(at + 1, at + 2 + long))) return undefined
  const start = at + 2 + long
  if (start + length > bytes.length) return undefined
  const content = bytes.subarray(start, start + length)
  const items: Node[] = []
  if ((tagByte & 0x20) !== 0)
    for (let next = 0; next < content.length;) {
      const item = nodeAt(content, next, depth - 1)
      if (item === undefined) return undefined
      items.push(item)
      next += item.raw.length
    }
  return { tag: tagByte, raw: bytes.subarray(at, start + length), content, items }
}
