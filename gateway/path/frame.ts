// What gateways and relays say to each other inside of TLS: frames of a length, a type and a body. Pure.
//
//   u16 length of the body │ u8 type │ body
//
//   Datagram  16 bytes: the far gateway (to a relay: for whom; from it: by whom), then the datagram as it was
//   Ping      8 bytes that come back in a Pong
//   Here      from a relay: 16 bytes for each gateway that can be reached through it now
import { createHash } from 'node:crypto'
import type { Brand } from '#lib/std/brand.ts'

/** Names a gateway to relays: the first 16 bytes of the SHA-256 of its certificate's one DNS name, in hex. */
export type GatewayID = Brand<string, 'GatewayID'>

export const gatewayIDOf = (dnsName: string): GatewayID =>
  createHash('sha256')
    .update(dnsName)
    .digest('hex')
    .slice(0, 2 * idBytes) as GatewayID

export type Frame =
  | { readonly type: 'Datagram'; readonly gateway: GatewayID; readonly bytes: Buffer }
  | { readonly type: 'Ping' | 'Pong' | 'Here'; readonly bytes: Buffer }

const idBytes = 16
export const pingBytes = 8
const headerBytes = 3
/** A jumbo frame's worth; a datagram of WireGuard is cut to the underlay's size, which is less. */
export const maxDatagram = 9000
/** Of one fleet: more than a relay has connections for. */
const maxHere = 4000
const types = { Datagram: 1, Ping: 2, Pong: 3, Here: 4 } as const

export function encodeFrame(frame: Frame): Buffer {
  const body = frame.type === 'Datagram' ? [Buffer.from(frame.gateway, 'hex'), frame.bytes] : [frame.bytes]
  const header = Buffer.allocUnsafe(headerBytes)
  header.writeUInt16BE(body.reduce((sum, part) => sum + part.length, 0))
  header.writeUInt8(types[frame.type], 2)
  return Buffer.concat([header, ...body])
}

export const hereFrame = (gateways: readonly GatewayID[]): Frame => ({
  type: 'Here',
  bytes: Buffer.concat(gateways.slice(0, maxHere).map((id) => Buffer.from(id, 'hex'))),
})

/** Of the body of a Here. Apart from reading the frame, as it is the one of which a small number costs much. */
export const gatewaysIn = (bytes: Buffer): readonly GatewayID[] =>
  Array.from({ length: bytes.length / idBytes }, (_, i) => idAt(bytes, i * idBytes))

/** Frames out of a stream. It keeps at most one frame that is not whole yet. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0)

  /** undefined: this is no stream of frames, and nothing more can be read from it. */
  push(chunk: Buffer): readonly Frame[] | undefined {
    let rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const frames: Frame[] = []
    while (rest.length >= headerBytes) {
      const [length, type] = [rest.readUInt16BE(), rest.readUInt8(2)]
      // Before the body is waited for: who promises too much is not to be believed the rest.
      if (!fits(type, length)) return undefined
      if (rest.length < headerBytes + length) break
      frames.push(frameOf(type, rest.subarray(headerBytes, headerBytes + length)))
      rest = rest.subarray(headerBytes + length)
    }
    this.#rest = Buffer.from(rest)
    return frames
  }
}

function fits(type: number, length: number): boolean {
  if (type === types.Datagram) return length > idBytes && length <= idBytes + maxDatagram
  if (type === types.Ping || type === types.Pong) return length === pingBytes
  return type === types.Here && length % idBytes === 0 && length <= maxHere * idBytes
}

/** Of a type and a length that fit. */
function frameOf(type: number, body: Buffer): Frame {
  if (type === types.Datagram) return { type: 'Datagram', gateway: idAt(body, 0), bytes: body.subarray(idBytes) }
  return { type: type === types.Here ? 'Here' : type === types.Ping ? 'Ping' : 'Pong', bytes: Buffer.from(body) }
}

const idAt = (body: Buffer, at: number): GatewayID => body.toString('hex', at, at + idBytes) as GatewayID
