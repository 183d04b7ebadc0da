// The broker's address and our tokens for it, as they lie in the Secret `tombolo-broker`.
import { createHash } from 'node:crypto'
import type { JoinRequest } from '#crds/join-request.ts'
import { brokerSecretName, managedBy, systemNamespace } from '#crds/places.ts'
import type { Secret } from '#lib/kube/kinds.ts'
import type { Result } from '#lib/std/result.ts'
import { invalid, ok } from '#lib/std/result.ts'

export type Broker = {
  /** `https://host:port`. */
  readonly server: string
  /** PEM. */
  readonly ca: string
}

/** Tokens are never logged: nothing here prints them. */
export type Credentials = Broker & {
  /** Of the account `member` in our namespace on the broker: for everything a member does. */
  readonly token: string
  /** Of the account `joiner` in our joining namespace: for nothing but asking for credentials, with our identity's signature. */
  readonly renewalToken: string
}

/** Reads the Secret; the error names the key that is missing, never what stands in another. */
export function readCredentials(secret: Pick<Secret, 'data'>): Result<Credentials> {
  const text = (key: string): string =>
    Buffer.from(secret.data?.[key] ?? '', 'base64')
      .toString('utf8')
      .trim()
  const [server, ca, token, renewalToken] = [text('server'), text('ca.crt'), text('token'), text('renewalToken')]
  if (!/^https:\/\/[^\s/]+$/.test(server))
    return invalid('data.server', server, 'https://host:port of the broker’s apiserver; run tombolo join again')
  if (!ca.startsWith('-----BEGIN CERTIFICATE-----'))
    return invalid('data["ca.crt"]', '…', 'a PEM certificate; run tombolo join again')
  if (token === '') return invalid('data.token', '', 'a token; run tombolo join again')
  if (renewalToken === '') return invalid('data.renewalToken', '', 'a token; run tombolo join again')
  return ok({ server, ca, token, renewalToken })
}

/** On the Secret: a digest of what the credentials were asked for with. Other addresses or another version ask anew. */
const askedAnnotation = 'tombolo.dev/asked-for'

export type Announced = Pick<JoinRequest['spec'], 'podCIDRs' | 'serviceCIDRs' | 'version'>

const digestOf = ({ podCIDRs, serviceCIDRs, version }: Announced): string =>
  createHash('sha256')
    .update(JSON.stringify([podCIDRs, serviceCIDRs, version]))
    .digest('hex')
    .slice(0, 16)

export const isAskedFor = (secret: Secret | undefined, announced: Announced): boolean =>
  secret?.metadata.annotations?.[askedAnnotation] === digestOf(announced)

export const brokerSecret = ({ server, ca, token, renewalToken }: Credentials, announced: Announced) =>
  ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: brokerSecretName,
      namespace: systemNamespace,
      labels: { ...managedBy },
      annotations: { [askedAnnotation]: digestOf(announced) },
    },
    type: 'Opaque',
    data: { server: base64(server), 'ca.crt': base64(ca), token: base64(token), renewalToken: base64(renewalToken) },
  }) satisfies Secret

const base64 = (text: string): string => Buffer.from(text).toString('base64')

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
