// The member's identity in its own cluster: a Secret that is made once and never changed.
import { identitySecretName, managedBy, systemNamespace } from '#crds/places.ts'
import type { Identity } from '#lib/identity/identity.ts'
import { newIdentity, parseIdentity } from '#lib/identity/identity.ts'
import type { Kube } from '#lib/kube/client.ts'
import { isAlreadyExists } from '#lib/kube/errors.ts'
import type { Secret } from '#lib/kube/kinds.ts'
import { secrets } from '#lib/kube/kinds.ts'
import type { Result } from '#lib/std/result.ts'
import { invalid } from '#lib/std/result.ts'

const key = { namespace: systemNamespace, name: identitySecretName }

/** Undefined where there is none. */
export async function readIdentity(kube: Pick<Kube, 'get'>, signal: AbortSignal): Promise<Result<Identity> | undefined> {
  const secret = await kube.get(secrets, key, signal)
  if (secret === undefined) return undefined
  const text = (name: string): string => Buffer.from(secret.data?.[name] ?? '', 'base64').toString('utf8')
  const read = parseIdentity({ signing: text('signing'), agreement: text('agreement') })
  return read.ok
    ? read
    : invalid(
        `Secret ${identitySecretName}, data.${read.error.field === 'signingKey' ? 'signing' : 'agreement'}`,
        '[secret]',
        'the key that was made when the cluster joined; if it is lost, on the broker: tombolo revoke, then join with a new grant',
      )
}

/** The one there is, or a new one: of two that make one at the same time both get the first. */
export async function keepIdentity(
  kube: Pick<Kube, 'get' | 'create'>,
  fieldManager: string,
  signal: AbortSignal,
): Promise<Result<Identity>> {
  const found = await readIdentity(kube, signal)
  if (found !== undefined) return found
  try {
    await kube.create(secrets, secretOf(newIdentity()), { fieldManager }, signal)
  } catch (error) {
    if (!isAlreadyExists(error)) throw error
  }
  return (await readIdentity(kube, signal)) ?? invalid(identitySecretName, '', 'a Secret that stays where it was made')
}

const secretOf = ({ signing, agreement }: Identity): Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { ...key, labels: { ...managedBy } },
  type: 'Opaque',
  data: {
    signing: Buffer.from(signing.base64()).toString('base64'),
    agreement: Buffer.from(agreement.base64()).toString('base64'),
  },
})
