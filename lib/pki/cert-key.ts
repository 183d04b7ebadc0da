// A private key that certificates are issued for, or with: ECDSA on P-256, which every IKE and TLS implementation knows. Its text is only
// got by asking for it.
import type { KeyObject } from 'node:crypto'
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import type { Brand } from '#lib/std/brand.ts'
import type { Result } from '#lib/std/result.ts'
import { invalid, ok } from '#lib/std/result.ts'
import { Secret } from '#lib/std/secret.ts'

/** SHA-256 of a SubjectPublicKeyInfo, in hex: what a key is called in the list of revoked ones. */
export type KeyID = Brand<string, 'KeyID'>

export const keyIDOf = (spki: Buffer): KeyID => createHash('sha256').update(spki).digest('hex') as KeyID

export class CertKey extends Secret {
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Buffer
  readonly #key: KeyObject

  private constructor(key: KeyObject) {
    super()
    this.#key = key
    this.spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
  }

  static generate(): CertKey {
    return new CertKey(generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey)
  }

  /** From PKCS #8 in PEM. The error does not repeat the value. */
  static parse(pem: string): Result<CertKey> {
    const refusal = invalid('privateKey', '[secret]', 'an ECDSA P-256 private key, PKCS #8 in PEM')
    try {
      const key = createPrivateKey(pem)
      return isP256(key) ? ok(new CertKey(key)) : refusal
    } catch {
      return refusal
    }
  }

  get id(): KeyID {
    return keyIDOf(this.spki)
  }

  /** ECDSA with SHA-256, as DER. */
  sign(bytes: Buffer): Buffer {
    return sign('sha256', bytes, this.#key)
  }

  pem(): string {
    return this.#key.export({ format: 'pem', type: 'pkcs8' }).toString()
  }
}

export const isP256 = (key: KeyObject): boolean =>
  key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1'
