// A member's identity: a key to sign with and a key to agree on secrets with. Both are made in the member and never leave it; the
// public halves are what the broker admits, and their fingerprint is what two people compare.
import { createHash } from 'node:crypto'
import type { PublicKey } from '#lib/net/keys.ts'
import { PrivateKey } from '#lib/net/keys.ts'
import type { Result } from '#lib/std/result.ts'
import { ok } from '#lib/std/result.ts'
import type { VerifyKey } from './signing-key.ts'
import { SigningKey } from './signing-key.ts'

export type Identity = { readonly signing: SigningKey; readonly agreement: PrivateKey }

/** As it stands in JoinRequest, Member and Allocation. */
export type PublicIdentity = { readonly signingKey: VerifyKey; readonly agreementKey: PublicKey }

export const newIdentity = (): Identity => ({ signing: SigningKey.generate(), agreement: PrivateKey.generate() })

export const publicIdentity = ({ signing, agreement }: Identity): PublicIdentity => ({
  signingKey: signing.verifyKey,
  agreementKey: agreement.publicKey,
})

/** From the two texts that `base64()` of each key gives. */
export function parseIdentity(texts: { readonly signing: string; readonly agreement: string }): Result<Identity> {
  const signing = SigningKey.parse(texts.signing)
  if (!signing.ok) return signing
  const agreement = PrivateKey.parse(texts.agreement)
  if (!agreement.ok) return agreement
  return ok({ signing: signing.value, agreement: agreement.value })
}

/** 128 bits of a SHA-256 over both keys, in groups that can be read out on the telephone: `3f2a-09bc-…`, eight of them. */
export function fingerprint({ signingKey, agreementKey }: PublicIdentity): string {
  const digest = createHash('sha256')
    .update('tombolo.dev/identity/v1')
    .update(Buffer.from(signingKey, 'base64'))
    .update(Buffer.from(agreementKey, 'base64'))
    .digest('hex')
  return (digest.slice(0, 32).match(/.{4}/g) ?? []).join('-')
}

export const sameIdentity = (a: PublicIdentity, b: PublicIdentity): boolean =>
  a.signingKey === b.signingKey && a.agreementKey === b.agreementKey
