// A message in, a message out: the header's flags, EDNS, size limits, the order of addresses; and the answers kept encoded, because
// clients ask the same few questions all day. A kept answer holds no byte of the query, so one serves every id, case and size.
import { answer } from './answer.ts'
import type { Rcode } from './wire/codes.ts'
import { flags, HEADER_BYTES, rcodes, types } from './wire/codes.ts'
import type { Encoded } from './wire/encode.ts'
import { encode, MOST_MESSAGE_BYTES } from './wire/encode.ts'
import type { Name } from './wire/name.ts'
import { below } from './wire/name.ts'
import type { Edns, Query } from './wire/query.ts'
import { parseQuery, questionName } from './wire/query.ts'
import type { ResourceRecord } from './wire/record.ts'
import type { Stamp, Zone } from './zone.ts'

export type Transport = 'udp' | 'tcp'
export type Reply = { readonly bytes: Buffer; readonly rcode: Rcode }

/** Never throws on any bytes; undefined means that nothing may be sent back. */
export type Respond = (message: Buffer, transport: Transport) => Reply | undefined

/** What every UDP path carries unfragmented (DNS flag day 2020): our own limit, whatever the asker offers. */
const MOST_UDP_BYTES = 1232
const PLAIN_UDP_BYTES = 512
const OPT_BYTES = 11
/** Of an SOA: its serial, and four intervals behind it. */
const SERIAL_BEFORE_END = 20

const DEFAULT_KEPT_BYTES = 4 << 20

export function responder(zone: Zone, mostKeptBytes = DEFAULT_KEPT_BYTES): Respond {
  const kept = keeper(zone, mostKeptBytes)
  // One for all names is as good as one each: all that matters is that no order comes back every time.
  let turn = 0
  return (message, transport) => {
    const query = parseQuery(message)
    switch (query.kind) {
      case 'ignore':
        return undefined
      case 'malformed':
        return bare(query.bytes, 'FORMERR')
      case 'other-opcode':
        return bare(query.bytes, 'NOTIMP')
      case 'query':
        if (query.edns !== undefined && query.edns.version !== 0)
          return assemble(query, badVersion, { turn: 0, serial: 0 }, transport)
        return assemble(query, kept(query), { turn: turn++, serial: zone.serial }, transport)
    }
  }
}

/** An answer without anything of the query in it. */
type Kept = {
  readonly rcode: Rcode
  readonly authoritative: boolean
  readonly body: Encoded
  /** Octets of each answer when all are addresses, hence alike and free to change places; else 0. */
  readonly stride: number
}

/** What is another one each time. `serial`: of the SOA that goes with a "no". */
type Now = { readonly turn: number; readonly serial: number }

const noRecords: Encoded = { bytes: Buffer.alloc(0), ends: [], answers: 0, authority: 0, additional: 0 }
const badVersion: Kept = { rcode: 'BADVERS', authoritative: false, body: noRecords, stride: 0 }

/** Answers by question, each for as long as its service stays as it is. Names that do not exist are not kept: there is no end of them. */
function keeper(zone: Zone, mostBytes: number): (query: Query) => Kept {
  const answers = new Map<
    string,
    { readonly kept: Kept; readonly price: number; readonly stamp: Stamp; readonly version: number }
  >()
  let bytes = 0

  function forget(): void {
    answers.clear()
    bytes = 0
  }

  return (query) => {
    const key = keyOf(query)
    const known = answers.get(key)
    if (known !== undefined && known.version === known.stamp.version) return known.kept
    const name = questionName(query)
    const made = make(zone, name, query)
    answers.delete(key)
    bytes -= known?.price ?? 0
    if (made.rcode !== 'NOERROR') return made
    // A rough price is enough to bound memory, and starting over is cheap enough to need no order of age.
    const price = made.body.bytes.length + 8 * made.body.ends.length + key.length + 300
    if (price > mostBytes) return made
    if (bytes + price > mostBytes) forget()
    const stamp = zone.stampOf(below(zone.name, name) ?? [])
    answers.set(key, { kept: made, price, stamp, version: stamp.version })
    bytes += price
    return made
  }
}

function make(zone: Zone, name: Name, query: Query): Kept {
  const { rcode, authoritative, ...sections } = answer(zone, { name, type: query.type, class: query.class })
  const body = encode(name, sections)
  return { rcode, authoritative, body, stride: isAddresses(sections.answers) ? (body.ends[0] ?? 0) : 0 }
}

const isAddresses = (answers: readonly ResourceRecord[]): boolean => {
  const [first] = answers
  return (first?.data.type === 'A' || first?.data.type === 'AAAA') && answers.every(({ data }) => data.type === first.data.type)
}

/** The question without regard to case. Lengths of labels are below "A", so only letters change; type and class stay as they are. */
function keyOf({ bytes, questionEnd }: Query): string {
  const end = questionEnd - 4
  return bytes.toString('latin1', HEADER_BYTES, end).toLowerCase() + bytes.toString('latin1', end, questionEnd)
}

/** The header alone: for messages whose question could not be read. */
function bare(query: Buffer, rcode: Rcode): Reply {
  const bytes = Buffer.alloc(HEADER_BYTES)
  query.copy(bytes, 0, 0, 2)
  const head = query.readUInt16BE(2)
  bytes.writeUInt16BE(flags.QR | (head & 0x7800) | (head & flags.RD) | rcodes[rcode], 2)
  return { bytes, rcode }
}

function assemble(query: Query, kept: Kept, { turn, serial }: Now, transport: Transport): Reply {
  const { body, rcode } = kept
  const start = query.questionEnd
  const tail = query.edns === undefined ? 0 : OPT_BYTES
  const cut = fitInto(body, limit(query.edns, transport) - start - tail)
  const bytes = Buffer.allocUnsafe(start + cut.bytes + tail)

  query.bytes.copy(bytes, 0, 0, start)
  const asked = query.bytes.readUInt16BE(2) & (flags.RD | flags.CD)
  const said = flags.QR | (kept.authoritative ? flags.AA : 0) | (cut.truncated ? flags.TC : 0)
  bytes.writeUInt16BE(said | asked | (rcodes[rcode] & 0xf), 2)
  bytes.writeUInt16BE(cut.answers, 6)
  bytes.writeUInt16BE(cut.authority, 8)
  bytes.writeUInt16BE(cut.additional + (tail === 0 ? 0 : 1), 10)

  copyBody(kept, turn, bytes.subarray(start, start + cut.bytes))
  // The authority of an answer is an SOA alone. What was kept for one service is older than what has changed elsewhere since.
  if (cut.authority > 0)
    bytes.writeUInt32BE(serial, start + (body.ends[cut.answers + cut.authority - 1] ?? 0) - SERIAL_BEFORE_END)
  if (query.edns !== undefined) writeOpt(bytes, start + cut.bytes, query.edns, rcode)
  return { bytes, rcode }
}

const limit = (edns: Edns | undefined, transport: Transport): number => {
  if (transport === 'tcp') return MOST_MESSAGE_BYTES
  return edns === undefined ? PLAIN_UDP_BYTES : Math.min(MOST_UDP_BYTES, Math.max(PLAIN_UDP_BYTES, edns.size))
}

type Cut = Pick<Encoded, 'answers' | 'authority' | 'additional'> & { readonly bytes: number; readonly truncated: boolean }

/** What of the records fits: all; or all but the additional ones, which nobody asked for; or some of the answers and the truncation flag. */
function fitInto(body: Encoded, room: number): Cut {
  const { answers, authority, additional, ends } = body
  const upTo = (records: number) => (records === 0 ? 0 : (ends[records - 1] ?? 0))
  const all = upTo(answers + authority + additional)
  if (all <= room) return { answers, authority, additional, bytes: all, truncated: false }
  const asked = upTo(answers + authority)
  if (asked <= room) return { answers, authority, additional: 0, bytes: asked, truncated: false }
  // Resolvers come back over TCP. The few that cannot still get whole records.
  let some = answers
  while (some > 0 && upTo(some) > room) some--
  return { answers: some, authority: 0, additional: 0, bytes: upTo(some), truncated: true }
}

/** Copies as much of the body as `into` has room for, addresses beginning with another one each turn. */
function copyBody({ body, stride }: Kept, turn: number, into: Buffer): void {
  const first = body.answers > 1 ? (turn % body.answers) * stride : 0
  const copied = body.bytes.copy(into, 0, first, first === 0 ? undefined : body.answers * stride)
  if (first > 0) body.bytes.copy(into, copied, 0, Math.min(first, into.length - copied))
}

/** RFC 6891 §6.1.3: our size, the upper bits of the response code, version 0, and the DO bit as it came. No options. */
function writeOpt(bytes: Buffer, at: number, edns: Edns, rcode: Rcode): void {
  bytes.writeUInt8(0, at)
  bytes.writeUInt16BE(types.OPT, at + 1)
  bytes.writeUInt16BE(MOST_UDP_BYTES, at + 3)
  bytes.writeUInt8(rcodes[rcode] >> 4, at + 5)
  bytes.writeUInt8(0, at + 6)
  bytes.writeUInt16BE(edns.dnssecOk ? 0x8000 : 0, at + 7)
  bytes.writeUInt16BE(0, at + 9)
}
