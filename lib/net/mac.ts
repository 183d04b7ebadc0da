// Link addresses of our own VXLAN devices, derived from the node's address: every node can compute every other's, so none are exchanged.
import { createHash } from 'node:crypto'
import { formatIP } from './ip.ts'

/** A locally administered unicast MAC (`02:…`) from the SHA-256 of the node's address in text. */
export function macOf(nodeAddress: string): string {
  const digest = createHash('sha256').update(nodeAddress).digest()
  return [0x02, ...digest.subarray(0, 5)].map((byte) => byte.toString(16).padStart(2, '0')).join(':')
}

/** The link-local address of a MAC: `fe80::` and its modified EUI-64 (RFC 4291, appendix A). */
export function linkLocalOf(mac: string): string {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = mac.split(':').map((byte) => parseInt(byte, 16))
  const eui64 = Buffer.from([a ^ 0x02, b, c, 0xff, 0xfe, d, e, f]).toString('hex')
  return formatIP({ family: 'IPv6', bits: BigInt(`0xfe80000000000000${eui64}`) })
}
