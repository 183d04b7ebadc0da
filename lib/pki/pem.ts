// The text form of DER (RFC 7468), in its strict spelling: one block, nothing around it.
import type { Result } from '#lib/std/result.ts'
import { invalid, ok } from '#lib/std/result.ts'

export type PemLabel = 'CERTIFICATE' | 'CERTIFICATE REQUEST'

export const toPem = (label: PemLabel, der: Buffer): string =>
  `-----BEGIN ${label}-----\n${(der.toString('base64').match(/.{1,64}/g) ?? []).join('\n')}\n-----END ${label}-----\n`

export function fromPem(label: PemLabel, text: string): Result<Buffer> {
  const refusal = invalid('pem', text.slice(0, 40), `one ${label} in PEM`)
  const [before, body, after, ...rest] = text.trim().split(/-----(?:BEGIN|END) [A-Z ]+-----/)
  const trimmed = text.trim()
  if (before !== '' || after !== '' || rest.length > 0 || body === undefined) return refusal
  if (!trimmed.startsWith(`-----BEGIN ${label}-----`) || !trimmed.endsWith(`-----END ${label}-----`)) return refusal
  const base64 = body.replaceAll(/\s/g, '')
  const der = Buffer.from(base64, 'base64')
  return der.length > 0 && der.toString('base64') === base64 ? ok(der) : refusal
}
