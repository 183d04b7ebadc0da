// What a broker consists of, and taking it away. Its controller goes first, and what it would have done is done here: a broker
// that is broken can be removed like any other.
import { brokerManifests } from '#broker/install/manifests.ts'
import type { Fleet } from '#crds/fleet.ts'
import { fleet } from '#crds/fleet.ts'
import type { Member } from '#crds/member.ts'
import { member } from '#crds/member.ts'
import { membership } from '#crds/membership.ts'
import {
  brokerNamespace,
  clusterIDLabel,
  controllerName,
  fleetName,
  joiningLabel,
  managedByLabel,
  memberLabel,
  membershipName,
  systemNamespace,
} from '#crds/places.ts'
import type { Namespace } from '#lib/kube/kinds.ts'
import { clusterRoleBindings, deployments, flowSchemas, namespaces, priorityLevelConfigurations } from '#lib/kube/kinds.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import { keyOf } from '#lib/kube/object.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { fieldManager } from '../cluster/cluster.ts'
import { deleteObjects, identityOf, listIfKnown, removeObject } from '../cluster/remove.ts'
import type { Say } from '../cluster/until.ts'
import { refused } from '../problem.ts'
import type { Found, Part } from './crds.ts'
import { findCRDs, judgeCRDs } from './crds.ts'

export type BrokerSurvey = {
  readonly fleet: Fleet | undefined
  readonly members: readonly Member[]
  readonly namespaces: readonly Namespace[]
  /** Whether the cluster is a member too. */
  readonly isMember: boolean
  readonly crds: readonly Found[]
}

export async function surveyBroker({ kube }: Cluster, signal: AbortSignal): Promise<BrokerSurvey> {
  const [theFleet, members, all, own] = await Promise.all([
    kube.get(fleet, { namespace: brokerNamespace, name: fleetName }, signal),
    listIfKnown(kube, member, { namespace: brokerNamespace }, signal),
    kube.list(namespaces, { labels: `${managedByLabel}=tombolo` }, signal),
    kube.get(membership, { namespace: systemNamespace, name: membershipName }, signal),
  ])
  const isMember = own !== undefined
  return {
    fleet: theFleet,
    members,
    namespaces: all.items.filter(isBrokers),
    isMember,
    crds: await findCRDs(kube, partOf({ isMember }), signal),
  }
}

const isBrokers = ({ metadata: { name, labels } }: Namespace): boolean => name === brokerNamespace || isOfMember(labels)

/** Its own namespace, or the one where it asked to be let in. */
const isOfMember = (labels: Readonly<Record<string, string>> | undefined): boolean =>
  labels?.[memberLabel] === 'true' || labels?.[joiningLabel] === 'true'

export const partOf = ({ isMember }: Pick<BrokerSurvey, 'isMember'>): Part => ({ leaving: 'broker', other: isMember })

export const isBrokerClean = ({ fleet: theFleet, namespaces: all, crds }: BrokerSurvey): boolean =>
  theFleet === undefined && all.length === 0 && judgeCRDs(crds).go.length === 0

/** Members would go on with what they know and could learn nothing new: that must be meant. */
export function checkNoMembers({ members }: Pick<BrokerSurvey, 'members'>, context: string, force: boolean): void {
  if (members.length === 0 || force) return
  const ids = members.map(({ metadata }) => metadata.name)
  throw refused(
    `The broker in context "${context}" still has ${ids.length === 1 ? 'a member' : `${ids.length} members`}: ${ids.join(', ')}.`,
    `Let each leave first: tombolo uninstall --context CLUSTER; or leave them behind with --force.`,
  )
}

/** What --dry-run shows, in the order in which it goes. */
export const brokerObjects = ({ members, namespaces: all, crds }: BrokerSurvey): readonly KubeObject[] => [
  ...members.map(identityOf),
  ...outside().map(identityOf),
  ...all.map(identityOf),
  ...judgeCRDs(crds).go.map(identityOf),
]

/** What is in no namespace of the broker's own. */
const outside = (): readonly KubeObject[] =>
  brokerManifests({ image: '', clusterset: undefined })
    .toReversed()
    .filter(({ kind, metadata }) => kind !== 'Namespace' && metadata.namespace === undefined)

export async function stopController({ kube }: Cluster, say: Say, signal: AbortSignal): Promise<void> {
  await removeObject(kube, deployments, { namespace: brokerNamespace, name: controllerName }, say, signal)
}

/** Their accounts first, so that no token works while the rest is being removed. */
export async function dropMembers({ kube }: Cluster, survey: BrokerSurvey, say: Say, signal: AbortSignal): Promise<void> {
  const ofMembers = { labels: `${clusterIDLabel},${managedByLabel}=tombolo` }
  await deleteObjects(kube, (await kube.list(clusterRoleBindings, ofMembers, signal)).items, say, signal)
  for (const { metadata } of survey.namespaces.filter(({ metadata: m }) => isOfMember(m.labels)))
    await removeObject(kube, namespaces, { name: metadata.name }, say, signal)
  for (const kind of [flowSchemas, priorityLevelConfigurations])
    await deleteObjects(kube, (await kube.list<KubeObject>(kind, ofMembers, signal)).items, say, signal)
  for (const one of await listIfKnown(kube, member, { namespace: brokerNamespace }, signal)) {
    say(`Member ${one.metadata.name}`)
    // The controller, which would take its finalizer off, is gone.
    await kube.patch(member, keyOf(one), { metadata: { finalizers: null } }, { fieldManager }, signal)
    await kube.delete(member, keyOf(one), {}, signal)
  }
}

export async function dropBroker({ kube }: Cluster, say: Say, signal: AbortSignal): Promise<void> {
  await deleteObjects(kube, outside(), say, signal)
  await removeObject(kube, namespaces, { name: brokerNamespace }, say, signal)
}
