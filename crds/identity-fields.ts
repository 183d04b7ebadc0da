// The public half of a member's identity, as it stands in several kinds (lib/identity).
import type { Signature, VerifyKey } from '#lib/identity/signing-key.ts'
import type { PublicKey } from '#lib/net/keys.ts'
import { z } from 'zod'

/** 32 bytes: the last character carries four bits, of which two are zero. */
const key = z.string().length(44)
const pattern = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/

export const verifyKeyField = key.regex(pattern, 'an Ed25519 public key in base64').transform((text) => text as VerifyKey)

export const signatureField = z
  .string()
  .length(88)
  .regex(/^[A-Za-z0-9+/]{85}[AQgw]==$/, 'an Ed25519 signature in base64')
  .transform((text) => text as Signature)

export const identityField = z.object({
  signingKey: verifyKeyField.describe('Ed25519: checks what the member signs.'),
  agreementKey: key
    .regex(pattern, 'a Curve25519 public key in base64')
    .transform((text) => text as PublicKey)
    .describe('X25519: what others agree on secrets with.'),
})
