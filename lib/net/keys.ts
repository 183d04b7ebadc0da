// WireGuard keys (Curve25519). A public key names a gateway and gives it its address inside the tunnels, so nothing has to hand
// addresses out; a private key never leaves the node that made it and cannot be printed by accident.
import { createHash, createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync, timingSafeEqual } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { Brand } from '#lib/std/brand.ts'
import type { Result } from '#lib/std/result.ts'
import { invalid, ok } from '#lib/std/result.ts'
import { parseKeyBytes, Secret } from '#lib/std/secret.ts'
import type { CIDR } from './cidr.ts'
import { formatIP } from './ip.ts'

/** 32 bytes in base64, the spelling of `wg`. */
export type PublicKey = Brand<string, 'PublicKey'>

/** The network all tunnel addresses lie in: a unique local prefix (RFC 4193) that spells "tom". */
export const tunnelNetwork = 'fd74:6f6d::/32' as CIDR

export function parsePublicKey(text: string): Result<PublicKey> {
  const bytes = Buffer.from(text, 'base64')
  return bytes.length === 32 && bytes.toString('base64') === text
    ? ok(text as PublicKey)
    : invalid('publicKey', text, '32 bytes in base64, as printed by "wg pubkey"')
}

/** The address of a gateway inside the cables: `fd74:6f6d` and 12 bytes of the SHA-256 of its key. A peer can claim no other. */
export function tunnelAddress(key: PublicKey): string {
  const digest = createHash('sha256').update(Buffer.from(key, 'base64')).digest('hex')
  return formatIP({ family: 'IPv6', bits: BigInt(`0xfd746f6d${digest.slice(0, 24)}`) })
}

/** Lower-case hex, the spelling of WireGuard's UAPI. */
export const keyToHex = (key: PublicKey): string => Buffer.from(key, 'base64').toString('hex')

/** Only for what a WireGuard implementation printed: 64 hex digits. */
export const keyFromHex = (hex: string): PublicKey => Buffer.from(hex, 'hex').toString('base64') as PublicKey

/** PKCS #8 around 32 raw bytes of an X25519 private key (RFC 8410 §7). */
const pkcs8Prefix = Buffer.from('302e020100300506032b656e04220420', 'hex')

/** SubjectPublicKeyInfo around 32 raw bytes of an X25519 public key (RFC 8410 §4). */
const spkiPrefix = Buffer.from('302a300506032b656e032100', 'hex')

/** A private key. Its text is only got by asking for it. */
export class PrivateKey extends Secret {
  readonly publicKey: PublicKey
  readonly #raw: Buffer
  readonly #key: KeyObject

  private constructor(raw: Buffer) {
    super()
    this.#raw = raw
    this.#key = createPrivateKey({ key: Buffer.concat([pkcs8Prefix, raw]), format: 'der', type: 'pkcs8' })
    const spki = createPublicKey(this.#key).export({ format: 'der', type: 'spki' })
    this.publicKey = spki.subarray(-32).toString('base64') as PublicKey
  }

  static generate(): PrivateKey {
    const { privateKey } = generateKeyPairSync('x25519')
    const raw = Buffer.from(privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32))
    // Clamped as `wg genkey` does it, so that every program prints this key the same way.
    raw[0] = (raw[0] ?? 0) & 248
    raw[31] = ((raw[31] ?? 0) & 127) | 64
    return new PrivateKey(raw)
  }

  /** From base64. The error does not repeat the value. */
  static parse(text: string): Result<PrivateKey> {
    const raw = parseKeyBytes('privateKey', text)
    return raw.ok ? ok(new PrivateKey(raw.value)) : raw
  }

  /**
   * The secret that only this key's holder and `peer`'s can compute (X25519, RFC 7748 §6.1): 32 bytes, to be derived from, never to
   * be used as they are. An error for a public key that forces the result (of small order), which no honest peer has.
   */
  agree(peer: PublicKey): Result<Buffer> {
    const publicKey = createPublicKey({
      key: Buffer.concat([spkiPrefix, Buffer.from(peer, 'base64')]),
      format: 'der',
      type: 'spki',
    })
    try {
      return ok(diffieHellman({ privateKey: this.#key, publicKey }))
    } catch {
      return invalid('publicKey', peer, 'a Curve25519 public key that is not of small order')
    }
  }

  base64(): string {
    return this.#raw.toString('base64')
  }

  hex(): string {
    return this.#raw.toString('hex')
  }
}

/** A secret that both ends of a WireGuard peering mix into their handshakes. Its text is only got by asking for it. */
export class PresharedKey extends Secret {
  readonly #raw: Buffer

  private constructor(raw: Buffer) {
    super()
    this.#raw = raw
  }

  /** 32 bytes. */
  static of(raw: Buffer): PresharedKey {
    if (raw.length !== 32) throw new RangeError('a pre-shared key has 32 bytes')
    return new PresharedKey(Buffer.from(raw))
  }

  /** From base64. The error does not repeat the value. */
  static parse(text: string): Result<PresharedKey> {
    const raw = parseKeyBytes('presharedKey', text)
    return raw.ok ? ok(new PresharedKey(raw.value)) : raw
  }

  equals(other: PresharedKey): boolean {
    return timingSafeEqual(this.#raw, other.#raw)
  }

  base64(): string {
    return this.#raw.toString('base64')
  }

  hex(): string {
    return this.#raw.toString('hex')
  }
}
