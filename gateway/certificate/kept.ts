// The gateway's certificate and what it believes of others', as they lie on the node (certificate.ts).
import type { X509Certificate } from 'node:crypto'
import type { Host } from '#lib/host/host.ts'
import { CertKey } from '#lib/pki/cert-key.ts'
import { readCertificate } from '#lib/pki/certificate.ts'
import type { Trust } from '#lib/pki/trust.ts'

export type Kept = {
  /** undefined while there is none that others would believe. */
  readonly own: { readonly key: CertKey; readonly certificate: X509Certificate; readonly pem: string } | undefined
  readonly trust: Trust
}

/** Beside the node's other keys. */
export const certificateDir = (stateDir: string): string => `${stateDir}/ike`

export async function readKept(host: Pick<Host, 'read'>, stateDir: string, signal: AbortSignal): Promise<Kept> {
  const read = async (name: string) => (await host.read(`${certificateDir(stateDir)}/${name}`, signal)) ?? ''
  const [keyPem, pem, roots, denied] = [
    await read('key.pem'),
    await read('certificate.pem'),
    await read('roots.pem'),
    await read('denied'),
  ]
  const key = CertKey.parse(keyPem)
  const certificate = readCertificate(pem)
  const lines = denied.split('\n').map((line) => line.split(' '))
  return {
    own: key.ok && certificate !== undefined ? { key: key.value, certificate, pem } : undefined,
    trust: {
      roots: (roots.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).flatMap(
        (one) => readCertificate(one) ?? [],
      ),
      denied: {
        serials: new Set(lines.flatMap(([serial]) => (serial === undefined || serial === '' ? [] : [serial]))),
        keys: new Set(lines.flatMap(([, key]) => key ?? [])),
      },
    },
  }
}
