// Which image and version each of our programs runs as, in a cluster that is a member, a broker, or both.
import { brokerNamespace, controllerName, systemNamespace } from '#crds/places.ts'
import type { Kube } from '#lib/kube/client.ts'
import type { DaemonSet, Deployment } from '#lib/kube/kinds.ts'
import { daemonSets, deployments } from '#lib/kube/kinds.ts'
import { nameOf } from '#operator/install/manifests/pod.ts'
import { parseVersion } from '#lib/std/version.ts'
import { versionLabel } from './apply.ts'

export type Running = {
  readonly component: string
  readonly image: string
  /** As the command that installed it wrote down, or as the tag of its image says; undefined where neither is a version. */
  readonly version: string | undefined
}

/** Empty where there is nothing of ours. */
export async function imagesIn(kube: Pick<Kube, 'get'>, signal: AbortSignal): Promise<readonly Running[]> {
  const inSystem = { namespace: systemNamespace }
  const [broker, operator, ...others] = await Promise.all([
    kube.get(deployments, { namespace: brokerNamespace, name: controllerName }, signal),
    kube.get(deployments, { ...inSystem, name: nameOf('operator') }, signal),
    kube.get(daemonSets, { ...inSystem, name: nameOf('gateway') }, signal),
    kube.get(daemonSets, { ...inSystem, name: nameOf('agent') }, signal),
    kube.get(deployments, { ...inSystem, name: nameOf('dns') }, signal),
  ])
  const first = [broker, operator].flatMap((workload) => runningOf(workload, undefined))
  const known = first.find(({ component }) => component === nameOf('operator'))
  return [...first, ...others.flatMap((workload) => runningOf(workload, known))]
}

/** What the operator installed has no version written on it: the same image is the same version. */
function runningOf(workload: Deployment | DaemonSet | undefined, operator: Running | undefined): readonly Running[] {
  const image = workload?.spec?.template.spec?.containers[0]?.image
  if (workload === undefined || image === undefined) return []
  const written = workload.metadata.labels?.[versionLabel] ?? (operator?.image === image ? operator.version : undefined)
  return [{ component: workload.metadata.name, image, version: written ?? tagOf(image) }]
}

function tagOf(image: string): string | undefined {
  const tag = /:([\w.-]+)$/.exec(image)?.[1]
  return tag === undefined || parseVersion(tag) === undefined ? undefined : tag
}
