// The pulse on the wire: one UDP datagram between two gateways, inside their cable, so encrypted and from a proven sender. It carries
// who speaks, in which role, and an echo of the last one heard, from which both sides know that both directions work.
//
//    0  magic "TMBP"   4  version 1   5  role   6  echo follows?   7  flags, as `flags` below has them
//    8  term u32      12  sequence u32         16  boot id, 8 bytes       24  sent at, f64 ms on the sender's clock
//   32  echo: boot id, 8 bytes        40  echo: sent at, f64 ms on the receiver's clock       48  echo: held for, f64 ms
//   56  length u8 and text of the cluster id, then of the node name, then, if its flag is set, the term u32 at which the receiver is taken.
//   All numbers big-endian.
import type { Result } from '#lib/std/result.ts'
import { invalid, ok } from '#lib/std/result.ts'
import type { Claim } from '../engine.ts'
import type { Standing } from '../hand-over/standing.ts'

/** A sender's own proof of having been heard: its boot id and clock, and how long the answer waited here. Times in ms. */
export type Echo = { readonly bootID: string; readonly sentAt: number; readonly heldFor: number }

export type Message = {
  readonly clusterID: string
  readonly node: string
  /** New with every start, 16 hex digits: sequence and clock begin anew with it. */
  readonly bootID: string
  readonly claim: Claim
  readonly standing: Standing
  /** Its routes lead into its cables: what is sent to it for other clusters goes there. */
  readonly carrying: boolean
  /** It hears no gateway of any other cluster, though there are some. */
  readonly cutOff: boolean
  readonly sequence: number
  readonly sentAt: number
  readonly echo: Echo | undefined
  /** Another process speaks with the receiver’s key, which began earlier. */
  readonly doubled: boolean
  /** At which term the receiver’s cluster is sent to and taken from; undefined if at none, or between gateways of one cluster. */
  readonly takes: number | undefined
}

const magic = 0x544d4250
const version = 1
const head = 56
const flags = { cutOff: 2, carrying: 16, takes: 32, doubled: 64 } as const
/** Of these at most one. */
const standingFlags = { Never: 1, Reserve: 4, NotYet: 8, Ready: 0 } as const satisfies Record<Standing, number>
const flagged = ['Never', 'Reserve', 'NotYet'] as const

export function encode(message: Message): Buffer {
  const [cluster, node] = [Buffer.from(message.clusterID), Buffer.from(message.node)]
  const names = head + 2 + cluster.length + node.length
  const bytes = Buffer.alloc(names + (message.takes === undefined ? 0 : 4))
  bytes.writeUInt32BE(magic, 0)
  bytes.writeUInt8(version, 4)
  bytes.writeUInt8(message.claim.role === 'Active' ? 1 : 0, 5)
  bytes.writeUInt8(message.echo === undefined ? 0 : 1, 6)
  bytes.writeUInt8(flagsOf(message), 7)
  bytes.writeUInt32BE(message.claim.term, 8)
  bytes.writeUInt32BE(message.sequence >>> 0, 12)
  bytes.write(message.bootID, 16, 8, 'hex')
  bytes.writeDoubleBE(message.sentAt, 24)
  if (message.echo !== undefined) {
    bytes.write(message.echo.bootID, 32, 8, 'hex')
    bytes.writeDoubleBE(message.echo.sentAt, 40)
    bytes.writeDoubleBE(message.echo.heldFor, 48)
  }
  bytes.writeUInt8(cluster.length, head)
  cluster.copy(bytes, head + 1)
  bytes.writeUInt8(node.length, head + 1 + cluster.length)
  node.copy(bytes, head + 2 + cluster.length)
  if (message.takes !== undefined) bytes.writeUInt32BE(message.takes, names)
  return bytes
}

const flagsOf = ({ standing, cutOff, carrying, doubled, takes }: Message): number =>
  standingFlags[standing] |
  (cutOff ? flags.cutOff : 0) |
  (carrying ? flags.carrying : 0) |
  (doubled ? flags.doubled : 0) |
  (takes === undefined ? 0 : flags.takes)

/** Never throws, whatever it is given. A later version may append to what is here, so bytes behind the end are no error. */
export function decode(bytes: Buffer): Result<Message> {
  const bad = (want: string) => invalid('pulse', bytes.subarray(0, 16).toString('hex'), want)
  if (bytes.length < head + 2 || bytes.readUInt32BE(0) !== magic) return bad('a pulse')
  if (bytes.readUInt8(4) !== version) return bad(`version ${version}`)
  const role = bytes.readUInt8(5)
  if (role > 1) return bad('role 0 or 1')
  const cluster = textAt(bytes, head)
  const node = cluster === undefined ? undefined : textAt(bytes, cluster.end)
  if (cluster === undefined || node === undefined) return bad('two names of at least one character')
  const times = [24, 40, 48].map((at) => bytes.readDoubleBE(at))
  if (!times.every((time) => Number.isFinite(time) && time >= 0)) return bad('times that are numbers')
  const [sentAt = 0, echoSentAt = 0, heldFor = 0] = times
  const set = bytes.readUInt8(7)
  const says = (flag: number) => (set & flag) !== 0
  if (says(flags.takes) && node.end + 4 > bytes.length) return bad('a term at its end')
  return ok({
    clusterID: cluster.text,
    node: node.text,
    bootID: bytes.toString('hex', 16, 24),
    standing: flagged.find((standing) => says(standingFlags[standing])) ?? 'Ready',
    carrying: says(flags.carrying),
    cutOff: says(flags.cutOff),
    doubled: says(flags.doubled),
    claim: { role: role === 1 ? 'Active' : 'Standby', term: bytes.readUInt32BE(8) },
    sequence: bytes.readUInt32BE(12),
    sentAt,
    echo: bytes.readUInt8(6) === 0 ? undefined : { bootID: bytes.toString('hex', 32, 40), sentAt: echoSentAt, heldFor },
    takes: says(flags.takes) ? bytes.readUInt32BE(node.end) : undefined,
  })
}

/** Cluster ids and node names are DNS names: anything else would end in a log or a metric as it came. */
const name = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/

function textAt(bytes: Buffer, at: number): { readonly text: string; readonly end: number } | undefined {
  if (at >= bytes.length) return undefined
  const end = at + 1 + bytes.readUInt8(at)
  if (end > bytes.length) return undefined
  const text = bytes.toString('latin1', at + 1, end)
  return name.test(text) ? { text, end } : undefined
}
