// Waiting until everything of ours in a member runs an image and is ready again.
import type { Membership } from '#crds/membership.ts'
import { membership } from '#crds/membership.ts'
import { membershipName, systemNamespace } from '#crds/places.ts'
import type { Kube } from '#lib/kube/client.ts'
import type { DaemonSet, Deployment } from '#lib/kube/kinds.ts'
import { daemonSets, deployments } from '#lib/kube/kinds.ts'
import { nameOf } from '#operator/install/manifests/pod.ts'
import type { Probe, Say } from '../cluster/until.ts'
import { until } from '../cluster/until.ts'

export async function memberRunsImage(
  kube: Kube,
  image: string,
  context: string,
  timeoutMs: number,
  say: Say,
  signal: AbortSignal,
): Promise<void> {
  const at = (name: string) => ({ namespace: systemNamespace, name })
  await until(
    {
      what: `Gateway, agent and dns running ${image}`,
      timeoutMs,
      remedy: `kubectl --context ${context} -n ${systemNamespace} get membership,pods says why. Nothing has to be undone: it goes on by itself, and running the command again waits for it.`,
      say,
    },
    async () => {
      const [gateway, agent, dns, own] = await Promise.all([
        kube.get(daemonSets, at(nameOf('gateway')), signal),
        kube.get(daemonSets, at(nameOf('agent')), signal),
        kube.get(deployments, at(nameOf('dns')), signal),
        kube.get(membership, at(membershipName), signal),
      ])
      return progressOf(image, { gateway, agent, dns, membership: own })
    },
    signal,
  )
}

type Seen = {
  readonly gateway: DaemonSet | undefined
  readonly agent: DaemonSet | undefined
  readonly dns: Deployment | undefined
  readonly membership: Membership | undefined
}

/** The operator writes the image into each; then Kubernetes replaces the pods. */
export function progressOf(image: string, { gateway, agent, dns, membership: own }: Seen): Probe<true> {
  const waiting = [
    daemonSetWaits('gateway', image, gateway),
    daemonSetWaits('agent', image, agent),
    deploymentWaits('dns', image, dns),
    membershipWaits(own),
  ].find((text) => text !== undefined)
  return waiting === undefined ? { done: true } : { waiting }
}

function daemonSetWaits(name: string, image: string, found: DaemonSet | undefined): string | undefined {
  const {
    desiredNumberScheduled: wanted = 0,
    updatedNumberScheduled: updated = 0,
    numberAvailable: available = 0,
  } = found?.status ?? {}
  const seen = waitsForTemplate(name, image, found)
  if (seen !== undefined) return seen
  return updated >= wanted && available >= wanted
    ? undefined
    : `${name}: ${updated} of ${wanted} pods replaced, ${available} available`
}

function deploymentWaits(name: string, image: string, found: Deployment | undefined): string | undefined {
  const { replicas = 0, updatedReplicas: updated = 0, availableReplicas: available = 0 } = found?.status ?? {}
  const wanted = found?.spec?.replicas ?? 1
  const seen = waitsForTemplate(name, image, found)
  if (seen !== undefined) return seen
  return updated >= wanted && available >= wanted && replicas === wanted
    ? undefined
    : `${name}: ${updated} of ${wanted} pods replaced, ${available} available`
}

function waitsForTemplate(name: string, image: string, found: DaemonSet | Deployment | undefined): string | undefined {
  if (found?.spec?.template.spec?.containers[0]?.image !== image) return `${name}: the operator has not given it the image yet`
  return found.status?.observedGeneration === found.metadata.generation
    ? undefined
    : `${name}: Kubernetes has not looked at it yet`
}

function membershipWaits(found: Membership | undefined): string | undefined {
  const ready = found?.status?.conditions?.find(({ type }) => type === 'Ready')
  const isCurrent = ready?.observedGeneration === undefined || ready.observedGeneration === found?.metadata.generation
  if (ready === undefined || !isCurrent) return 'the operator has not reported yet'
  return ready.status === 'True' ? undefined : ready.message
}
