// A message that only the holder of one X25519 key can open, from a sender who needs no key of its own. Ephemeral X25519,
// HKDF-SHA256 over both public keys, AES-256-GCM: the construction of HPKE's base mode (RFC 9180 §5), without its wire format.
// It hides; it does not say who wrote: whoever can write to the place where a box is found must be trusted with that.
import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'
import type { PublicKey } from '#lib/net/keys.ts'
import { parsePublicKey, PrivateKey } from '#lib/net/keys.ts'
import type { Result } from '#lib/std/result.ts'
import { invalid, ok } from '#lib/std/result.ts'

/** Both in base64. */
export type SealedBox = { readonly ephemeralKey: string; readonly ciphertext: string }

// The key is used once, so the nonce may be fixed (RFC 9180 starts its counter at zero).
const nonce = Buffer.alloc(12)
const tagLength = 16

/** `context` must be the same at both ends: what a box is for, so that it cannot be passed off as another. */
export function seal(recipient: PublicKey, context: string, plaintext: string): Result<SealedBox> {
  const ephemeral = PrivateKey.generate()
  const shared = ephemeral.agree(recipient)
  if (!shared.ok) return shared
  const cipher = createCipheriv('aes-256-gcm', keyOf(shared.value, ephemeral.publicKey, recipient, context), nonce)
  const ciphertext = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final(), cipher.getAuthTag()])
  return ok({ ephemeralKey: ephemeral.publicKey, ciphertext: ciphertext.toString('base64') })
}

/** The plaintext. One error for every reason, as the difference would only help somebody who tries. */
export function open(own: PrivateKey, context: string, box: SealedBox): Result<string> {
  const refusal = invalid('sealed', '…', 'a box sealed for this identity')
  const ephemeral = parsePublicKey(box.ephemeralKey)
  if (!ephemeral.ok) return refusal
  const shared = own.agree(ephemeral.value)
  const bytes = Buffer.from(box.ciphertext, 'base64')
  if (!shared.ok || bytes.length < tagLength) return refusal
  const key = keyOf(shared.value, ephemeral.value, own.publicKey, context)
  const decipher = createDecipheriv('aes-256-gcm', key, nonce).setAuthTag(bytes.subarray(-tagLength))
  try {
    return ok(Buffer.concat([decipher.update(bytes.subarray(0, -tagLength)), decipher.final()]).toString('utf8'))
  } catch {
    return refusal
  }
}

function keyOf(shared: Buffer, ephemeral: PublicKey, recipient: PublicKey, context: string): Buffer {
  const salt = Buffer.concat([Buffer.from(ephemeral, 'base64'), Buffer.from(recipient, 'base64')])
  return Buffer.from(hkdfSync('sha256', shared, salt, `tombolo.dev/sealed-box/v1 ${context}`, 32))
}
