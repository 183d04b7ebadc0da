// The broker's address and our token for it, as they lie in the Secret `tombolo-broker`.
import type { Secret } from '#lib/kube/kinds.ts'
import type { Result } from '#lib/std/result.ts'
import { invalid, ok } from '#lib/std/result.ts'

export type Credentials = {
  /** `https://host:port`. */
  readonly server: string
  /** PEM. */
  readonly ca: string
  /** A ServiceAccount token of the account `member` in our namespace on the broker. Never logged: nothing here prints it. */
  readonly token: string
}

/** Reads the Secret; the error names the key that is missing, never what stands in another. */
export function readCredentials(secret: Pick<Secret, 'data'>): Result<Credentials> {
  const text = (key: string): string =>
    Buffer.from(secret.data?.[key] ?? '', 'base64')
      .toString('utf8')
      .trim()
  const [server, ca, token] = [text('server'), text('ca.crt'), text('token')]
  if (!/^https:\/\/[^\s/]+$/.test(server))
    return invalid('data.server', server, 'https://host:port of the broker’s apiserver; run tombolo join again')
  if (!ca.startsWith('-----BEGIN CERTIFICATE-----'))
    return invalid('data["ca.crt"]', '…', 'a PEM certificate; run tombolo join again')
  if (token === '') return invalid('data.token', '', 'a token; run tombolo join again')
  return ok({ server, ca, token })
}

/** When a token is to be renewed: at two thirds of its life. Undefined for what is no token. */
export function lifeOf(token: string): { readonly renewAt: Date; readonly expiresAt: Date } | undefined {
  const [, payload = ''] = token.split('.')
  const claims = parseClaims(Buffer.from(payload, 'base64url').toString('utf8'))
  if (claims === undefined) return undefined
  return {
    renewAt: new Date((claims.iat + ((claims.exp - claims.iat) * 2) / 3) * 1000),
    expiresAt: new Date(claims.exp * 1000),
  }
}

function parseClaims(text: string): { readonly iat: number; readonly exp: number } | undefined {
  try {
    const { iat, exp } = JSON.parse(text) as { iat?: unknown; exp?: unknown }
    return typeof iat === 'number' && typeof exp === 'number' && exp > iat ? { iat, exp } : undefined
  } catch {
    return undefined
  }
}
