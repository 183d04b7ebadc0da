// A cable as charon is told of it. What a session was agreed with stands in the connection's name, because charon says back only a part
// of what it was told; selectors it says back, so children have plain names and are compared by what they carry.
import { createHash } from 'node:crypto'
import type { Message } from '#lib/host/vici/message.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import { familyOf } from '#lib/net/cidr.ts'
import type { PublicKey } from '#lib/net/keys.ts'
import { parsePublicKey, tunnelAddress } from '#lib/net/keys.ts'
import { readCertificate } from '#lib/pki/certificate.ts'
import type { CertKey } from '#lib/pki/cert-key.ts'
import type { Kept } from '../../certificate/kept.ts'
import { espNumber } from '../../data-plane.ts'
import type { Cable } from '../driver.ts'
import type { Esp } from './esp.ts'

/** What charon proves this gateway with, and whom it believes. It goes to charon over its socket and lies nowhere else. Certificates in DER. */
export type Credentials = {
  readonly own: { readonly dnsName: string; readonly certificate: Buffer }
  readonly roots: readonly Buffer[]
}

/** What one pair of ESP sessions carries; both lists sorted. */
export type Selectors = { readonly local: readonly string[]; readonly remote: readonly string[] }

export type Connection = {
  readonly name: string
  /** By name: `pulse` for the tunnel addresses, `net` for what clusters send each other. */
  readonly children: ReadonlyMap<string, Selectors>
  readonly message: Message
}

/** AES-256-GCM, and ECDH over Curve25519, or P-256 with who does not have it. */
const ikeProposal = 'aes256gcm16-prfsha384-x25519-ecp256'
const espProposal = 'aes256gcm16-x25519-ecp256'
/** A peer that says nothing is asked so often whether it is there; then three times more, within 5 s (charon.ts). */
const deadPeerSeconds = 5
/** Before RFC 7296 asks for it, and often enough that a key that leaks tells of hours, not days. */
const ikeRekeySeconds = 4 * 3600
const childRekeySeconds = 3600

/** undefined: the cable says nothing of who its gateway is, so there can be no session. */
export function connectionOf(
  cable: Cable,
  us: PublicKey,
  { own, roots }: Credentials,
  { port, esp }: { readonly port: number; readonly esp: Esp },
): Connection | undefined {
  const { ipsec, candidates } = cable
  const theirs = ipsec === undefined ? undefined : readCertificate(ipsec.certificate)
  if (ipsec === undefined || theirs === undefined) return undefined
  const children = childrenOf(cable, ipsec.own, us)
  const session: Message = {
    version: '2',
    local_addrs: ['%any'],
    local_port: String(port),
    // The first is called; packets are taken from anywhere, as their sender proves who it is.
    remote_addrs: [...candidates.map((c) => c.address), '%any'],
    remote_port: String(candidates[0].port),
    proposals: [ikeProposal],
    // In user space there is no other ESP, and the far end may have that; and every NAT lets UDP through.
    encap: 'yes',
    mobike: 'yes',
    // Who talks comes first and what is carried after: so a refused selector ends no session.
    childless: 'force',
    keyingtries: '0',
    // Two sessions with one gateway are sorted out by us: charon would compare names that both ends choose.
    unique: 'no',
    send_cert: 'always',
    dpd_delay: `${deadPeerSeconds}s`,
    rekey_time: `${ikeRekeySeconds}s`,
    reauth_time: '0s',
    local: { auth: 'pubkey', id: own.dnsName, certs: [own.certificate] },
    // All three have to be so: a certificate of another member is none for this name, and an old one that is revoked is not this one.
    remote: { auth: 'pubkey', id: ipsec.dnsName, certs: [theirs.raw], cacerts: [...roots] },
  }
  return {
    name: nameOf(cable, theirs.publicKey.export({ format: 'der', type: 'spki' }), session),
    children,
    message: { ...session, children: Object.fromEntries([...children].map(([name, child]) => [name, childMessage(child, esp)])) },
  }
}

function childrenOf({ publicKey, cidrs }: Cable, own: readonly CIDR[], us: PublicKey): ReadonlyMap<string, Selectors> {
  const both = new Set(cidrs.map(familyOf).filter((family) => own.some((block) => familyOf(block) === family)))
  const of = (blocks: readonly CIDR[]) => blocks.filter((block) => both.has(familyOf(block))).toSorted()
  return new Map([
    ['pulse', { local: [`${tunnelAddress(us)}/128`], remote: [`${tunnelAddress(publicKey)}/128`] }],
    ...(both.size === 0 ? [] : [['net', { local: of(own), remote: of(cidrs) }] as const]),
  ])
}

const childMessage = ({ local, remote }: Selectors, esp: Esp): Message => ({
  local_ts: local,
  remote_ts: remote,
  esp_proposals: [espProposal],
  rekey_time: `${childRekeySeconds}s`,
  // Who begins, and when again, is ours to decide (plan.ts).
  start_action: 'none',
  close_action: 'none',
  dpd_action: 'clear',
  // Of the interface, without which the kernel's policies would be about all packets of the node.
  ...(esp === 'kernel' ? { if_id_in: String(espNumber), if_id_out: String(espNumber) } : {}),
})

// ── names ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** `<the gateway's key>.<its certificate's key>.<port>.<all of the session>`, so that it is seen what a session can no longer be. */
const nameOf = ({ publicKey, candidates: [{ port }] }: Cable, spki: Buffer, session: Message): string =>
  [Buffer.from(publicKey, 'base64').toString('base64url'), digest(spki), port, digest(JSON.stringify(session))].join('.')

const digest = (of: string | Buffer): string => createHash('sha256').update(of).digest('hex').slice(0, 16)

/** `certified`: by which key a session was agreed; a renewed certificate has the same. */
export type ReadName = { readonly publicKey: PublicKey; readonly certified: string; readonly port: number }

/** undefined: it is no connection of ours. */
export function readName(name: string): ReadName | undefined {
  const [key = '', certified = '', port = '', session = '', ...rest] = name.split('.')
  const publicKey = parsePublicKey(Buffer.from(key, 'base64url').toString('base64'))
  const whole = [certified, port, session].every((part) => part !== '') && rest.length === 0
  return publicKey.ok && whole ? { publicKey: publicKey.value, certified, port: Number(port) } : undefined
}

/** undefined while the node has no certificate. */
export function credentialsOf({ own, trust }: Kept): Credentials | undefined {
  const dnsName = /^DNS:([^,]+)$/.exec(own?.certificate.subjectAltName ?? '')?.[1]
  return own === undefined || dnsName === undefined
    ? undefined
    : { own: { dnsName, certificate: own.certificate.raw }, roots: trust.roots.map((root) => root.raw) }
}

/** What charon calls a key: SHA-1 of the point on the curve, which ends the SubjectPublicKeyInfo. */
export const charonKeyID = ({ spki }: CertKey): string => createHash('sha1').update(spki.subarray(-65)).digest('hex')
