// Whatever anybody sends, structured or not: the reader and the responder together never throw, never answer what is no query, and
// never send more than may be sent. FUZZ_SEED=N runs the bytes of an earlier failure again.
import assert from 'node:assert/strict'
import * as packet from 'dns-packet'
import fc from 'fast-check'
import { headless, slice, virtual, zoneName, zoneOf } from '#test/kit/names.ts'
import { answer } from './answer.ts'
import { responder } from './respond.ts'
import type { Transport } from './respond.ts'
import { flags, rcodes } from './wire/codes.ts'

const pods = Array.from({ length: 40 }, (_, i) => `pod-${i} 10.1.9.${i + 1}`)
const zone = zoneOf([
  [virtual('web', ['10.42.0.7', 'fd00:42::7'], [{ name: 'http', port: 80 }])],
  [headless('db'), slice('c-a', ['db-0 10.1.2.1', '10.1.2.2', 'db-2 10.1.2.3'], [{ name: 'pg', port: 5432 }])],
  [headless('crowd'), slice('c-a', pods, [{ name: 'pg', port: 5432 }])],
])

type Opt = { readonly size: number; readonly version: number; readonly flags: number; readonly options: Uint8Array }
type Asked = {
  readonly id: number
  readonly head: number
  readonly labels: readonly string[]
  readonly type: number
  readonly class: number
  readonly opt?: Opt | undefined
}

/** A message as a client would write it: nothing of our own codec is in it. */
function written({ id, head, labels, type, class: class_, opt }: Asked): Buffer {
  const header = Buffer.alloc(12)
  header.writeUInt16BE(id, 0)
  header.writeUInt16BE(head, 2)
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(opt === undefined ? 0 : 1, 10)
  const name = labels.flatMap((label) => [label.length, ...Buffer.from(label, 'latin1')])
  const tail = Buffer.alloc(5)
  tail.writeUInt16BE(type, 1)
  tail.writeUInt16BE(class_, 3)
  if (opt === undefined) return Buffer.concat([header, Buffer.from(name), tail])
  const record = Buffer.alloc(11)
  record.writeUInt16BE(41, 1)
  record.writeUInt16BE(opt.size, 3)
  record.writeUInt8(opt.version, 6)
  record.writeUInt16BE(opt.flags, 7)
  record.writeUInt16BE(opt.options.length, 9)
  return Buffer.concat([header, Buffer.from(name), tail, record, opt.options])
}

const types = [1, 2, 6, 12, 15, 16, 28, 33, 64, 65, 99, 251, 252, 255]
const words = [
  'web',
  'db',
  'crowd',
  'shop',
  'svc',
  'c-a',
  'db-0',
  '10-1-2-2',
  '_http',
  '_pg',
  '_tcp',
  'dns-version',
  'ns',
  'dns',
  'x',
]
const labels = fc.tuple(
  fc.array(
    fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom(...words) },
      fc.string({ minLength: 1, maxLength: 30, unit: 'binary-ascii' }),
    ),
    { maxLength: 5 },
  ),
  fc.constantFrom([], ['svc', ...zoneName], ['shop', 'svc', ...zoneName], ['db', 'shop', 'svc', ...zoneName], zoneName),
)
const mixedCase = fc
  .tuple(labels, fc.infiniteStream(fc.boolean()))
  .map(([[left, right], coins]) =>
    [...left, ...right].map((label) =>
      Array.from(label, (c) => (coins.next().value === true ? c.toUpperCase() : c.toLowerCase())).join(''),
    ),
  )
const opt: fc.Arbitrary<Opt> = fc.record({
  size: fc.oneof(fc.constantFrom(0, 511, 512, 513, 1231, 1232, 1233, 4096, 65_535), fc.nat(65_535)),
  version: fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, fc.nat(255)),
  flags: fc.nat(0xffff),
  options: fc
    .array(fc.tuple(fc.nat(0xffff), fc.uint8Array({ maxLength: 20 })), { maxLength: 3 })
    .map((all) => Buffer.concat(all.map(([code, data]) => Buffer.from([code >> 8, code & 255, 0, data.length, ...data])))),
})
const asked: fc.Arbitrary<Asked> = fc.record({
  id: fc.nat(0xffff),
  // Any flags but QR, and the opcode of a query.
  head: fc.nat(0xffff).map((bits) => bits & ~(flags.QR | 0x7800)),
  labels: mixedCase,
  type: fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...types) }, fc.nat(0xffff)),
  class: fc.oneof({ weight: 16, arbitrary: fc.constant(1) }, fc.nat(0xffff)),
  opt: fc.option(opt, { nil: undefined }),
})

const counts = (bytes: Buffer) => [6, 8, 10].map((at) => bytes.readUInt16BE(at)) as [number, number, number]

suite('any query', () => {
  const runs = { numRuns: 600 }

  test('is answered with its id, its question byte for byte, and what the zone says', () => {
    const respond = responder(zone)
    fc.assert(
      fc.property(asked, (query) => {
        const message = written(query)
        const reply = respond(message, 'tcp')
        assert.ok(reply)
        const { bytes } = reply
        const end = message.length - (query.opt === undefined ? 0 : 11 + query.opt.options.length)
        assert.deepEqual(bytes.subarray(12, end), message.subarray(12, end))
        assert.equal(bytes.readUInt16BE(0), query.id)
        const head = bytes.readUInt16BE(2)
        assert.equal(head & (flags.QR | 0x7800 | flags.RD | flags.CD), flags.QR | (query.head & (flags.RD | flags.CD)))
        const other = query.opt !== undefined && query.opt.version !== 0
        const want = answer(zone, { name: query.labels, type: query.type, class: query.class })
        assert.equal(reply.rcode, other ? 'BADVERS' : want.rcode)
        assert.equal((head & flags.AA) !== 0, !other && want.authoritative)
        assert.equal(head & 0xf, rcodes[reply.rcode] & 0xf)
        if (!other) {
          const sections = [
            want.answers.length,
            want.authority.length,
            want.additional.length + (query.opt === undefined ? 0 : 1),
          ]
          assert.deepEqual(counts(bytes), sections)
        }
        assert.doesNotThrow(() => packet.decode(bytes))
      }),
      runs,
    )
  })

  test('over UDP gets what it has room for: additional records go first, then TC is set', () => {
    fc.assert(
      fc.property(asked, (query) => {
        const message = written(query)
        // Two responders, so that both begin with the same record.
        const [short, long] = [responder(zone)(message, 'udp'), responder(zone)(message, 'tcp')]
        assert.ok(short && long)
        const most = query.opt === undefined ? 512 : Math.min(1232, Math.max(512, query.opt.size))
        assert.ok(short.bytes.length <= most, `${short.bytes.length} octets for ${most}`)
        const own = query.opt === undefined ? 0 : 1
        const [some, all] = [counts(short.bytes), counts(long.bytes)]
        const cut = (short.bytes.readUInt16BE(2) & flags.TC) !== 0
        assert.equal(cut, some[0] < all[0] || some[1] < all[1])
        if (long.bytes.length <= most) assert.deepEqual(short.bytes, long.bytes)
        else assert.equal(some[2], own)
        // Whatever was left out, what is there is the same.
        if (own === 0) assert.deepEqual(short.bytes.subarray(12), long.bytes.subarray(12, short.bytes.length))
        packet.decode(short.bytes)
      }),
      runs,
    )
  })

  test('is the same question in any case, and EDNS changes no record', () => {
    const respond = responder(zone)
    const records = (query: Asked) => {
      const reply = respond(written(query), 'tcp')
      const { answers = [], authorities = [] } = packet.decode(reply?.bytes ?? Buffer.alloc(0))
      const plain = [...answers, ...authorities].map((record) => JSON.stringify(record).toLowerCase())
      return [reply?.rcode, ...plain.sort()]
    }
    fc.assert(
      fc.property(asked, ({ opt: _, ...query }) => {
        const lower = { ...query, labels: query.labels.map((label) => label.toLowerCase()) }
        assert.deepEqual(records(query), records(lower))
        assert.deepEqual(
          records({ ...query, opt: { size: 1232, version: 0, flags: 0x8000, options: Buffer.alloc(0) } }),
          records(lower),
        )
      }),
      runs,
    )
  })

  test('is never answered when it is an answer, or shorter than a header', () => {
    const respond = responder(zone)
    fc.assert(
      fc.property(asked, fc.nat(11), fc.constantFrom<Transport>('udp', 'tcp'), (query, length, transport) => {
        assert.equal(respond(written({ ...query, head: query.head | flags.QR }), transport), undefined)
        assert.equal(respond(written(query).subarray(0, length), transport), undefined)
      }),
      runs,
    )
  })
})

suite('fuzz', () => {
  const seed = Number(process.env.FUZZ_SEED ?? 1 + Math.floor(Math.random() * 0xffff_fffe))
  const rounds = 1_000_000

  test(`${rounds} malformed messages: none is too much, and none gets more than it may`, function () {
    // 7 s of a quiet core.
    this.timeout(120_000)
    const respond = responder(zone)
    const random = xorshift(seed)
    const seeds = corpus()
    const room = Buffer.alloc(1024)
    let answered = 0
    for (let round = 0; round < rounds; round++) {
      const message = mutant(seeds, random, room)
      const transport: Transport = (random() & 15) === 0 ? 'tcp' : 'udp'
      try {
        const reply = respond(message, transport)?.bytes
        if (reply !== undefined) answered++
        judge(message, reply, transport)
        // Another codec is slow, and need not see all of them.
        if (reply !== undefined && round % 32 === 0) packet.decode(reply)
      } catch (error) {
        const what = `FUZZ_SEED=${seed}, round ${round}, ${transport}: ${message.toString('hex')}`
        throw new Error(`${what}\n${String(error)}`, { cause: error })
      }
    }
    // Else it would have been a test of the first length check.
    assert.ok(answered > rounds / 4, `${answered} were answered`)
  })
})

/** What must hold whatever the message was; by looking at bytes alone. */
function judge(message: Buffer, reply: Buffer | undefined, transport: Transport): void {
  const mayAnswer = message.length >= 12 && (message.readUInt8(2) & 0x80) === 0
  if (reply === undefined) {
    if (mayAnswer) throw new Error('a query without an answer')
    return
  }
  if (!mayAnswer) throw new Error('an answer to what is no query')
  if (reply.length < 12 || reply.readUInt16BE(0) !== message.readUInt16BE(0)) throw new Error('not its answer')
  if ((reply.readUInt8(2) & 0xf9) !== (0x80 | (message.readUInt8(2) & 0x79))) throw new Error('other flags than its own')
  const edns = message.readUInt16BE(10) > 0
  if (transport === 'udp' && reply.length > (edns ? 1232 : 512)) throw new Error(`${reply.length} octets over UDP`)
  // Refusals of every kind: nothing is gained by having them sent to somebody else.
  if (reply.readUInt32BE(6) === 0 && reply.length > message.length)
    throw new Error(`${reply.length} octets that say nothing, for ${message.length}`)
}

/** Messages that are nearly right get further than noise does. */
function corpus(): readonly Buffer[] {
  const name = (text: string) => text.split('.')
  const ask = (text: string, type: number, rest: Partial<Asked> = {}) =>
    written({ id: 1, head: flags.RD, labels: [...name(text), ...zoneName], type, class: 1, ...rest })
  const edns = { size: 1232, version: 0, flags: 0x8000, options: Buffer.from([0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8]) }
  const signed = Buffer.concat([ask('db.shop.svc', 1), Buffer.from([0, 0, 250, 0, 255, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4])])
  signed.writeUInt16BE(1, 10)
  const transfer = Buffer.concat([ask('svc', 251), Buffer.from([0xc0, 12, 0, 6, 0, 1, 0, 0, 0, 0, 0, 4, 0, 0, 0, 9])])
  transfer.writeUInt16BE(1, 8)
  return [
    ask('web.shop.svc', 1),
    ask('_http._tcp.web.shop.svc', 33, { opt: edns }),
    ask('crowd.shop.svc', 33),
    ask('crowd.shop.svc', 1, { opt: { ...edns, size: 4096 } }),
    ask('db-0.c-a.db.shop.svc', 28),
    ask('dns-version', 16, { opt: edns }),
    ask('svc', 255, { opt: { ...edns, version: 1 } }),
    written({ id: 2, head: 0, labels: [], type: 2, class: 1 }),
    written({ id: 3, head: 0, labels: Array.from({ length: 3 }, () => 'x'.repeat(63)), type: 1, class: 1, opt: edns }),
    signed,
    transfer,
  ]
}

/** One of them with bytes changed, cut, repeated, or with another's end; or noise behind a header. It is written into `room`. */
function mutant(seeds: readonly Buffer[], random: () => number, room: Buffer): Buffer {
  const pick = () => seeds[random() % seeds.length] ?? room
  const one = pick()
  let length = one.copy(room)
  switch (random() % 8) {
    case 0: {
      length = random() % room.length
      for (let at = random() % 12; at < length; at += 4) room.writeUInt32BE(random(), Math.min(at, room.length - 4))
      break
    }
    case 1: {
      const other = pick()
      const at = random() % one.length
      length = at + other.copy(room, at, random() % other.length)
      break
    }
    case 2:
      length = random() % (one.length + 1)
      break
    case 3:
      length += random() % 64
      break
    default:
  }
  if (length > 0) for (let n = random() % 5; n > 0; n--) room.writeUInt8(random() & 255, random() % length)
  // Most of the header's mistakes are the same mistake: past it is where it gets interesting.
  if (length >= 12 && (random() & 1) === 0) one.copy(room, 0, 0, 12)
  return room.subarray(0, length)
}

/** Marsaglia's 32-bit xorshift: the same bytes on every run, at next to no cost. `seed` is not 0. */
function xorshift(seed: number): () => number {
  let x = seed | 0
  return () => {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    return x >>> 0
  }
}
