// A member of the broker that a command is about, or the sentence that says there is none of that id.
import type { Member } from '#crds/member.ts'
import { member } from '#crds/member.ts'
import { brokerNamespace } from '#crds/places.ts'
import type { Cluster } from './cluster.ts'
import { refused } from '../problem.ts'

export async function readMemberOf({ kube, context }: Cluster, id: string, signal: AbortSignal): Promise<Member> {
  const { items } = await kube.list(member, { namespace: brokerNamespace }, signal)
  const found = items.find(({ metadata }) => metadata.name === id)
  if (found !== undefined) return found
  const ids = items.map(({ metadata }) => metadata.name)
  throw refused(
    `There is no member "${id}" at the broker in context "${context}".`,
    ids.length === 0 ? 'It has no members: tombolo grant create lets one in.' : `Its members are ${ids.join(', ')}.`,
  )
}
