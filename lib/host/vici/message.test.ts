// Messages and packets of VICI against whatever may come, and against what we write ourselves.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Message, Section, SectionValue } from './message.ts'
import { decodeMessage, encodeMessage, listOf, sectionOf, sectionsOf, textOf } from './message.ts'
import { decodeReply, encodeRequest, PacketReader } from './packet.ts'

const name = fc.string({ unit: 'grapheme', maxLength: 20 })
const value = fc.string({ unit: 'grapheme', maxLength: 60 })
const { message } = fc.letrec<{ message: Message }>((tie) => ({
  message: fc.dictionary(name, fc.oneof({ depthSize: 'small' }, value, fc.array(value), tie('message')), {
    maxKeys: 5,
    noNullPrototype: false,
  }),
}))

const asSection = (from: Message): Section =>
  new Map(
    Object.entries(from).map(([key, of]): [string, SectionValue] => [
      key,
      typeof of === 'string' ? of : Array.isArray(of) ? (of as readonly string[]) : asSection(of as Message),
    ]),
  )
/** As charon would send it. */
const packet = (type: number, body: Buffer) => {
  const header = Buffer.alloc(5)
  header.writeUInt32BE(body.length + 1)
  header[4] = type
  return Buffer.concat([header, body])
}

suite('messages of VICI', () => {
  test('are read as they were written', () => {
    fc.assert(
      fc.property(message, (written) => {
        assert.deepEqual(decodeMessage(encodeMessage(written)), { ok: true, value: asSection(written) })
      }),
    )
  })

  test('are the bytes of strongSwan’s own example', () => {
    // The README of its vici plugin, "Message encoding"
    const bytes = encodeMessage({
      key1: 'value1',
      section1: { 'sub-section': { key2: 'value2' }, list1: ['item1', 'item2'] },
    })
    assert.equal(
      bytes.toString('hex'),
      [
        '03046b657931000676616c756531',
        '010873656374696f6e31',
        '010b7375622d73656374696f6e',
        '03046b657932000676616c756532',
        '02',
        '04056c69737431',
        '0500056974656d31',
        '0500056974656d32',
        '06',
        '02',
      ].join(''),
    )
  })

  test('that are cut off, changed or made up are refused with the place, or are messages; nothing else', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((b) => Buffer.from(b)),
      fc.tuple(message, fc.nat()).map(([m, n]) => {
        const whole = encodeMessage(m)
        return whole.subarray(0, n % (whole.length + 1))
      }),
      fc.tuple(message, fc.nat(), fc.nat(255)).map(([m, n, byte]) => {
        const whole = encodeMessage(m)
        if (whole.length > 0) whole[n % whole.length] = byte
        return whole
      }),
    )
    fc.assert(
      fc.property(bytes, (some) => {
        const read = decodeMessage(some)
        if (!read.ok) assert.match(read.error.field, /^message at byte \d+$/)
      }),
    )
  })

  const refused: readonly (readonly [string, string])[] = [
    ['a section that is not ended', '010161'],
    ['an end of what was not begun', '02'],
    ['a list in a list', '04016104016106'],
    ['an item outside of a list', '05000161'],
    ['a list that is not ended', '040161'],
    ['a value longer than the message', '030161ffff61'],
    ['a name longer than the message', '03ff61'],
    ['an element that there is not', '09'],
    ['sections in each other without end', '010161'.repeat(40)],
  ]
  for (const [what, hex] of refused) test(`with ${what} are refused`, () => assert.ok(!decodeMessage(Buffer.from(hex, 'hex')).ok))

  test('what a name or value may not be long is not sent', () => {
    for (const bad of [{ ['n'.repeat(256)]: '' }, { n: 'v'.repeat(65_536) }]) assert.throws(() => encodeMessage(bad), RangeError)
    assert.throws(
      () => encodeRequest({ type: 'command', name: 'x', message: { v: Array.from({ length: 9 }, () => 'v'.repeat(65_000)) } }),
      RangeError,
    )
  })

  test('names that mean something to JavaScript are names like others', () => {
    const read = decodeMessage(encodeMessage(JSON.parse('{"__proto__": "a", "constructor": {"b": "c"}}') as Message))
    assert.ok(read.ok)
    assert.deepEqual([textOf(read.value, '__proto__'), textOf(sectionOf(read.value, 'constructor'), 'b')], ['a', 'c'])
    assert.equal(textOf(undefined, 'toString'), undefined)
  })

  test('what is asked for as something else is not there', () => {
    const section: Section = new Map<string, SectionValue>([
      ['text', 'a'],
      ['list', ['a']],
      ['section', new Map()],
    ])
    assert.deepEqual(
      [textOf(section, 'list'), listOf(section, 'text'), listOf(section, 'section'), sectionOf(section, 'list')],
      [undefined, [], [], undefined],
    )
    assert.deepEqual(
      sectionsOf(section).map(([key]) => key),
      ['section'],
    )
  })
})

suite('packets of VICI', () => {
  const reply = (written: Message) => packet(1, encodeMessage(written))

  test('come out whole, however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 5 }), fc.array(fc.integer({ min: 1, max: 40 })), (messages, cuts) => {
        const stream = Buffer.concat(messages.map(reply))
        const reader = new PacketReader()
        const read = [...chunks(stream, cuts)].flatMap((chunk) => {
          const packets = reader.push(chunk)
          return packets.ok ? packets.value : assert.fail()
        })
        assert.deepEqual(
          read.map((one) => decodeReply(one)),
          messages.map((one) => ({ ok: true, value: { type: 'response', message: asSection(one) } })),
        )
      }),
    )
  })

  test('that claim to be larger than charon’s ever are, are not waited for', () => {
    for (const length of [0, 512 * 1024 + 1, 0xffffffff]) {
      const header = Buffer.alloc(4)
      header.writeUInt32BE(length)
      assert.ok(!new PacketReader().push(header).ok)
    }
  })

  test('whatever they hold, are a reply or refused', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => void decodeReply(Buffer.from(bytes))))
    assert.ok(!decodeReply(Buffer.from('0705616200', 'hex')).ok, 'an event whose name is cut off')
    assert.deepEqual(decodeReply(Buffer.from('0701', 'hex')).ok, false)
    assert.deepEqual(decodeReply(Buffer.from('070161', 'hex')), {
      ok: true,
      value: { type: 'event', event: 'a', message: new Map() },
    })
  })
})

function* chunks(stream: Buffer, sizes: readonly number[]): Generator<Buffer> {
  let at = 0
  for (const size of sizes) {
    if (at >= stream.length) return
    yield stream.subarray(at, at + size)
    at += size
  }
  if (at < stream.length) yield stream.subarray(at)
}
