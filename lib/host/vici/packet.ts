// Packets of VICI: what carries a message, and where one ends in a stream of bytes.
import type { Result } from '#lib/std/result.ts'
import { invalid, ok } from '#lib/std/result.ts'
import type { Message, Section } from './message.ts'
import { decodeMessage, encodeMessage, nameBytes } from './message.ts'

/** What we send. */
export type Request =
  | { readonly type: 'command'; readonly name: string; readonly message: Message }
  | { readonly type: 'register' | 'unregister'; readonly event: string }

/** What charon sends. `unknown` answers a command or an event that it does not have. */
export type Reply =
  | { readonly type: 'response'; readonly message: Section }
  | { readonly type: 'event'; readonly event: string; readonly message: Section }
  | { readonly type: 'unknown' | 'confirmed' }

const kind = {
  command: 0,
  response: 1,
  unknownCommand: 2,
  register: 3,
  unregister: 4,
  confirmed: 5,
  unknownEvent: 6,
  event: 7,
} as const

/** charon neither sends nor takes more in one packet. */
const maxPacket = 512 * 1024

/** With its length in front. Throws RangeError for what charon would hang up on. */
export function encodeRequest(request: Request): Buffer {
  const packet =
    request.type === 'command'
      ? [Buffer.from([kind.command]), nameBytes(request.name), encodeMessage(request.message)]
      : [Buffer.from([kind[request.type]]), nameBytes(request.event)]
  const length = packet.reduce((sum, part) => sum + part.length, 0)
  if (length > maxPacket) throw new RangeError(`a packet of VICI has at most ${maxPacket} bytes`)
  const header = Buffer.alloc(4)
  header.writeUInt32BE(length)
  return Buffer.concat([header, ...packet])
}

/** From a packet without its length. */
export function decodeReply(packet: Buffer): Result<Reply> {
  switch (packet.at(0) ?? -1) {
    case kind.response: {
      const message = decodeMessage(packet.subarray(1))
      return message.ok ? ok({ type: 'response', message: message.value }) : message
    }
    case kind.event: {
      const end = 2 + (packet[1] ?? Infinity)
      if (end > packet.length) return invalid('packet at byte 1', packet.subarray(1, 9).toString('hex'), 'the name of an event')
      const message = decodeMessage(packet.subarray(end))
      return message.ok ? ok({ type: 'event', event: packet.toString('utf8', 2, end), message: message.value }) : message
    }
    case kind.unknownCommand:
    case kind.unknownEvent:
      return ok({ type: 'unknown' })
    case kind.confirmed:
      return ok({ type: 'confirmed' })
    default:
      return invalid('packet at byte 0', packet.subarray(0, 8).toString('hex'), 'a reply of VICI')
  }
}

/** Cuts a stream into packets. Never holds more than one packet and the chunk that ended it. */
export class PacketReader {
  #held: Buffer = Buffer.alloc(0)

  /** The packets that `chunk` completes, without their lengths. After an error there is no way back into step. */
  push(chunk: Buffer): Result<readonly Buffer[]> {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    const packets: Buffer[] = []
    while (this.#held.length >= 4) {
      const length = this.#held.readUInt32BE(0)
      if (length === 0 || length > maxPacket) return invalid('packet length', String(length), `1 to ${maxPacket} bytes`)
      if (this.#held.length < 4 + length) break
      packets.push(this.#held.subarray(4, 4 + length))
      this.#held = this.#held.subarray(4 + length)
    }
    return ok(packets)
  }
}
