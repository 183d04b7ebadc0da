// Signing requests (PKCS #10, RFC 2986). A request proves one thing, that its sender holds the key in it; whose name a certificate
// bears is never taken from there. So the subject is a word for people, and no extension is asked for or read.
import { createPublicKey, verify } from 'node:crypto'
import type { Result } from '#lib/std/result.ts'
import { invalid, ok } from '#lib/std/result.ts'
import type { CertKey } from './cert-key.ts'
import { isP256 } from './cert-key.ts'
import { bitString, explicit, integer, oid, readDer, sequence, tag } from './der.ts'
import { name } from './name.ts'
import { fromPem, toPem } from './pem.ts'

/** ecdsa-with-SHA256 (RFC 5758 §3.2): no parameters. */
export const ecdsaWithSha256 = sequence(oid('1.2.840.10045.4.3.2'))

/** A request that somebody who holds the key signed; in PEM. */
export function makeRequest(key: CertKey, commonName: string): string {
  const info = sequence(integer(0n), name({ commonName }), key.spki, explicit(0))
  return toPem('CERTIFICATE REQUEST', sequence(info, ecdsaWithSha256, bitString(key.sign(info))))
}

/** The public key of a request (SubjectPublicKeyInfo, DER), once its signature shows that the sender holds the private one. */
export function readRequest(pem: string): Result<Buffer> {
  const der = fromPem('CERTIFICATE REQUEST', pem)
  if (!der.ok) return der
  const refusal = invalid('request', '…', 'a PKCS #10 request for an ECDSA P-256 key, signed by that key')
  const root = readDer(der.value)
  if (!root.ok || root.value.tag !== tag.sequence) return refusal
  const [info, algorithm, signature, ...rest] = root.value.items
  const spki = info?.items[2]
  if (info?.tag !== tag.sequence || spki?.tag !== tag.sequence || signature?.tag !== tag.bitString || rest.length > 0)
    return refusal
  if (algorithm?.raw.equals(ecdsaWithSha256) !== true || signature.content[0] !== 0) return refusal
  try {
    const key = createPublicKey({ key: spki.raw, format: 'der', type: 'spki' })
    // One spelling of the key, ours, so that its id is the same in request and certificate and no second spelling evades the list.
    if (!isP256(key) || !key.export({ format: 'der', type: 'spki' }).equals(spki.raw)) return refusal
    return verify('sha256', info.raw, key, signature.content.subarray(1)) ? ok(spki.raw) : refusal
  } catch {
    return refusal
  }
}
