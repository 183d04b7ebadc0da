// Which image each of our programs runs as, in a cluster that is a member, a broker, or both.
import { controllerName } from '#broker/install/rbac.ts'
import { brokerNamespace, systemNamespace } from '#crds/places.ts'
import type { Kube } from '#lib/kube/client.ts'
import type { DaemonSet, Deployment } from '#lib/kube/kinds.ts'
import { daemonSets, deployments } from '#lib/kube/kinds.ts'
import { nameOf } from '#operator/install/manifests/pod.ts'

export type Running = { readonly component: string; readonly image: string }

/** Empty where there is nothing of ours. */
export async function imagesIn(kube: Pick<Kube, 'get'>, signal: AbortSignal): Promise<readonly Running[]> {
  const inSystem = { namespace: systemNamespace }
  const row = (workload: Deployment | DaemonSet | undefined): readonly Running[] => {
    const image = workload?.spec?.template.spec?.containers[0]?.image
    return workload === undefined || image === undefined ? [] : [{ component: workload.metadata.name, image }]
  }
  const found = await Promise.all([
    kube.get(deployments, { namespace: brokerNamespace, name: controllerName }, signal),
    kube.get(deployments, { ...inSystem, name: nameOf('operator') }, signal),
    kube.get(daemonSets, { ...inSystem, name: nameOf('gateway') }, signal),
    kube.get(daemonSets, { ...inSystem, name: nameOf('agent') }, signal),
    kube.get(deployments, { ...inSystem, name: nameOf('dns') }, signal),
  ])
  return found.flatMap(row)
}
