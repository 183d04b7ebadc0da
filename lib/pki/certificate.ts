// Issues certificates (RFC 5280): the roots of a fleet, and the leafs of its gateways as IKE wants them (RFC 4945). The issuer decides
// every word of a certificate; of the request only the key is taken.
import { createHash, randomBytes, X509Certificate } from 'node:crypto'
import type { CertKey } from './cert-key.ts'
import { bitString, explicit, implicit, integer, octetString, oid, sequence, time, yes } from './der.ts'
import { name } from './name.ts'
import type { Name } from './name.ts'
import { toPem } from './pem.ts'
import { ecdsaWithSha256 } from './request.ts'

export type Validity = { readonly notBefore: Date; readonly notAfter: Date }

/** `serial` in lower-case hex. */
export type Issued = { readonly pem: string; readonly serial: string }

/** A key that issues, with the certificate that says so. */
export type Issuer = { readonly key: CertKey; readonly certificate: X509Certificate }

/** A root: it signs itself, may issue leafs and nothing below them, and is for nothing else. */
export function issueRoot(key: CertKey, subject: Name, validity: Validity): Issued {
  return sign({
    key,
    issuer: name(subject),
    subject: name(subject),
    spki: key.spki,
    validity,
    extensions: [
      extension('2.5.29.19', 'critical', sequence(yes, integer(0n))),
      // keyCertSign and cRLSign.
      extension('2.5.29.15', 'critical', bitString(Buffer.from([0x06]), 1)),
      extension('2.5.29.14', 'plain', octetString(subjectKeyID(key.spki))),
    ],
  })
}

/** A gateway's: for IKE alone, under the one DNS name that is its IKE identity. It ends with its issuer at the latest. */
export function issueGateway(issuer: Issuer, spki: Buffer, dnsName: string, validity: Validity): Issued {
  const { key, certificate } = issuer
  const ends = certificate.validToDate
  return sign({
    key,
    issuer: subjectOf(certificate),
    // Empty, as the name is in the SAN, which is then critical (RFC 5280 §4.1.2.6): there is no second name to be matched by mistake.
    subject: sequence(),
    spki,
    validity: { notBefore: validity.notBefore, notAfter: validity.notAfter < ends ? validity.notAfter : ends },
    extensions: [
      extension('2.5.29.19', 'critical', sequence()),
      // digitalSignature.
      extension('2.5.29.15', 'critical', bitString(Buffer.from([0x80]), 7)),
      // id-kp-ipsecIKE (RFC 4945 §5.1.3.12): no TLS server and no client takes it.
      extension('2.5.29.37', 'plain', sequence(oid(ipsecIKE))),
      extension('2.5.29.17', 'critical', sequence(implicit(2, Buffer.from(dnsName, 'ascii')))),
      extension('2.5.29.14', 'plain', octetString(subjectKeyID(spki))),
      extension('2.5.29.35', 'plain', sequence(implicit(0, subjectKeyID(key.spki)))),
    ],
  })
}

export const ipsecIKE = '1.3.6.1.5.5.7.3.17'

/** The name of a root as its own certificate spells it, byte for byte: roots are ours, so it is `name` of what it says. */
function subjectOf(certificate: X509Certificate): Buffer {
  const said = new Map(
    certificate.subject.split('\n').map((line): readonly [string, string] => {
      const at = line.indexOf('=')
      return [line.slice(0, at), line.slice(at + 1)]
    }),
  )
  const organization = said.get('O')
  return name({ commonName: said.get('CN') ?? '', ...(organization === undefined ? {} : { organization }) })
}

function sign(want: {
  readonly key: CertKey
  readonly issuer: Buffer
  readonly subject: Buffer
  readonly spki: Buffer
  readonly validity: Validity
  readonly extensions: readonly Buffer[]
}): Issued {
  const serial = newSerial()
  const { notBefore, notAfter } = want.validity
  const body = sequence(
    explicit(0, integer(2n)),
    integer(serial),
    ecdsaWithSha256,
    want.issuer,
    sequence(time(notBefore), time(notAfter)),
    want.subject,
    want.spki,
    explicit(3, sequence(...want.extensions)),
  )
  const pem = toPem('CERTIFICATE', sequence(body, ecdsaWithSha256, bitString(want.key.sign(body))))
  return { pem, serial: serial.toString(16) }
}

/** 126 random bits under one that is set: never zero, never negative, 16 bytes in every spelling. */
const newSerial = (): bigint => (BigInt(`0x${randomBytes(16).toString('hex')}`) & ((1n << 127n) - 1n)) | (1n << 126n)

function extension(id: string, weight: 'critical' | 'plain', value: Buffer): Buffer {
  return sequence(oid(id), ...(weight === 'critical' ? [yes] : []), octetString(value))
}

/** SHA-1 of the key's bits (RFC 5280 §4.2.1.2, method 1): a name to look it up by, not a proof of anything. */
function subjectKeyID(spki: Buffer): Buffer {
  // The bit string of a P-256 key is the last 65 bytes of its SubjectPublicKeyInfo.
  return createHash('sha1').update(spki.subarray(-65)).digest()
}

/** A certificate out of PEM; undefined for what is none. */
export function readCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem)
  } catch {
    return undefined
  }
}
