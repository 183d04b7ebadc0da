// Taking a cluster off the broker's list, before it is taken down: the others stop sending to it while it still answers. The member
// says so itself, signed; who has the broker's kubeconfig can do it for a member that cannot.
import type { JoinRequest } from '#crds/join-request.ts'
import { joinRequest } from '#crds/join-request.ts'
import type { Member } from '#crds/member.ts'
import { member } from '#crds/member.ts'
import { membership } from '#crds/membership.ts'
import { brokerNamespace, brokerSecretName, membershipName, systemNamespace } from '#crds/places.ts'
import { isForbidden, isUnauthorized } from '#lib/kube/errors.ts'
import { secrets } from '#lib/kube/kinds.ts'
import { keyOf } from '#lib/kube/object.ts'
import { DeadlineError, within } from '#lib/std/deadline.ts'
import { pause } from '#lib/std/pause.ts'
import { ownVersion } from '#operator/joining/about.ts'
import type { Unasked } from '#operator/joining/ask.ts'
import { lifeOf, readCredentials } from '#operator/joining/credentials.ts'
import { readIdentity } from '#operator/joining/identity-secret.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { listIfKnown } from '../cluster/remove.ts'
import type { Say } from '../cluster/until.ts'
import { askBroker } from '../join/asking.ts'
import { clusterUID } from '../join/member.ts'
import { Problem } from '../problem.ts'

/** What the broker has of one cluster, found by the cluster's own identity and not by the id it goes by. */
export type Registered = { readonly members: readonly Member[]; readonly requests: readonly JoinRequest[] }

export async function findRegistered({ kube }: Cluster, clusterUID: string, signal: AbortSignal): Promise<Registered> {
  const [members, requests] = await Promise.all([
    listIfKnown(kube, member, { namespace: brokerNamespace }, signal),
    listIfKnown(kube, joinRequest, {}, signal),
  ])
  const isIts = ({ spec }: Member | JoinRequest) => spec.clusterUID === clusterUID
  return { members: members.filter(isIts), requests: requests.filter(isIts) }
}

/**
 * As the member itself. True when the broker has it no more. False when the member has not what asking takes, or there was no answer within
 * `timeoutMs`, however the broker is silent: then it is the administrator's to do.
 */
export async function withdrawItself(cluster: Cluster, timeoutMs: number, say: Say, signal: AbortSignal): Promise<boolean> {
  const { kube } = cluster
  const secret = await kube.get(secrets, { namespace: systemNamespace, name: brokerSecretName }, signal)
  const own = await kube.get(membership, { namespace: systemNamespace, name: membershipName }, signal)
  const held = secret === undefined ? undefined : readCredentials(secret)
  const identity = await readIdentity(kube, signal)
  if (own === undefined || held?.ok !== true || identity?.ok !== true) return false
  const { clusterID, podCIDRs, serviceCIDRs } = own.spec
  const clusterUIDNow = await clusterUID(cluster, signal)
  const asked: Unasked = {
    intent: 'Leave',
    clusterID,
    clusterUID: clusterUIDNow,
    podCIDRs,
    serviceCIDRs,
    version: ownVersion,
    capabilities: [],
  }
  const question = { asked, identity: identity.value, code: undefined }
  const broker = { ...held.value, token: held.value.renewalToken }
  const undecided = performance.now() + Math.min(timeoutMs, tokenKnownMs)
  for (;;)
    try {
      await within(timeoutMs, signal, (limit) => askBroker(broker, question, timeoutMs, say, limit))
      return true
    } catch (error) {
      if (error instanceof DeadlineError) {
        say(`the broker (${held.value.server}) did not answer within ${Math.round(timeoutMs / 1000)} s`)
        return false
      }
      if (!(error instanceof Problem)) throw error
      if (isForgotten(error.cause, held.value.renewalToken)) return true
      say(`${error.message} ${error.remedy}`)
      if (!isForbidden(error.cause) || performance.now() > undecided) return false
      await pause(500, signal)
    }
}

/**
 * An apiserver takes a token that it knows for 10 s after its account is gone, and its rights went with it: until then a refusal can mean that
 * we are forgotten, and that somebody took the rights and left the Member.
 */
const tokenKnownMs = 12_000

/** Accounts go with the Member, so a token dies before its time where an earlier run, or a revocation, was heard. */
function isForgotten(cause: unknown, token: string): boolean {
  const life = lifeOf(token)
  return isUnauthorized(cause) && (life === undefined || life.expiresAt > new Date())
}

/** Resolves to what is left there; the broker controller goes on with it whether anybody waits or not. */
export async function withdraw(
  { kube, context }: Cluster,
  { members, requests }: Registered,
  timeoutMs: number,
  say: Say,
  signal: AbortSignal,
): Promise<readonly string[]> {
  // Requests first: an open one would let the cluster in again.
  for (const request of requests) await kube.delete(joinRequest, keyOf(request), uidOf(request), signal)
  for (const one of members) await kube.delete(member, keyOf(one), uidOf(one), signal)
  const until = performance.now() + timeoutMs
  for (;;) {
    const left = (await Promise.all(members.map((one) => kube.get(member, keyOf(one), signal)))).flatMap((one) => one ?? [])
    if (left.length === 0) return []
    if (performance.now() > until)
      return left.map(
        ({ metadata }) =>
          `on the broker (context "${context}") Member ${metadata.name}, which its controller is to remove: kubectl --context ${context} -n ${brokerNamespace} logs deployment/tombolo-broker-controller says why it has not`,
      )
    say('the broker controller removes its account, addresses and namespace')
    await pause(200, signal)
    signal.throwIfAborted()
  }
}

const uidOf = ({ metadata: { uid } }: Member | JoinRequest) => (uid === undefined ? {} : { uid })
