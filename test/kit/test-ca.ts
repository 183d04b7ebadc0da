// A CA as the broker has one, for tests of what certificates decide.
import { X509Certificate } from 'node:crypto'
import { CertKey } from '#lib/pki/cert-key.ts'
import { issueGateway, issueRoot } from '#lib/pki/certificate.ts'

export type Issued = { readonly dnsName: string; readonly key: CertKey; readonly certificate: string }

export interface TestCA {
  readonly root: string
  /** Valid from an hour ago, for `hours` from now, with a key that is given or new. */
  issue(dnsName: string, change?: { readonly hours?: number; readonly key?: CertKey }): Issued
}

const hour = 3_600_000

export function testCA(): TestCA {
  const key = CertKey.generate()
  const now = Date.now()
  const notBefore = new Date(now - hour)
  const subject = { commonName: 'fleet root 1', organization: 'Tombolo' }
  const root = issueRoot(key, subject, { notBefore, notAfter: new Date(now + 87_600 * hour) }).pem
  const certificate = new X509Certificate(root)
  return {
    root,
    issue: (dnsName, { hours = 24, key: theirs = CertKey.generate() } = {}) => ({
      dnsName,
      key: theirs,
      certificate: issueGateway({ key, certificate }, theirs.spki, dnsName, { notBefore, notAfter: new Date(now + hours * hour) })
        .pem,
    }),
  }
}
