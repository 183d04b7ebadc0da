// Ed25519 (RFC 8032): who holds a signing key can say things that everybody can check. Signatures are deterministic, so nothing
// depends on the randomness of the machine that signs.
import { createPrivateKey, createPublicKey, generateKeyPairSync, hkdfSync, sign, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { Brand } from '#lib/std/brand.ts'
import type { Result } from '#lib/std/result.ts'
import { ok } from '#lib/std/result.ts'
import { parseKeyBytes, Secret } from '#lib/std/secret.ts'

/** 32 bytes in base64. */
export type VerifyKey = Brand<string, 'VerifyKey'>
/** 64 bytes in base64. */
export type Signature = Brand<string, 'Signature'>

/** PKCS #8 and SubjectPublicKeyInfo around 32 raw bytes (RFC 8410). */
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex')
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex')

export class SigningKey extends Secret {
  readonly verifyKey: VerifyKey
  readonly #seed: Buffer
  readonly #key: KeyObject

  private constructor(seed: Buffer) {
    super()
    this.#seed = seed
    this.#key = createPrivateKey({ key: Buffer.concat([pkcs8Prefix, seed]), format: 'der', type: 'pkcs8' })
    const spki = createPublicKey(this.#key).export({ format: 'der', type: 'spki' })
    this.verifyKey = spki.subarray(-32).toString('base64') as VerifyKey
  }

  static generate(): SigningKey {
    const { privateKey } = generateKeyPairSync('ed25519')
    return new SigningKey(Buffer.from(privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32)))
  }

  /** The key that follows from a secret of at least 32 random bytes; `purpose` keeps keys from the same secret apart (HKDF, RFC 5869). */
  static derive(secret: Buffer, purpose: string): SigningKey {
    return new SigningKey(Buffer.from(hkdfSync('sha256', secret, '', purpose, 32)))
  }

  /** From base64. The error does not repeat the value. */
  static parse(text: string): Result<SigningKey> {
    const seed = parseKeyBytes('signingKey', text)
    return seed.ok ? ok(new SigningKey(seed.value)) : seed
  }

  sign(bytes: Buffer): Signature {
    return sign(null, bytes, this.#key).toString('base64') as Signature
  }

  base64(): string {
    return this.#seed.toString('base64')
  }
}

/** False for whatever is not the signature of these bytes by the holder of this key, malformed text too. */
export function isSignedBy(key: VerifyKey, bytes: Buffer, signature: string): boolean {
  const raw = Buffer.from(signature, 'base64')
  // One spelling: a second one of the same signature would be a second signature to whoever compares text.
  if (raw.length !== 64 || raw.toString('base64') !== signature) return false
  const spki = Buffer.concat([spkiPrefix, Buffer.from(key, 'base64')])
  try {
    return verify(null, bytes, createPublicKey({ key: spki, format: 'der', type: 'spki' }), raw)
  } catch {
    // 32 bytes that are no point of the curve.
    return false
  }
}
