// The membership of the cluster that a command is about, or the sentence that says there is none.
import type { Membership } from '#crds/membership.ts'
import { membership } from '#crds/membership.ts'
import { membershipName, systemNamespace } from '#crds/places.ts'
import type { Cluster } from './cluster.ts'
import { failed } from '../problem.ts'

export async function readMembership({ kube, context }: Cluster, signal: AbortSignal): Promise<Membership> {
  const found = await kube.get(membership, { namespace: systemNamespace, name: membershipName }, signal)
  if (found !== undefined) return found
  throw notAMember(context)
}

export const notAMember = (context: string) =>
  failed(
    `There is no Tombolo in context "${context}".`,
    `Join it to a fleet: tombolo grant create CLUSTER_ID on the broker, then tombolo join --grant - --context ${context}; or choose another with --context.`,
  )
