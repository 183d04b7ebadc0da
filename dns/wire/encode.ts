// Writes records as the part of a message after its question. The question itself is copied from the query, so that its letters
// keep their case (0x20); names point back into it by offset, which is the same for every way to write the same question.
import { parseIP, widthOf } from '#lib/net/ip.ts'
import { classes, HEADER_BYTES, types } from './codes.ts'
import type { Name } from './name.ts'
import { wireLength } from './name.ts'
import type { Data, ResourceRecord } from './record.ts'

export type Sections = {
  readonly answers: readonly ResourceRecord[]
  readonly authority: readonly ResourceRecord[]
  readonly additional: readonly ResourceRecord[]
}

/** Records on the wire, to stand right behind the question they were encoded for. */
export type Encoded = {
  readonly bytes: Buffer
  /** Where each record ends in `bytes`, in order of the sections. A cut there is always sound, as names only point backwards. */
  readonly ends: readonly number[]
  readonly answers: number
  readonly authority: number
  readonly additional: number
}

/** A message has no more; records past it are left out. */
export const MOST_MESSAGE_BYTES = 65_535
/** Compression pointers have 14 bits. */
const MOST_POINTER = 0x3fff
/** Not latin1, so in no label: distinguishes ["a.b"] from ["a", "b"]. */
const SEPARATOR = '\u0100'

export function encode(question: Name, sections: Sections): Encoded {
  const writer = new Writer(question)
  const count = (records: readonly ResourceRecord[]) => records.filter((record) => writer.record(record)).length
  const [answers, authority, additional] = [count(sections.answers), count(sections.authority), count(sections.additional)]
  return { bytes: writer.written(), ends: writer.ends, answers, authority, additional }
}

/** Owns the growing buffer and the table of names that later ones may point to. */
class Writer {
  readonly ends: number[] = []
  readonly #base: number
  readonly #offsets = new Map<string, number>()
  #buffer = Buffer.allocUnsafe(512)
  #at = 0
  /** Set by the first record that finds no room: what was remembered of its names is not there. */
  #full = false

  constructor(question: Name) {
    this.#base = HEADER_BYTES + wireLength(question) + 4
    this.#remember(question, HEADER_BYTES)
  }

  written(): Buffer {
    return Buffer.from(this.#buffer.subarray(0, this.#at))
  }

  /** False when the message has no room for it, or had none for an earlier one. */
  record({ name, ttl, data }: ResourceRecord): boolean {
    if (this.#full) return false
    const start = this.#at
    this.#name(name, 'compress')
    this.#u16(types[data.type])
    this.#u16(classes.IN)
    this.#u32(ttl)
    this.#u16(0)
    const dataAt = this.#at
    this.#data(data)
    this.#buffer.writeUInt16BE(this.#at - dataAt, dataAt - 2)
    if (this.#base + this.#at > MOST_MESSAGE_BYTES) {
      this.#at = start
      this.#full = true
      return false
    }
    this.ends.push(this.#at)
    return true
  }

  #data(data: Data): void {
    switch (data.type) {
      case 'A':
      case 'AAAA':
        this.#address(data.address)
        return
      case 'SRV':
        this.#u16(data.priority)
        this.#u16(data.weight)
        this.#u16(data.port)
        // RFC 2782 forbids compression here; later owners may still point at it.
        this.#name(data.target, 'whole')
        return
      case 'TXT':
        for (const part of chunks(data.text)) {
          this.#u8(part.length)
          this.#latin1(part)
        }
        return
      case 'NS':
        this.#name(data.server, 'compress')
        return
      case 'SOA':
        this.#name(data.server, 'compress')
        this.#name(data.mailbox, 'compress')
        for (const n of [data.serial, data.refresh, data.retry, data.expire, data.minimum]) this.#u32(n)
    }
  }

  #name(name: Name, how: 'compress' | 'whole'): void {
    const from = this.#base + this.#at
    const known = how === 'whole' ? undefined : this.#known(name)
    for (const label of name.slice(0, known?.index ?? name.length)) {
      this.#u8(label.length)
      this.#latin1(label)
    }
    if (known === undefined) this.#u8(0)
    else this.#u16(0xc000 | known.offset)
    this.#remember(name.slice(0, known?.index ?? name.length), from, name.slice(known?.index ?? name.length))
  }

  /** The longest tail of the name that stands somewhere already. */
  #known(name: Name): { index: number; offset: number } | undefined {
    for (let index = 0; index < name.length; index++) {
      const offset = this.#offsets.get(keyOf(name.slice(index)))
      if (offset !== undefined) return { index, offset }
    }
    return undefined
  }

  /** `labels` were written from `offset` on, and `tail` follows them. */
  #remember(labels: Name, offset: number, tail: Name = []): void {
    const name = [...labels, ...tail]
    let at = offset
    for (let index = 0; index < labels.length && at <= MOST_POINTER; index++) {
      const key = keyOf(name.slice(index))
      if (!this.#offsets.has(key)) this.#offsets.set(key, at)
      at += (labels[index]?.length ?? 0) + 1
    }
  }

  #address(text: string): void {
    const ip = parseIP(text)
    if (!ip.ok) throw new Error(`not an address: ${text}`)
    for (let shift = widthOf(ip.value.family) - 8; shift >= 0; shift -= 8)
      this.#u8(Number((ip.value.bits >> BigInt(shift)) & 0xffn))
  }

  #u8(value: number): void {
    this.#room(1)
    this.#at = this.#buffer.writeUInt8(value, this.#at)
  }

  #u16(value: number): void {
    this.#room(2)
    this.#at = this.#buffer.writeUInt16BE(value, this.#at)
  }

  #u32(value: number): void {
    this.#room(4)
    this.#at = this.#buffer.writeUInt32BE(value, this.#at)
  }

  #latin1(text: string): void {
    this.#room(text.length)
    this.#at += this.#buffer.write(text, this.#at, 'latin1')
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#at + bytes))
    this.#buffer.copy(larger, 0, 0, this.#at)
    this.#buffer = larger
  }
}

const keyOf = (name: Name): string => name.join(SEPARATOR).toLowerCase()

/** A TXT record is a row of strings of at most 255 octets. */
function chunks(text: string): readonly string[] {
  return text.length <= 255 ? [text] : [text.slice(0, 255), ...chunks(text.slice(255))]
}
