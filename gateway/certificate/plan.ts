// The life of a gateway's certificate, as the gateway decides it: which key, when to ask, what lies on the node. Pure.
//
//   no key ──► key made ──► asked ──► answered: on the node ──(2/3 of its life)──► asked anew, with the same key
//     ▲                                                        │
//     └────────(the key is revoked, or lost)───────────────────┘
//
// A rotation of the CA needs nothing of this: the gateway says which roots it believes, and the broker issues from the new one by itself.
import { createHash } from 'node:crypto'
import type { X509Certificate } from 'node:crypto'
import type { GatewayCertificate } from '#crds/gateway-certificate.ts'
import { gatewayDNSName } from '#crds/places.ts'
import type { TrustBundle } from '#crds/trust-bundle.ts'
import type { CertKey, KeyID } from '#lib/pki/cert-key.ts'
import { readCertificate } from '#lib/pki/certificate.ts'
import { readRequest } from '#lib/pki/request.ts'
import { believe, rootIDOf, serialOf } from '#lib/pki/trust.ts'

export type CertificateSeen = {
  readonly clusterID: string
  readonly node: string
  /** On the node. */
  readonly key: CertKey | undefined
  /** As the operator brought it from the broker. */
  readonly bundle: TrustBundle | undefined
  /** Our own request, with the broker's answer. */
  readonly asked: GatewayCertificate | undefined
  readonly now: Date
}

export type CertificatePlan = {
  /** A new key is asked for with a new request. */
  readonly key: 'keep' | 'make'
  readonly request: 'keep' | 'make'
  /** What is believed, PEM; and what is not in spite of that: a line each, serial number and key. */
  readonly roots: string
  readonly denied: string
  /** PEM; undefined: there is none that others would believe. */
  readonly certificate: string | undefined
  readonly trusts: readonly KeyID[]
  readonly inUse: string | undefined
}

export function planCertificate(seen: CertificateSeen): CertificatePlan {
  const { key, asked, bundle, now } = seen
  const roots = (bundle?.spec.roots ?? []).flatMap(({ certificate }) => readCertificate(certificate) ?? [])
  const found = key === undefined || isRevoked(asked) ? 'none' : key
  const certificate = found === 'none' ? undefined : believed(seen, found, roots)
  return {
    key: found === 'none' ? 'make' : 'keep',
    request: found !== 'none' && isFor(asked, found) && !isOver(asked, now) ? 'keep' : 'make',
    roots: (bundle?.spec.roots ?? []).map((r) => r.certificate).join(''),
    denied: (bundle?.spec.denied ?? []).map((d) => `${d.serial} ${d.key}\n`).join(''),
    certificate: certificate?.pem,
    trusts: roots.map(rootIDOf),
    inUse: certificate?.serial,
  }
}

/** The broker's word on the request as it is now. */
const isRevoked = (asked: GatewayCertificate | undefined): boolean =>
  asked?.status?.observedGeneration === asked?.metadata.generation &&
  asked?.status?.conditions?.some((c) => c.type === 'Ready' && c.reason === 'KeyRevoked') === true

function isFor(asked: GatewayCertificate | undefined, key: CertKey): boolean {
  const spki = asked === undefined ? undefined : readRequest(asked.spec.request)
  return spki?.ok === true && spki.value.equals(key.spki)
}

/** Of the answer to this request two thirds of the life are over. While there is no answer, it is waited for. */
function isOver(asked: GatewayCertificate | undefined, now: Date): boolean {
  const { certificate, request } = asked?.status ?? {}
  const issued = certificate === undefined ? undefined : readCertificate(certificate)
  if (issued === undefined || request !== digestOf(asked?.spec.request ?? '')) return false
  const [from, to] = [issued.validFromDate.getTime(), issued.validToDate.getTime()]
  return now.getTime() >= from + ((to - from) * 2) / 3
}

const digestOf = (request: string): string => createHash('sha256').update(request).digest('hex')

/** As a peer would judge it, and ours: its key is the one on this node. */
function believed({ clusterID, node, bundle, asked, now }: CertificateSeen, key: CertKey, roots: readonly X509Certificate[]) {
  const pem = asked?.status?.certificate
  const denied = bundle?.spec.denied ?? []
  const trust = {
    roots,
    denied: { keys: new Set<string>(denied.map((d) => d.key)), serials: new Set(denied.map((d) => d.serial)) },
  }
  const found = pem === undefined ? undefined : believe(pem, gatewayDNSName(clusterID, node), trust, now)
  if (pem === undefined || found?.ok !== true) return undefined
  return rootIDOf(found.value) === key.id ? { pem, serial: serialOf(found.value) } : undefined
}
