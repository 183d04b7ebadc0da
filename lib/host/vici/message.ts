// Messages of VICI, strongSwan's control protocol: sections of keys with values, lists and further sections, as bytes. What comes in is
// charon's, but the names in it are of whoever talks to charon: so it is read strictly, and into maps.
// Source: the README of strongSwan's vici plugin, 5.9.8.
import type { Result } from '#lib/std/result.ts'
import { invalid, ok } from '#lib/std/result.ts'

/** What is sent, in the order of its keys; without those that are undefined. Bytes are for certificates and keys. */
export interface Message {
  readonly [key: string]: MessageValue | undefined
}
export type MessageValue = string | Buffer | readonly (string | Buffer)[] | Message

/** What was received. Values are text; bytes that are none are replaced as Unicode says (U+FFFD). */
export type Section = ReadonlyMap<string, SectionValue>
export type SectionValue = string | readonly string[] | Section

const element = { sectionStart: 1, sectionEnd: 2, keyValue: 3, listStart: 4, listItem: 5, listEnd: 6 } as const

const maxName = 0xff
const maxValue = 0xffff
/** charon's answers go four deep. */
const maxDepth = 16

/** Throws RangeError for a name of more than 255 bytes or a value of more than 65535. */
export function encodeMessage(message: Message): Buffer {
  const parts: Buffer[] = []
  const put = (type: number, ...rest: readonly Buffer[]) => parts.push(Buffer.from([type]), ...rest)
  const putAll = (section: Message) => {
    for (const [key, value] of Object.entries(section)) {
      if (value === undefined) continue
      if (typeof value === 'string' || Buffer.isBuffer(value)) put(element.keyValue, nameBytes(key), valueBytes(value))
      else if (isList(value)) {
        put(element.listStart, nameBytes(key))
        for (const item of value) put(element.listItem, valueBytes(item))
        put(element.listEnd)
      } else {
        put(element.sectionStart, nameBytes(key))
        putAll(value)
        put(element.sectionEnd)
      }
    }
  }
  putAll(message)
  return Buffer.concat(parts)
}

const isList = (value: MessageValue): value is readonly (string | Buffer)[] => Array.isArray(value)

/** A name behind its length of one byte, as in messages and in front of them. */
export const nameBytes = (name: string): Buffer => {
  const bytes = Buffer.from(name)
  if (bytes.length > maxName) throw new RangeError(`a name of VICI has at most ${maxName} bytes`)
  return Buffer.concat([Buffer.from([bytes.length]), bytes])
}

function valueBytes(value: string | Buffer): Buffer {
  const bytes = Buffer.isBuffer(value) ? value : Buffer.from(value)
  if (bytes.length > maxValue) throw new RangeError(`a value of VICI has at most ${maxValue} bytes`)
  const length = Buffer.alloc(2)
  length.writeUInt16BE(bytes.length)
  return Buffer.concat([length, bytes])
}

/** The error names the offset in `bytes` at which they stop being a message. */
export function decodeMessage(bytes: Buffer): Result<Section> {
  const root = new Map<string, SectionValue>()
  const open = [root]
  let list: string[] | undefined
  let at = 0

  /** undefined: there are not so many bytes. */
  const take = (lengthBytes: 1 | 2): string | undefined => {
    if (at + lengthBytes > bytes.length) return undefined
    const end = at + lengthBytes + bytes.readUIntBE(at, lengthBytes)
    if (end > bytes.length) return undefined
    const text = bytes.toString('utf8', at + lengthBytes, end)
    at = end
    return text
  }
  const refuse = (offset: number, want: string) =>
    invalid(`message at byte ${offset}`, bytes.subarray(offset, offset + 8).toString('hex'), want)

  while (at < bytes.length) {
    const start = at
    const type = bytes.readUInt8(at++)
    const section = open.at(-1)
    if (section === undefined) return refuse(start, 'the end, as the section was ended that holds all')
    if ((list !== undefined) !== (type === element.listItem || type === element.listEnd))
      return refuse(start, list === undefined ? 'an element of a section' : 'a list item or the end of the list')
    switch (type) {
      case element.sectionStart: {
        const name = take(1)
        if (name === undefined) return refuse(start, 'a section with its name')
        if (open.length > maxDepth) return refuse(start, `at most ${maxDepth} sections in each other`)
        const inner = new Map<string, SectionValue>()
        section.set(name, inner)
        open.push(inner)
        break
      }
      case element.sectionEnd:
        if (open.length === 1) return refuse(start, 'no end of a section that was not begun')
        open.pop()
        break
      case element.keyValue: {
        const name = take(1)
        const value = name === undefined ? undefined : take(2)
        if (name === undefined || value === undefined) return refuse(start, 'a key with its value')
        section.set(name, value)
        break
      }
      case element.listStart: {
        const name = take(1)
        if (name === undefined) return refuse(start, 'a list with its name')
        list = []
        section.set(name, list)
        break
      }
      case element.listItem: {
        const item = take(2)
        if (item === undefined) return refuse(start, 'a list item')
        list?.push(item)
        break
      }
      case element.listEnd:
        list = undefined
        break
      default:
        return refuse(start, 'an element of a message')
    }
  }
  if (list !== undefined || open.length > 1) return refuse(at, 'the end of the list or section')
  return ok(root)
}

/** undefined where there is none, or something else. */
export function textOf(section: Section | undefined, key: string): string | undefined {
  const value = section?.get(key)
  return typeof value === 'string' ? value : undefined
}

/** Empty where there is none, or something else. */
export function listOf(section: Section | undefined, key: string): readonly string[] {
  const value = section?.get(key)
  return value === undefined || typeof value === 'string' || value instanceof Map ? [] : (value as readonly string[])
}

/** The sections within, by name, without what is none. */
export const sectionsOf = (section: Section | undefined): readonly (readonly [string, Section])[] =>
  [...(section ?? [])].flatMap(([name, value]) => (value instanceof Map ? [[name, value as Section] as const] : []))

export function sectionOf(section: Section | undefined, key: string): Section | undefined {
  const value = section?.get(key)
  return value instanceof Map ? (value as Section) : undefined
}
