// The Fleet of the broker that a command is about, or the sentence that says there is no broker.
import type { Fleet } from '#crds/fleet.ts'
import { fleet } from '#crds/fleet.ts'
import { brokerNamespace, fleetName } from '#crds/places.ts'
import type { Cluster } from './cluster.ts'
import { refused } from '../problem.ts'

export async function readFleet({ kube, context }: Cluster, signal: AbortSignal): Promise<Fleet> {
  const found = await kube.get(fleet, { namespace: brokerNamespace, name: fleetName }, signal)
  // With the defaults of an older object filled in.
  const parsed = fleet.parse(found)
  if (parsed.ok) return parsed.value
  if (found !== undefined) return found
  throw refused(
    `There is no broker in context "${context}".`,
    `Choose its cluster with --context, or make this one the broker: tombolo deploy-broker --context ${context}.`,
  )
}
