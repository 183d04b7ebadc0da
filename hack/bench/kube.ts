// A client for a cluster of the rig, as its administrator, and what every object that is made by hand begins with.
import type { Kube } from '#lib/kube/client.ts'
import { kube } from '#lib/kube/client.ts'
import { fromKubeconfig } from '#lib/kube/kubeconfig.ts'
import type { Kind } from '#lib/kube/object.ts'
import { logger } from '#lib/std/log.ts'
import { explain } from '#lib/std/result.ts'
import type { Cluster } from '#test/rig/cluster.ts'

export async function kubeOf(cluster: Cluster): Promise<Kube> {
  const chosen = await fromKubeconfig({ path: cluster.kubeconfig })
  if (!chosen.ok) throw new Error(explain(chosen.error))
  return kube(chosen.value.connection, logger('bench', 'silent'), 'tombolo-bench')
}

/** The type of an object, to spread into it. */
export const typeOf = ({ apiVersion, kind }: Kind): Pick<Kind, 'apiVersion' | 'kind'> => ({ apiVersion, kind })
