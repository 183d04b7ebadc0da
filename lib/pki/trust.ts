// Whether the certificate of a gateway is to be believed: issued by a root that is trusted now, valid now, for IKE, for this name, and not
// revoked. Every signature is checked by `node:crypto`.
import type { X509Certificate } from 'node:crypto'
import type { Result } from '#lib/std/result.ts'
import { invalid, ok } from '#lib/std/result.ts'
import { ipsecIKE, readCertificate } from './certificate.ts'
import type { KeyID } from './cert-key.ts'
import { keyIDOf } from './cert-key.ts'

/** What is denied, whoever issued it. By key and by serial, never by the bytes of a certificate: ECDSA has two signatures for each. */
export type Denied = { readonly keys: ReadonlySet<string>; readonly serials: ReadonlySet<string> }

export type Trust = { readonly roots: readonly X509Certificate[]; readonly denied: Denied }

/** Names a root: SHA-256 of its key. */
export const rootIDOf = (root: X509Certificate): KeyID => keyIDOf(root.publicKey.export({ format: 'der', type: 'spki' }))

/** The serial number in the spelling of `Issued`. */
export const serialOf = (certificate: X509Certificate): string => certificate.serialNumber.toLowerCase().replace(/^0+/, '')

/** The certificate, if at `now` it may speak for `dnsName`. */
export function believe(pem: string, dnsName: string, trust: Trust, now: Date): Result<X509Certificate> {
  const refuse = (want: string) => invalid('certificate', dnsName, want)
  const certificate = readCertificate(pem)
  if (certificate === undefined) return refuse('a certificate in PEM')
  const root = issuerOf(certificate, trust.roots)
  if (root === undefined) return refuse('a certificate issued by a root that is trusted')
  if (!isValid(root, now)) return refuse('a certificate whose root is valid now')
  if (!isValid(certificate, now)) return refuse('a certificate that is valid now')
  if (certificate.ca) return refuse('a certificate that issues none itself')
  // Types say otherwise, but Node gives undefined where the extension is missing.
  const usage = certificate.keyUsage as readonly string[] | undefined
  if (usage?.includes(ipsecIKE) !== true) return refuse('a certificate for IKE')
  if (certificate.subjectAltName !== `DNS:${dnsName}`) return refuse('a certificate for this name alone')
  if (trust.denied.serials.has(serialOf(certificate)) || trust.denied.keys.has(rootIDOf(certificate)))
    return refuse('a certificate that is not revoked')
  return ok(certificate)
}

/** The root that signed it. */
export const issuerOf = (certificate: X509Certificate, roots: readonly X509Certificate[]): X509Certificate | undefined =>
  roots.find((root) => root.ca && certificate.checkIssued(root) && certificate.verify(root.publicKey))

const isValid = ({ validFromDate, validToDate }: X509Certificate, now: Date): boolean => validFromDate <= now && now < validToDate
