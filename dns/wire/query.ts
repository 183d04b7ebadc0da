// Reads a DNS query (RFC 1035 §4.1, RFC 6891) from bytes that anybody may have sent. Strict, and total: every input gives a value,
// reading is bounded by the message's length, and nothing is allocated for a message that is refused.
import { flags, HEADER_BYTES, opcodes, types } from './codes.ts'
import type { Name } from './name.ts'
import { nameEnd, readName } from './name.ts'

export type Edns = {
  /** The largest UDP answer the asker takes, as it says. */
  readonly size: number
  readonly version: number
  readonly dnssecOk: boolean
}

export type Query = {
  readonly kind: 'query'
  /** The whole message; its question is bytes 12 to `questionEnd`. */
  readonly bytes: Buffer
  readonly questionEnd: number
  readonly type: number
  readonly class: number
  readonly edns?: Edns
}

/** `malformed` and `other-opcode` get an answer, `ignore` gets none: it is an answer itself, or has no header to answer to. */
export type Parsed = Query | { readonly kind: 'malformed' | 'other-opcode'; readonly bytes: Buffer } | { readonly kind: 'ignore' }

export const questionName = (query: Query): Name => readName(query.bytes, HEADER_BYTES)

// One question (RFC 9619). An IXFR puts its SOA into the authority section, to be refused later; beside OPT there may be a signature.
const MOST = { authority: 1, additional: 2 } as const

export function parseQuery(bytes: Buffer): Parsed {
  if (bytes.length < HEADER_BYTES) return { kind: 'ignore' }
  const head = bytes.readUInt16BE(2)
  if ((head & flags.QR) !== 0) return { kind: 'ignore' }
  if (((head >> 11) & 0xf) !== opcodes.QUERY) return { kind: 'other-opcode', bytes }

  const malformed = { kind: 'malformed', bytes } as const
  const [questions, answers] = [bytes.readUInt16BE(4), bytes.readUInt16BE(6)]
  const [authority, additional] = [bytes.readUInt16BE(8), bytes.readUInt16BE(10)]
  if (questions !== 1 || answers !== 0 || authority > MOST.authority || additional > MOST.additional) return malformed

  const end = nameEnd(bytes, HEADER_BYTES)
  if (end === undefined || end + 4 > bytes.length) return malformed
  const query: Query = {
    kind: 'query',
    bytes,
    questionEnd: end + 4,
    type: bytes.readUInt16BE(end),
    class: bytes.readUInt16BE(end + 2),
  }
  return withTail(query, authority, additional) ?? malformed
}

/** The query with what its OPT record says; undefined when the records after the question are not right to the last byte. */
function withTail(query: Query, authority: number, additional: number): Query | undefined {
  let at = query.questionEnd
  let edns: Edns | undefined
  for (let i = 0; i < authority + additional; i++) {
    const record = parseRecord(query.bytes, at)
    if (record === undefined) return undefined
    at = record.end
    if (record.type !== types.OPT) continue
    if (edns !== undefined || i < authority || !record.atRoot || !wholeOptions(query.bytes, record.data, record.end))
      return undefined
    edns = { size: record.class, version: (record.ttl >> 16) & 0xff, dnssecOk: (record.ttl & 0x8000) !== 0 }
  }
  if (at !== query.bytes.length) return undefined
  return edns === undefined ? query : { ...query, edns }
}

type Header = { atRoot: boolean; type: number; class: number; ttl: number; data: number; end: number }

function parseRecord(bytes: Buffer, at: number): Header | undefined {
  const fixed = ownerEnd(bytes, at)
  if (fixed === undefined || fixed + 10 > bytes.length) return undefined
  const data = fixed + 10
  const end = data + bytes.readUInt16BE(fixed + 8)
  if (end > bytes.length) return undefined
  return {
    atRoot: fixed === at + 1,
    type: bytes.readUInt16BE(fixed),
    class: bytes.readUInt16BE(fixed + 2),
    ttl: bytes.readUInt32BE(fixed + 4),
    data,
    end,
  }
}

/** The owner of a record may be compressed; where its pointer leads does not matter, as nobody reads it. */
function ownerEnd(bytes: Buffer, at: number): number | undefined {
  for (let i = at; ;) {
    const length = bytes[i]
    if (length === undefined || i - at > 255) return undefined
    if (length >= 0xc0) return i + 2
    if (length > 63) return undefined
    i += length + 1
    if (length === 0) return i
  }
}

/** EDNS options are ignored one and all, but they must be whole. */
function wholeOptions(bytes: Buffer, from: number, end: number): boolean {
  let at = from
  while (at + 4 <= end) at += 4 + bytes.readUInt16BE(at + 2)
  return at === end
}
