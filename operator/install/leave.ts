// How Tombolo goes away from a member cluster: in the order that keeps each step's means alive until it is done, every step
// repeatable, so that an operator that dies half way goes on where it was. The operator itself and its rights are the CLI's to remove.
import { allocation } from '#crds/allocation.ts'
import { clusterIDProperty, clusterProperty, clustersetProperty } from '#crds/cluster-property.ts'
import { gatewayCertificate } from '#crds/gateway-certificate.ts'
import { gatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { membership, type Membership } from '#crds/membership.ts'
import { managedByLabel, membershipName, sliceManagedByLabel, sliceManager, systemNamespace } from '#crds/places.ts'
import { serviceImport } from '#crds/service-import.ts'
import { trustBundle } from '#crds/trust-bundle.ts'
import type { Kube } from '#lib/kube/client.ts'
import { isNotFound } from '#lib/kube/errors.ts'
import { removeFinalizer } from '#lib/kube/finalizer.ts'
import { daemonSets, deployments, endpointSlices, services } from '#lib/kube/kinds.ts'
import type { Kind, Where } from '#lib/kube/object.ts'
import { keyOf } from '#lib/kube/object.ts'
import { pause } from '#lib/std/pause.ts'
import type { Logger } from '#lib/std/log.ts'
import { fieldManager, unwireNames } from './install.ts'
import { cleanupDaemonSet } from './manifests/agent.ts'
import { nameOf } from './manifests/pod.ts'

export const finalizer = 'tombolo.dev/cleanup'

/** Three times what our pods are given to stop. */
const stopMs = 15_000

type Step = { readonly name: string; readonly run: (signal: AbortSignal) => Promise<void> }

/** Says what is being done as the reason of the condition `Leaving`. */
export async function leave(
  kube: Kube,
  member: Membership,
  say: (reason: string) => Promise<void>,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  await takeAway(kube, member.spec, say, log, signal)
  // As it is now: leaving took a while, and whoever put a finalizer beside ours meanwhile still needs it.
  const now = await kube.get(membership, { namespace: systemNamespace, name: membershipName }, signal)
  if (now !== undefined) await removeFinalizer(kube, membership, now, finalizer, signal)
}

/** All of it but the finalizer; what the CLI does by itself where no operator is left to do it. */
export async function takeAway(
  kube: Kube,
  member: Pick<Membership['spec'], 'image' | 'clusterID'>,
  say: (reason: string) => Promise<void>,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const inSystem = { namespace: systemNamespace }
  const steps: readonly Step[] = [
    // Names first: nobody should be sent to an address that is about to stop answering.
    { name: 'RestoringNames', run: (stop) => unwireNames(kube, stop) },
    {
      name: 'RemovingImports',
      run: async (stop) => {
        await deleteAll(kube, endpointSlices, { labels: `${sliceManagedByLabel}=${sliceManager}` }, stop)
        await deleteAll(kube, services, { labels: `${managedByLabel}=tombolo` }, stop)
        await deleteAll(kube, serviceImport, { labels: `${managedByLabel}=tombolo` }, stop)
      },
    },
    {
      name: 'StoppingGateways',
      run: async (stop) => {
        for (const name of [nameOf('gateway'), nameOf('agent')])
          await kube.delete(daemonSets, { ...inSystem, name }, { propagation: 'Foreground' }, stop)
        await kube.delete(deployments, { ...inSystem, name: nameOf('dns') }, {}, stop)
        for (const name of [nameOf('gateway'), nameOf('agent')]) await goneWithin(stopMs, kube, daemonSets, name, stop)
      },
    },
    { name: 'CleaningNodes', run: (stop) => cleanNodes(kube, member, stop) },
    { name: 'RemovingCopies', run: (stop) => removeCopies(kube, stop) },
  ]
  for (const step of steps) {
    log.info({ step: step.name }, 'leaving')
    await say(step.name)
    await step.run(signal)
  }
}

/** What is known of other clusters. Needs no node, so it goes also where nodes are given up. */
export async function removeCopies(kube: Kube, signal: AbortSignal): Promise<void> {
  for (const kind of [gatewayEndpoint, allocation, gatewayCertificate, trustBundle])
    await deleteAll(kube, kind, { namespace: systemNamespace }, signal)
  // Where there is a clusterset there is an id in it (KEP-2149).
  for (const name of [clustersetProperty, clusterIDProperty]) await kube.delete(clusterProperty, { name }, {}, signal)
}

/** A pod on every node takes what is ours off it and becomes ready when nothing is left. */
async function cleanNodes(
  kube: Kube,
  member: Pick<Membership['spec'], 'image' | 'clusterID'>,
  signal: AbortSignal,
): Promise<void> {
  const wanted = cleanupDaemonSet(member)
  await kube.apply(daemonSets, wanted, { fieldManager }, signal)
  while (!signal.aborted) {
    const now = await kube.get(daemonSets, keyOf(wanted), signal)
    const { observedGeneration = 0, desiredNumberScheduled = 0, numberReady = 0 } = now?.status ?? {}
    // Somebody deleted it, and nobody else brings it back.
    if (now === undefined) await kube.apply(daemonSets, wanted, { fieldManager }, signal)
    else if (observedGeneration === now.metadata.generation && numberReady >= desiredNumberScheduled) break
    await pause(500, signal)
  }
  await kube.delete(daemonSets, keyOf(wanted), { propagation: 'Foreground' }, signal)
  await goneWithin(stopMs, kube, daemonSets, nameOf('cleanup'), signal)
}

/** A kind that the cluster no longer knows has no objects. */
async function deleteAll(kube: Kube, kind: Kind, where: Where, signal: AbortSignal): Promise<void> {
  try {
    const { items } = await kube.list(kind, where, signal)
    for (const item of items) await kube.delete(kind, keyOf(item), {}, signal)
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}

/** On a node that lives. The pods of a node that is gone never go, and must not keep the others from being cleaned. */
async function goneWithin(ms: number, kube: Kube, kind: Kind, name: string, signal: AbortSignal): Promise<void> {
  const end = performance.now() + ms
  while (
    !signal.aborted &&
    performance.now() < end &&
    (await kube.get(kind, { namespace: systemNamespace, name }, signal)) !== undefined
  )
    await pause(300, signal)
}
