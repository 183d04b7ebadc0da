// Taking a cluster off the broker's list, before it is taken down: the others stop sending to it while it still answers.
import type { JoinRequest } from '#crds/join-request.ts'
import { joinRequest } from '#crds/join-request.ts'
import type { Member } from '#crds/member.ts'
import { member } from '#crds/member.ts'
import { brokerNamespace, joinNamespace } from '#crds/places.ts'
import { keyOf } from '#lib/kube/object.ts'
import { pause } from '#lib/std/pause.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { listIfKnown } from '../cluster/remove.ts'
import type { Say } from '../cluster/until.ts'

/** What the broker has of one cluster, found by the cluster's own identity and not by the id it goes by. */
export type Registered = { readonly members: readonly Member[]; readonly requests: readonly JoinRequest[] }

export async function findRegistered({ kube }: Cluster, clusterUID: string, signal: AbortSignal): Promise<Registered> {
  const [members, requests] = await Promise.all([
    listIfKnown(kube, member, { namespace: brokerNamespace }, signal),
    listIfKnown(kube, joinRequest, { namespace: joinNamespace }, signal),
  ])
  const isIts = ({ spec }: Member | JoinRequest) => spec.clusterUID === clusterUID
  return { members: members.filter(isIts), requests: requests.filter(isIts) }
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
