// The CA as it is kept: one Secret with the roots that are trusted, their keys, and the stage of the rotation. It changes as a whole.
import type { Secret } from '#lib/kube/kinds.ts'
import type { CertKey, KeyID } from '#lib/pki/cert-key.ts'
import { CertKey as Key } from '#lib/pki/cert-key.ts'
import type { Issuer } from '#lib/pki/certificate.ts'
import { issueRoot, readCertificate } from '#lib/pki/certificate.ts'
import type { Result } from '#lib/std/result.ts'
import { invalid, ok } from '#lib/std/result.ts'
import type { Stage } from './rotation.ts'
import { trustedRoots } from './rotation.ts'

export type Root = Issuer & { readonly id: KeyID; readonly pem: string }
export type Authority = { readonly stage: Stage; readonly roots: ReadonlyMap<number, Root> }

const years = 10

export function newRoot(number: number, clusterset: string, now: Date): Root {
  const key = Key.generate()
  const notAfter = new Date(now)
  notAfter.setUTCFullYear(notAfter.getUTCFullYear() + years)
  // The id in the name tells two roots of one number apart, for whoever only sees names.
  const subject = { organization: `Tombolo ${clusterset}`.slice(0, 64), commonName: `fleet root ${number} ${key.id.slice(0, 8)}` }
  return rootOf(key, issueRoot(key, subject, { notBefore: new Date(now.getTime() - 300_000), notAfter }).pem)
}

function rootOf(key: CertKey, pem: string): Root {
  const certificate = readCertificate(pem)
  if (certificate === undefined) throw new Error('a root that was just issued is no certificate')
  return { key, pem, certificate, id: key.id }
}

/** With the roots of `stage` alone: what is trusted no more is destroyed, what is new is made. */
export function moveTo(stage: Stage, from: Authority | undefined, clusterset: string, now: Date): Authority {
  return {
    stage,
    roots: new Map(trustedRoots(stage).map((n) => [n, from?.roots.get(n) ?? newRoot(n, clusterset, now)])),
  }
}

export const dataOf = ({ stage, roots }: Authority): Readonly<Record<string, string>> => ({
  stage: base64(JSON.stringify(stage)),
  ...Object.fromEntries(
    [...roots].flatMap(([number, { key, pem }]) => [
      [`root-${number}.key`, base64(key.pem())],
      [`root-${number}.crt`, base64(pem)],
    ]),
  ),
})

/** The error names the field, never what stands in it. */
export function readAuthority(secret: Pick<Secret, 'data'>): Result<Authority> {
  const text = (name: string): string => Buffer.from(secret.data?.[name] ?? '', 'base64').toString('utf8')
  const stage = readStage(text('stage'))
  if (stage === undefined) return invalid('data.stage', '…', 'the stage of a rotation')
  const roots = new Map<number, Root>()
  for (const number of trustedRoots(stage)) {
    const [key, certificate] = [Key.parse(text(`root-${number}.key`)), readCertificate(text(`root-${number}.crt`))]
    if (!key.ok) return invalid(`data["root-${number}.key"]`, '[secret]', key.error.want)
    if (certificate?.publicKey.export({ format: 'der', type: 'spki' }).equals(key.value.spki) !== true)
      return invalid(`data["root-${number}.crt"]`, '…', 'the certificate of that key')
    roots.set(number, { key: key.value, certificate, pem: text(`root-${number}.crt`), id: key.value.id })
  }
  return ok({ stage, roots })
}

function readStage(text: string): Stage | undefined {
  const [, at, one, , two] =
    /^\{"at":"(Stable|Introduced|Issuing)","(?:root|old)":(\d{1,9})(,"next":(\d{1,9}))?\}$/.exec(text) ?? []
  if (at === 'Stable' && two === undefined) return { at, root: Number(one) }
  return (at === 'Introduced' || at === 'Issuing') && two !== undefined ? { at, old: Number(one), next: Number(two) } : undefined
}

const base64 = (text: string): string => Buffer.from(text).toString('base64')
