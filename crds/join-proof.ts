// What makes a JoinRequest more than a claim: signatures over everything else in its spec. The identity's shows that the sender holds
// the keys it names, the grant's that the administrator let it in. Made in the joining cluster, checked on the broker.
import type { GrantCode } from '#lib/identity/grant.ts'
import { canonicalBytes } from '#lib/identity/canonical.ts'
import type { Identity } from '#lib/identity/identity.ts'
import { publicIdentity } from '#lib/identity/identity.ts'
import type { VerifyKey } from '#lib/identity/signing-key.ts'
import { isSignedBy } from '#lib/identity/signing-key.ts'
import type { JoinRequest } from './join-request.ts'

export type Asked = Omit<JoinRequest['spec'], 'identity' | 'proofs'>

const context = 'tombolo.dev/join-request/v1'

/** Without `code` it is the request of a member that asks again. */
export function signed(asked: Asked, identity: Identity, code: GrantCode | undefined): JoinRequest['spec'] {
  const spec = { ...asked, identity: publicIdentity(identity) }
  const bytes = canonicalBytes(context, spec)
  const proofs = {
    identity: identity.signing.sign(bytes),
    ...(code === undefined ? {} : { grant: code.proofKey(asked.clusterID).sign(bytes) }),
  }
  return { ...spec, proofs }
}

export type Proof = 'Holds' | 'Missing' | 'Wrong'

/** `verifier` is that of the JoinGrant. */
export function proofsOf(
  { proofs, ...rest }: JoinRequest['spec'],
  verifier: VerifyKey | undefined,
): { readonly identity: Proof; readonly grant: Proof } {
  const bytes = canonicalBytes(context, rest)
  const check = (key: VerifyKey | undefined, signature: string | undefined): Proof =>
    signature === undefined ? 'Missing' : key !== undefined && isSignedBy(key, bytes, signature) ? 'Holds' : 'Wrong'
  return { identity: check(rest.identity.signingKey, proofs.identity), grant: check(verifier, proofs.grant) }
}

/** What a box with credentials is sealed for: one cluster's one request. */
export const credentialsContext = ({ metadata, spec }: JoinRequest): string =>
  `${context} credentials ${spec.clusterID} ${metadata.uid ?? ''}`

/** What is in the box, as JSON. */
export type SealedCredentials = {
  /** Of the account `member`, 24 h. */
  readonly token: string
  /** Of the account `joiner`: it may ask for credentials anew, with the identity's signature, long after the other is dead. */
  readonly renewalToken: string
  /** Id of the clusterset that the cluster is in now. */
  readonly clusterset: string
}
