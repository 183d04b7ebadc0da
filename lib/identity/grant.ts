// The line that lets one cluster in: where the broker is, a token that may do nothing but ask, and a code that proves the right to.
// The broker keeps neither; it keeps the verify key that follows from the code, which is as much as a hash of it, and unlike a hash
// lets the joiner prove the code over its request without ever sending it.
import { randomBytes } from 'node:crypto'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { ClusterID } from '#lib/net/cluster-id.ts'
import { parseClusterID } from '#lib/net/cluster-id.ts'
import type { Result } from '#lib/std/result.ts'
import { invalid, ok } from '#lib/std/result.ts'
import { parseKeyBytes, Secret } from '#lib/std/secret.ts'
import { SigningKey } from './signing-key.ts'

/** 256 random bits. */
export class GrantCode extends Secret {
  readonly #raw: Buffer

  private constructor(raw: Buffer) {
    super()
    this.#raw = raw
  }

  static generate(): GrantCode {
    return new GrantCode(randomBytes(32))
  }

  static parse(text: string): Result<GrantCode> {
    const raw = parseKeyBytes('code', text)
    return raw.ok ? ok(new GrantCode(raw.value)) : raw
  }

  /** What proves the code; its verify key is what the broker keeps. */
  proofKey(clusterID: ClusterID): SigningKey {
    return SigningKey.derive(this.#raw, `tombolo.dev/grant/v1 ${clusterID}`)
  }

  base64(): string {
    return this.#raw.toString('base64')
  }
}

export type Grant = {
  readonly clusterID: ClusterID
  /** `https://host:port` of the broker's apiserver. */
  readonly server: string
  /** PEM. */
  readonly ca: string
  /** Of the account `joiner` in the cluster's joining namespace on the broker. */
  readonly token: string
  readonly code: GrantCode
  /** As the broker has it: its holder knows why it is taken no more, which a broker tells nobody whose token is dead. */
  readonly expiresAt: Date
}

const prefix = 'tombolo-grant-1.'
/** Enough for a CA bundle of several certificates; a longer text is no grant and is not unpacked. */
const maxLength = 65_536

/** One line without spaces, to be pasted or piped; it is a secret until it is used or expires. */
export function formatGrant({ clusterID, server, ca, token, code, expiresAt }: Grant): string {
  const json = JSON.stringify([clusterID, server, ca, token, code.base64(), expiresAt.toISOString()])
  return `${prefix}${deflateRawSync(json, { level: 9 }).toString('base64url')}`
}

/** The error never repeats what was given. */
export function parseGrant(text: string): Result<Grant> {
  const line = text.trim()
  const refusal = (want: string) => invalid('grant', '[secret]', want)
  if (!line.startsWith(prefix) || line.length > maxLength)
    return refusal(`the whole line that "tombolo grant create" printed: it begins with "${prefix.slice(0, -1)}"`)
  const fields = unpack(line.slice(prefix.length))
  if (fields === undefined) return refusal('the whole line that "tombolo grant create" printed: this one is damaged or cut short')
  const [id, server, ca, token, codeText, until] = fields
  const clusterID = parseClusterID(id)
  const code = GrantCode.parse(codeText)
  const url = URL.canParse(server) ? new URL(server) : undefined
  const expiresAt = new Date(until)
  const isWhole = url?.protocol === 'https:' && ca.includes('-----BEGIN CERTIFICATE-----') && token !== ''
  if (!clusterID.ok || !code.ok || !isWhole || Number.isNaN(expiresAt.getTime()))
    return refusal('a grant of this version of tombolo: make a new one with "tombolo grant create"')
  return ok({ clusterID: clusterID.value, server, ca, token, code: code.value, expiresAt })
}

type Fields = readonly [string, string, string, string, string, string]

function unpack(packed: string): Fields | undefined {
  try {
    const json = inflateRawSync(Buffer.from(packed, 'base64url'), { maxOutputLength: maxLength }).toString('utf8')
    const fields: unknown = JSON.parse(json)
    return isFields(fields) ? fields : undefined
  } catch {
    return undefined
  }
}

const isFields = (value: unknown): value is Fields =>
  Array.isArray(value) && value.length === 6 && value.every((field) => typeof field === 'string')
