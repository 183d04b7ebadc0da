// The clusters that the suite plays on: whether they are what it needs, which version of ours is in them, and taking out what it left.
import { membership } from '#crds/membership.ts'
import { membershipName, systemNamespace } from '#crds/places.ts'
import { serviceExport } from '#crds/service-export.ts'
import type { Cluster } from '#cli/cluster/cluster.ts'
import { openCluster } from '#cli/cluster/cluster.ts'
import { imagesIn } from '#cli/cluster/images.ts'
import { removeObject } from '#cli/cluster/remove.ts'
import { Problem, refused } from '#cli/problem.ts'
import { isNotFound } from '#lib/kube/errors.ts'
import { namespaces } from '#lib/kube/kinds.ts'
import { nameOf } from '#operator/install/manifests/pod.ts'
import { messageOf } from '../setup/refusal.ts'
import type { Contexts } from './plan.ts'

/** What there is in one cluster. */
export type Seen = {
  readonly context: string
  /** Whether it serves the version of the API that the suite speaks. */
  readonly servesMCS: boolean
  readonly member: Member | undefined
}
export type Member = {
  readonly clusterID: string
  readonly clusterset: string
  /** Why not; undefined when it is. */
  readonly notReady: string | undefined
}

export type Fault = { readonly says: string; readonly remedy: string }

/** The first thing for which every spec would fail, or all of them for one cause. */
export function faultOf(clusters: readonly Seen[]): Fault | undefined {
  for (const { context, servesMCS, member } of clusters) {
    if (!servesMCS)
      return {
        says: `Context "${context}" has no ServiceExports of ${serviceExport.apiVersion}.`,
        remedy: `Make it a member of the fleet: tombolo join --grant FILE --context ${context}`,
      }
    if (member === undefined)
      return {
        says: `Context "${context}" is no member of a fleet.`,
        remedy: `Make it one: tombolo join --grant FILE --context ${context}`,
      }
    if (member.notReady !== undefined)
      return {
        says: `The membership of context "${context}" is not Ready: ${member.notReady}.`,
        remedy: `See why: tombolo diagnose all --context ${context}`,
      }
  }
  const different = (field: 'clusterID' | 'clusterset') => new Set(clusters.map(({ member }) => member?.[field])).size
  if (different('clusterset') > 1)
    return {
      says: `These clusters are of different fleets: ${clusters.map(({ context, member }) => `${context} of ${member?.clusterset ?? ''}`).join(', ')}.`,
      remedy: 'Name contexts of one fleet: tombolo show clusters has its members.',
    }
  if (different('clusterID') < clusters.length)
    return {
      says: `These contexts lead to one cluster: ${clusters.map(({ context, member }) => `${context} to ${member?.clusterID ?? ''}`).join(', ')}.`,
      remedy: 'Name contexts of different clusters.',
    }
  return undefined
}

/** Disposing closes the connections to them. */
export interface Members extends AsyncDisposable {
  readonly contexts: Contexts
  readonly clusters: readonly Cluster[]
  /** Of Tombolo in the first. */
  readonly version: string
}

/** Throws Problem where a cluster cannot be reached, or is not as the suite needs it. */
export async function openMembers(contexts: Contexts, signal: AbortSignal): Promise<Members> {
  await using opening = new AsyncDisposableStack()
  const clusters: Cluster[] = []
  for (const context of contexts.names)
    clusters.push(opening.use(await openCluster({ context, kubeconfig: contexts.kubeconfig })))
  const fault = faultOf(await Promise.all(clusters.map((cluster) => look(cluster, signal))))
  if (fault !== undefined) throw refused(fault.says, fault.remedy)
  const [first] = clusters
  const running = first === undefined ? [] : await imagesIn(first.kube, signal)
  const version = running.find(({ component }) => component === nameOf('operator'))?.version ?? 'unknown'
  const opened = opening.move()
  return { contexts, clusters, version, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

async function look({ context, kube }: Cluster, signal: AbortSignal): Promise<Seen> {
  const servesMCS = await kube.list(serviceExport, { namespace: systemNamespace }, signal).then(
    () => true,
    (error: unknown) => {
      if (isNotFound(error)) return false
      throw error
    },
  )
  const found = await kube.get(membership, { namespace: systemNamespace, name: membershipName }, signal)
  if (found === undefined) return { context, servesMCS, member: undefined }
  const { clusterID, clusterset } = found.spec
  const ready = found.status?.conditions?.find(({ type }) => type === 'Ready')
  const notReady = ready?.status === 'True' ? undefined : (ready?.reason ?? 'nothing is said of it yet')
  return { context, servesMCS, member: { clusterID, clusterset, notReady } }
}

/** Something of the suite stays in the clusters. */
export class LeftBehind extends Problem {}

/** Deletes namespaces by name in all of them, and waits until they are gone. Throws LeftBehind where they do not go. */
export async function clear(clusters: readonly Cluster[], names: readonly string[], signal: AbortSignal): Promise<void> {
  const remove = ({ kube }: Cluster, name: string) => removeObject(kube, namespaces, { name }, () => undefined, signal)
  try {
    await Promise.all(clusters.flatMap((cluster) => names.map((name) => remove(cluster, name))))
  } catch (cause) {
    const says = `Namespaces of the suite are left in ${clusters.map(({ context }) => context).join(' or ')}: ${messageOf(cause)}`
    throw new LeftBehind(1, says, `Delete what there is of ${names.join(', ')}.`, cause)
  }
}
