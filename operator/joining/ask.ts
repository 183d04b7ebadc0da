// Asking the broker, one turn at a time; whoever asks calls again until there is an answer. Everything there is to know is in the
// request on the broker, so an interrupted asker finds its own question again, and a question that is not its own it replaces.
import type { Asked, SealedCredentials } from '#crds/join-proof.ts'
import { credentialsContext, proofsOf, signed } from '#crds/join-proof.ts'
import type { JoinRequest } from '#crds/join-request.ts'
import { joinRequest } from '#crds/join-request.ts'
import { joinNamespace, managedBy } from '#crds/places.ts'
import type { GrantCode } from '#lib/identity/grant.ts'
import type { Identity } from '#lib/identity/identity.ts'
import { publicIdentity, sameIdentity } from '#lib/identity/identity.ts'
import { open } from '#lib/identity/sealed-box.ts'
import type { Kube } from '#lib/kube/client.ts'
import { isAlreadyExists } from '#lib/kube/errors.ts'
import { keyOf } from '#lib/kube/object.ts'
import { unreachable } from '#lib/std/unreachable.ts'
import { lifeOf } from './credentials.ts'

/** All of a request that does not change from one time of asking to the next. */
export type Unasked = Omit<Asked, 'requestedAt'>

export type Question = {
  readonly asked: Unasked
  readonly identity: Identity
  /** Undefined for a member, which needs none. */
  readonly code: GrantCode | undefined
  /** The token to be renewed: an answer that holds it is the one from before. */
  readonly held?: string
}

export type Turn =
  | { readonly kind: 'waiting'; readonly because: string }
  | { readonly kind: 'admitted'; readonly credentials: SealedCredentials; readonly warning: string | undefined }
  | { readonly kind: 'left' }
  /** The request is taken back: nobody is let in long after having given up, and a corrected question does not meet it. */
  | { readonly kind: 'refused'; readonly message: string }

type Asker = Pick<Kube, 'get' | 'create' | 'delete'>

const unanswered = 'the broker controller has not answered yet'
export async function ask(
  broker: Asker,
  question: Question,
  fieldManager: string,
  now: Date,
  signal: AbortSignal,
): Promise<Turn> {
  const { clusterID } = question.asked
  const have = await broker.get(joinRequest, { namespace: joinNamespace(clusterID), name: clusterID }, signal)
  if (have === undefined) return create(broker, question, fieldManager, now, signal)
  if (have.metadata.deletionTimestamp !== undefined) return { kind: 'waiting', because: 'an earlier request is being removed' }
  const turn = isSame(question, have) ? read(have, question, now) : 'replace'
  if (turn === 'replace' || turn.kind === 'refused') await takeBack(broker, have, signal)
  return turn === 'replace' ? { kind: 'waiting', because: 'an earlier request is being replaced' } : turn
}

/** The request as it would be made now. */
export const requestOf = ({ asked, identity, code }: Question, now: Date): JoinRequest => ({
  apiVersion: joinRequest.apiVersion,
  kind: joinRequest.kind,
  metadata: { name: asked.clusterID, namespace: joinNamespace(asked.clusterID), labels: { ...managedBy } },
  spec: signed({ ...asked, requestedAt: now.toISOString() }, identity, code),
})

/** What the answer means. `replace`: it is from an earlier time, or not for us. */
function read(have: JoinRequest, { identity, held }: Question, now: Date): Turn | 'replace' {
  const answered = have.status?.observedGeneration === have.metadata.generation ? have.status : undefined
  if (answered?.state === undefined) return { kind: 'waiting', because: unanswered }
  const { state, message } = answered
  switch (state) {
    case 'Pending':
    case 'AwaitingApproval':
      return { kind: 'waiting', because: message ?? unanswered }
    case 'Refused':
      return { kind: 'refused', message: message ?? 'The broker refused.' }
    case 'Left':
      return { kind: 'left' }
    case 'Admitted': {
      if (answered.credentials === undefined) return { kind: 'waiting', because: 'its credentials are being made' }
      const box = open(identity.agreement, credentialsContext(have), answered.credentials)
      if (!box.ok) return 'replace'
      const credentials = JSON.parse(box.value) as SealedCredentials
      if (credentials.token === held) return 'replace'
      if (isAged(have, credentials.token, now)) return 'replace'
      const warning = answered.conditions?.find((c) => c.type === 'ClockSkewed' && c.status === 'True')?.message
      return { kind: 'admitted', credentials, warning }
    }
    default:
      return unreachable(state)
  }
}

/**
 * Whether credentials are those of an earlier time: the question is older than they are left unrenewed. By our own clock alone, and however
 * short they are: the broker's clock may be another, and its apiserver may give less than was asked for.
 */
function isAged({ spec }: JoinRequest, token: string, now: Date): boolean {
  const life = lifeOf(token)
  if (life === undefined) return false
  const restMs = life.expiresAt.getTime() - life.renewAt.getTime()
  return now.getTime() - new Date(spec.requestedAt).getTime() >= 2 * restMs
}

/** Everything but the time of asking, and the grant's proof if there is a grant. */
function isSame({ asked, identity, code }: Question, { spec }: JoinRequest): boolean {
  const facts = ({ intent, clusterUID, podCIDRs, serviceCIDRs, version, capabilities }: Unasked) =>
    JSON.stringify([intent, clusterUID, podCIDRs, serviceCIDRs, version, capabilities])
  return (
    facts(asked) === facts(spec) &&
    sameIdentity(publicIdentity(identity), spec.identity) &&
    (code === undefined || proofsOf(spec, code.proofKey(asked.clusterID).verifyKey).grant === 'Holds')
  )
}

async function create(broker: Asker, question: Question, fieldManager: string, now: Date, signal: AbortSignal): Promise<Turn> {
  try {
    await broker.create(joinRequest, requestOf(question, now), { fieldManager }, signal)
  } catch (error) {
    if (!isAlreadyExists(error)) throw error
  }
  return { kind: 'waiting', because: unanswered }
}

const takeBack = (broker: Asker, have: JoinRequest, signal: AbortSignal): Promise<void> =>
  broker.delete(joinRequest, keyOf(have), have.metadata.uid === undefined ? {} : { uid: have.metadata.uid }, signal)
