// Collects the evidence for cidrs.ts. What a cluster does not have, or does not let us read, is simply no evidence.
import type { Kube } from '#lib/kube/client.ts'
import { isForbidden, isNotFound } from '#lib/kube/errors.ts'
import { configMaps, pods, serviceCIDRs } from '#lib/kube/kinds.ts'
import type { Node } from '#lib/kube/kinds.ts'
import { Problem } from '../problem.ts'
import type { Evidence } from './cidrs.ts'

export async function gatherEvidence(kube: Kube, nodes: readonly Node[], signal: AbortSignal): Promise<Evidence> {
  const inSystem = (name: string) => ({ namespace: 'kube-system', name })
  const [controlPlane, kubeadm, kubeProxy, ranges] = await Promise.all([
    ifAllowed(
      kube.list(pods, { namespace: 'kube-system', labels: 'component in (kube-controller-manager,kube-apiserver)' }, signal),
    ),
    ifAllowed(kube.get(configMaps, inSystem('kubeadm-config'), signal)),
    ifAllowed(kube.get(configMaps, inSystem('kube-proxy'), signal)),
    ifAllowed(kube.list(serviceCIDRs, {}, signal)),
  ])
  return {
    controlPlaneArgs: (controlPlane?.items ?? []).flatMap((pod) =>
      (pod.spec?.containers ?? []).flatMap((c) => [...(c.command ?? []), ...(c.args ?? [])]),
    ),
    kubeadm: kubeadm?.data?.ClusterConfiguration,
    kubeProxy: kubeProxy?.data?.['config.conf'],
    nodeCIDRs: nodes.flatMap((node) => node.spec?.podCIDRs ?? []),
    serviceCIDRs: (ranges?.items ?? []).flatMap((range) => range.spec?.cidrs ?? []),
  }
}

async function ifAllowed<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    const cause = error instanceof Problem ? error.cause : error
    if (isNotFound(cause) || isForbidden(cause)) return undefined
    throw error
  }
}
