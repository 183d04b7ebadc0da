// Putting manifests into a cluster: server-side apply under one field manager, and only of what differs, so that doing it again writes
// nothing.
import type { Kube } from '#lib/kube/client.ts'
import type { Deployment, Namespace } from '#lib/kube/kinds.ts'
import { settled } from '#lib/kube/controller.ts'
import { customResourceDefinitions, deployments, namespaces } from '#lib/kube/kinds.ts'
import type { Key, KubeObject } from '#lib/kube/object.ts'
import { keyOf } from '#lib/kube/object.ts'
import type { Plan } from '#lib/kube/plan.ts'
import { applyPlan } from '#lib/kube/plan.ts'
import { refused } from '../problem.ts'
import { version } from '../version.ts'
import { fieldManager } from './cluster.ts'
import { kindOf } from './kinds.ts'
import type { Say } from './until.ts'
import { until } from './until.ts'

export async function applyAll(kube: Kube, objects: readonly KubeObject[], say: Say, signal: AbortSignal): Promise<void> {
  for (const object of objects) {
    say(`${object.kind} ${object.metadata.name}`)
    if (object.kind === 'Namespace') await notTerminating(kube, keyOf(object), say, signal)
    await applyPlan(kube, await planOf(kube, [object], signal), fieldManager, signal)
  }
}

/** The objects beside what the cluster has of them: what is written, or what a dry run prints. */
export async function planOf(kube: Kube, objects: readonly KubeObject[], signal: AbortSignal): Promise<Plan> {
  const step = async (object: KubeObject) => {
    const kind = kindOf(object)
    const have: KubeObject | undefined = await kube.get(kind, keyOf(object), signal)
    return { do: 'apply', kind, object: withVersion(object), have } as const
  }
  return { steps: await Promise.all(objects.map(step)), next: settled }
}

export const versionLabel = 'app.kubernetes.io/version'

/** Written on the Deployments that a command installs, so that the next one knows what it finds, whatever the image is called. */
const withVersion = (object: KubeObject): KubeObject =>
  object.kind === deployments.kind
    ? { ...object, metadata: { ...object.metadata, labels: { ...object.metadata.labels, [versionLabel]: version } } }
    : object

/** Applies CRDs and waits until the apiserver serves them. One that somebody else installed is left as it is, if it serves what we need. */
export async function applyCRDs(kube: Kube, crds: readonly KubeObject[], say: Say, signal: AbortSignal): Promise<void> {
  for (const crd of crds) {
    say(crd.metadata.name)
    if (!(await isForeign(kube, crd, signal))) await applyPlan(kube, await planOf(kube, [crd], signal), fieldManager, signal)
  }
  for (const crd of crds) await established(kube, keyOf(crd), say, signal)
}

async function isForeign(kube: Kube, crd: KubeObject, signal: AbortSignal): Promise<boolean> {
  const have = await kube.get(customResourceDefinitions, keyOf(crd), signal)
  if (have === undefined || have.metadata.labels?.['app.kubernetes.io/managed-by'] === 'tombolo') return false
  const served = have.spec.versions.filter((v) => v.served).map((v) => v.name)
  const needed = (crd.spec as { readonly versions: readonly { readonly name: string }[] }).versions[0]?.name ?? ''
  if (served.includes(needed)) return true
  throw refused(
    `The cluster has another installation's CRD ${crd.metadata.name}, which serves ${served.join(', ')} and not ${needed}.`,
    'Upgrade that installation, or remove its CRD when nothing uses it any more.',
  )
}

async function established(kube: Kube, key: Key, say: Say, signal: AbortSignal): Promise<void> {
  await until(
    { what: `CRD ${key.name} being served`, timeoutMs: 60_000, remedy: `kubectl describe crd ${key.name} says why.`, say },
    async () => {
      const crd = await kube.get(customResourceDefinitions, key, signal)
      const done = crd?.status?.conditions?.some((c) => c.type === 'Established' && c.status === 'True') ?? false
      return done ? { done } : { waiting: `${key.name} is not established yet` }
    },
    signal,
  )
}

async function notTerminating(kube: Kube, key: Key, say: Say, signal: AbortSignal): Promise<void> {
  await until(
    {
      what: `The end of the earlier namespace ${key.name}`,
      timeoutMs: 120_000,
      remedy: `kubectl get namespace ${key.name} -o yaml says what holds it.`,
      say,
    },
    async () => {
      const namespace: Namespace | undefined = await kube.get(namespaces, key, signal)
      return namespace?.metadata.deletionTimestamp === undefined
        ? { done: true }
        : { waiting: `the earlier namespace ${key.name} is being removed` }
    },
    signal,
  )
}

/** Waits until as many pods of the newest template are available as are wanted. */
export async function deploymentAvailable(kube: Kube, key: Key, timeoutMs: number, say: Say, signal: AbortSignal): Promise<void> {
  const where = `-n ${key.namespace ?? ''}`
  await until(
    {
      what: `Deployment ${key.name} becoming available`,
      timeoutMs,
      remedy: `kubectl describe pods ${where} and kubectl logs ${where} deployment/${key.name} say why.`,
      say,
    },
    async () => progressOf(await kube.get(deployments, key, signal)),
    signal,
  )
}

function progressOf(deployment: Deployment | undefined) {
  if (deployment === undefined) return { waiting: 'the Deployment is not there yet' }
  const { metadata, spec, status } = deployment
  const wanted = spec?.replicas ?? 1
  if (status?.observedGeneration !== metadata.generation) return { waiting: 'the Deployment was not looked at yet' }
  const [updated, available] = [status?.updatedReplicas ?? 0, status?.availableReplicas ?? 0]
  return updated >= wanted && available >= wanted && (status?.replicas ?? 0) === wanted
    ? { done: true as const }
    : { waiting: `${available} of ${wanted} pods available, ${updated} up to date` }
}
