// Probes of size on the wire, between two gateways inside their cable, beside the pulse: a padded datagram, and word that it came.
//
//    0  magic "TMBM"   4  version 1   5  0 a probe, 1 an answer   6  size of the probe as an IP packet, u16   8  round u32
//   12  the sender’s boot id of the probe, 8 bytes; an answer has that of the probe.   20  zeros up to the size, of a probe.
import type { Result } from '#lib/std/result.ts'
import { invalid, ok } from '#lib/std/result.ts'

export type Probe = {
  readonly kind: 'probe' | 'answer'
  /** Bytes of the probe with its headers of IPv6 and UDP. */
  readonly size: number
  readonly round: number
  readonly bootID: string
}

/** Of IPv6 and UDP. */
export const headers = 48
const magic = 0x544d424d
const version = 1
const head = 20

/** Whether these bytes are for `decodeProbe` at all. */
export const isProbe = (bytes: Buffer): boolean => bytes.length >= head && bytes.readUInt32BE(0) === magic

export function encodeProbe({ kind, size, round, bootID }: Probe): Buffer {
  const bytes = Buffer.alloc(kind === 'probe' ? Math.max(head, size - headers) : head)
  bytes.writeUInt32BE(magic, 0)
  bytes.writeUInt8(version, 4)
  bytes.writeUInt8(kind === 'probe' ? 0 : 1, 5)
  bytes.writeUInt16BE(size, 6)
  bytes.writeUInt32BE(round >>> 0, 8)
  bytes.write(bootID, 12, 8, 'hex')
  return bytes
}

/** A probe that says another size than it has proves nothing. Never throws. */
export function decodeProbe(bytes: Buffer): Result<Probe> {
  const bad = (want: string) => invalid('probe', bytes.subarray(0, 16).toString('hex'), want)
  if (!isProbe(bytes)) return bad('a probe')
  if (bytes.readUInt8(4) !== version) return bad(`version ${version}`)
  const kind = (['probe', 'answer'] as const)[bytes.readUInt8(5)]
  if (kind === undefined) return bad('a probe or an answer')
  const size = bytes.readUInt16BE(6)
  if (kind === 'probe' && bytes.length !== size - headers) return bad(`${bytes.length + headers} bytes, as it has`)
  return ok({ kind, size, round: bytes.readUInt32BE(8), bootID: bytes.toString('hex', 12, 20) })
}
