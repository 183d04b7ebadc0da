// What a member cluster has of Tombolo, and taking it all away: first what makes others send to it, last what says it was here.
import type { Membership } from '#crds/membership.ts'
import { membership } from '#crds/membership.ts'
import { fleet } from '#crds/fleet.ts'
import {
  brokerNamespace,
  brokerSecretName,
  fleetName,
  gatewayDrainedLabel,
  gatewayNodeLabel,
  membershipName,
  systemNamespace,
} from '#crds/places.ts'
import type { ServiceExport } from '#crds/service-export.ts'
import { serviceExport } from '#crds/service-export.ts'
import type { Namespace, Node, ReplicaSet } from '#lib/kube/kinds.ts'
import { customResourceDefinitions, namespaces, nodes, replicaSets, secrets } from '#lib/kube/kinds.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import { keyOf } from '#lib/kube/object.ts'
import { pause } from '#lib/std/pause.ts'
import { coreDNSKey, wiredAnnotation } from '#operator/install/coredns.ts'
import { operatorManifests } from '#operator/install/manifests/operator.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { fieldManager } from '../cluster/cluster.ts'
import { deleteObjects, identityOf, listIfKnown, removeObject } from '../cluster/remove.ts'
import type { Say } from '../cluster/until.ts'
import { clusterUID } from '../join/member.ts'
import type { Found, Part } from './crds.ts'
import { findCRDs, judgeCRDs, keptCRDs } from './crds.ts'
import { stopOperator } from './leave.ts'

export type MemberSurvey = {
  readonly uid: string
  readonly membership: Membership | undefined
  readonly namespace: Namespace | undefined
  /** Whether the cluster is the broker too. */
  readonly isBroker: boolean
  /** Address of the broker it is a member of, as far as its credentials are still there. */
  readonly broker: string | undefined
  readonly crds: readonly Found[]
}

export async function surveyMember(cluster: Cluster, signal: AbortSignal): Promise<MemberSurvey> {
  const { kube } = cluster
  const [uid, own, namespace, theFleet, secret] = await Promise.all([
    clusterUID(cluster, signal),
    kube.get(membership, { namespace: systemNamespace, name: membershipName }, signal),
    kube.get(namespaces, { name: systemNamespace }, signal),
    kube.get(fleet, { namespace: brokerNamespace, name: fleetName }, signal),
    kube.get(secrets, { namespace: systemNamespace, name: brokerSecretName }, signal),
  ])
  const isBroker = theFleet !== undefined
  const server = secret?.data?.['server']
  return {
    uid,
    membership: own,
    namespace,
    isBroker,
    broker: server === undefined ? undefined : Buffer.from(server, 'base64').toString(),
    crds: await findCRDs(kube, partOf({ isBroker }), signal),
  }
}

/** Nothing but what stays while others use it. */
export const isClean = ({ membership: own, namespace, crds }: MemberSurvey): boolean =>
  own === undefined && namespace === undefined && judgeCRDs(crds).go.length === 0

/** What --dry-run shows, in the order in which it goes. */
export const memberObjects = ({ membership: own, crds }: MemberSurvey): readonly KubeObject[] => [
  ...(own === undefined ? [] : [identityOf(own)]),
  ...manifests().map(identityOf),
  ...judgeCRDs(crds).go.map(identityOf),
]

/** Users of an account before the account, objects before their namespace. */
const manifests = (): readonly KubeObject[] => operatorManifests({ image: '' }).toReversed()

/** Repeatable. The namespace takes what is in it along. */
export async function removeOperator({ kube }: Cluster, say: Say, signal: AbortSignal): Promise<void> {
  const outside = manifests().filter(({ kind, metadata }) => kind !== 'Namespace' && metadata.namespace !== systemNamespace)
  await deleteObjects(kube, outside, say, signal)
  // First, as a namespace that sees pods in it waits out their grace, which they do not need.
  await stopOperator(kube, signal)
  await removeObject(kube, namespaces, { name: systemNamespace }, say, signal)
}

/** Takes the gateway label off the nodes that `join` put it on, and what `gateway drain` put beside it; resolves to those that still have it. */
export async function unlabelGateways({ kube }: Cluster, signal: AbortSignal): Promise<readonly string[]> {
  const labelled = async () => (await kube.list(nodes, { labels: gatewayNodeLabel }, signal)).items
  for (const { metadata } of (await kube.list(nodes, { labels: gatewayDrainedLabel }, signal)).items)
    await kube.patch(
      nodes,
      { name: metadata.name },
      { metadata: { labels: { [gatewayDrainedLabel]: null } } },
      { fieldManager },
      signal,
    )
  for (const { metadata } of await labelled())
    // Applying without the label gives up what we own of it and nothing else.
    await kube.apply(nodes, bare(metadata.name), { fieldManager }, signal)
  const left = (await labelled()).map(({ metadata }) => metadata.name)
  return left.length === 0 ? [] : [`label ${gatewayNodeLabel} on node ${left.join(', node ')}, which was not set by tombolo join`]
}

const bare = (name: string): Pick<Node, 'apiVersion' | 'kind' | 'metadata'> => ({
  apiVersion: nodes.apiVersion,
  kind: nodes.kind,
  metadata: { name },
})

/** `keep`: whether a person wants all of them to stay. Resolves to those that stay, with the reason. */
export async function removeCRDs(
  { kube }: Cluster,
  of: Part,
  keep: boolean,
  say: Say,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (keep) return keptCRDs(kube, of, signal)
  const { go, stay } = judgeCRDs(await findCRDs(kube, of, signal))
  await Promise.all(go.map((crd) => removeObject(kube, customResourceDefinitions, keyOf(crd), say, signal)))
  return stay
}

export const partOf = ({ isBroker }: Pick<MemberSurvey, 'isBroker'>): Part => ({ leaving: 'member', other: isBroker })

/** A person's ServiceExports stay, and nobody is left to keep what they say of themselves true. */
export async function forgetExports({ kube }: Cluster, signal: AbortSignal): Promise<void> {
  const exports: readonly ServiceExport[] = await listIfKnown(kube, serviceExport, {}, signal)
  for (const object of exports)
    if ((object.status?.conditions ?? []).length > 0)
      await kube.patch(
        serviceExport,
        keyOf(object),
        { status: { conditions: [] } },
        { fieldManager, subresource: 'status' },
        signal,
      )
}

/** So long may CoreDNS take to be rolled back. */
const rollMs = 20_000

/**
 * CoreDNS' history of being wired: ReplicaSets without pods, with our annotation. One that still has pods is what answers in the cluster;
 * it stays. Resolves to those that do.
 */
export async function forgetRollouts({ kube }: Cluster, signal: AbortSignal): Promise<readonly string[]> {
  const end = performance.now() + rollMs
  for (;;) {
    const { items } = await kube.list(replicaSets, { namespace: coreDNSKey.namespace }, signal)
    const wired = items.filter(({ spec }) => spec?.template?.metadata?.annotations?.[wiredAnnotation] !== undefined)
    const busy = wired.filter(hasPods)
    for (const one of wired.filter((it) => !hasPods(it))) await kube.delete(replicaSets, keyOf(one), {}, signal)
    if (busy.length === 0) return []
    if (performance.now() > end)
      return busy.map(({ metadata: { name, namespace } }) => `ReplicaSet ${namespace ?? ''}/${name}, which still has pods`)
    await pause(500, signal)
    signal.throwIfAborted()
  }
}

const hasPods = ({ spec, status }: ReplicaSet): boolean => (spec?.replicas ?? 1) > 0 || (status?.replicas ?? 0) > 0
