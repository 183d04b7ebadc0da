// What must be true of a cluster before it may join, read from it and judged here: nothing is written before all of it holds.
import type { Membership } from '#crds/membership.ts'
import { membership } from '#crds/membership.ts'
import { brokerSecretName, gatewayNodeLabel, membershipName, systemNamespace } from '#crds/places.ts'
import type { Grant } from '#lib/identity/grant.ts'
import type { Namespace, Node, Secret } from '#lib/kube/kinds.ts'
import { namespaces, nodes, secrets } from '#lib/kube/kinds.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import type { ClusterID } from '#lib/net/cluster-id.ts'
import type { Broker } from '#operator/joining/credentials.ts'
import { readCredentials } from '#operator/joining/credentials.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Evidence } from '../detect/cidrs.ts'
import { podCIDRsOf, serviceCIDRsOf } from '../detect/cidrs.ts'
import { gatherEvidence } from '../detect/gather.ts'
import { failed, refused } from '../problem.ts'

export type MemberFacts = {
  /** UID of the namespace kube-system: the identity of a cluster as far as Kubernetes has one. */
  readonly uid: string
  readonly nodes: readonly Node[]
  readonly membership: Membership | undefined
  readonly brokerSecret: Secret | undefined
  /** That of Tombolo, if it is there. */
  readonly namespace: Namespace | undefined
  readonly evidence: Evidence
}

export type Addresses = {
  readonly podCIDRs: readonly CIDR[]
  readonly serviceCIDRs: readonly CIDR[]
  /** Where each was found, and what to be careful about. */
  readonly notes: readonly string[]
  readonly cautions: readonly string[]
}

export async function readMember({ kube, context }: Cluster, signal: AbortSignal): Promise<MemberFacts> {
  const inSystem = (name: string) => ({ namespace: systemNamespace, name })
  const uid = await clusterUID({ kube, context }, signal)
  const [nodeList, own, secret, namespace] = await Promise.all([
    kube.list(nodes, {}, signal),
    kube.get(membership, inSystem(membershipName), signal),
    kube.get(secrets, inSystem(brokerSecretName), signal),
    kube.get(namespaces, { name: systemNamespace }, signal),
  ])
  const evidence = await gatherEvidence(kube, nodeList.items, signal)
  return { uid, nodes: nodeList.items, membership: own, brokerSecret: secret, namespace, evidence }
}

export async function clusterUID({ kube, context }: Pick<Cluster, 'kube' | 'context'>, signal: AbortSignal): Promise<string> {
  const uid = (await kube.get(namespaces, { name: 'kube-system' }, signal))?.metadata.uid
  if (uid === undefined)
    throw failed(
      `The cluster of context "${context}" has no namespace kube-system.`,
      'Tombolo tells clusters apart by it; choose a context of a whole cluster.',
    )
  return uid
}

/** How the cluster gets to its broker, and as whom: by the grant, or as the member that it is. */
export type WayIn = Broker & {
  readonly clusterID: ClusterID
  readonly token: string
  /** The grant's; a member has none. */
  readonly expiresAt?: Date
}

/** Throws when the cluster is a member already, under another id or of another broker. Joining again as what it is goes on. */
export function wayIn(facts: MemberFacts, grant: Grant | undefined, context: string): WayIn {
  if (facts.membership?.metadata.deletionTimestamp !== undefined)
    throw refused(
      `The cluster of context "${context}" is still leaving a fleet.`,
      `Finish that first: tombolo uninstall --context ${context}.`,
    )
  const current = facts.membership?.spec.clusterID
  const held = facts.brokerSecret === undefined ? undefined : readCredentials(facts.brokerSecret)
  if (grant === undefined) {
    if (current !== undefined && held?.ok === true) return { ...held.value, clusterID: current, token: held.value.renewalToken }
    throw refused(
      `The cluster of context "${context}" is no member yet: it needs a grant.`,
      'On the broker: tombolo grant create CLUSTER_ID; then give it with --grant or --grant-file.',
    )
  }
  const remedy = `Check --context; to move the cluster, let it leave first: tombolo uninstall --context ${context}.`
  if (current !== undefined && current !== grant.clusterID)
    throw refused(`The cluster of context "${context}" is a member already, under the id "${current}".`, remedy)
  // A broker is its certificate authority; it may be reached by another address.
  if (held?.ok === true && held.value.ca.trim() !== grant.ca.trim())
    throw refused(`The cluster of context "${context}" is a member of another broker already.`, remedy)
  return grant
}

/** The node to label first, or undefined when there is a gateway node already. Throws when there is none and none was named. */
export function gatewayNodeToLabel(facts: MemberFacts, named: string | undefined, context: string): string | undefined {
  const gateways = facts.nodes.filter((n) => n.metadata.labels?.[gatewayNodeLabel] === 'true')
  if (named === undefined) {
    if (gateways.length > 0) return undefined
    const name = facts.nodes[0]?.metadata.name ?? 'NODE'
    throw refused(
      `No node of context "${context}" is labelled as a gateway (${gatewayNodeLabel}=true).`,
      `Name one that other clusters can reach by UDP: --gateway-node ${name}; or kubectl --context ${context} label node ${name} ${gatewayNodeLabel}=true.`,
    )
  }
  if (!facts.nodes.some((n) => n.metadata.name === named))
    throw refused(
      `Context "${context}" has no node "${named}".`,
      `Its nodes are ${facts.nodes.map((n) => n.metadata.name).join(', ')}.`,
    )
  return gateways.some((n) => n.metadata.name === named) ? undefined : named
}

/** What was given wins, then what the cluster joined with before, then what is found. Throws when there is none. */
export function addressesOf(
  { evidence, membership: own }: Pick<MemberFacts, 'evidence' | 'membership'>,
  given: { readonly podCidr?: readonly CIDR[]; readonly serviceCidr?: readonly CIDR[] },
): Addresses {
  const said = (cidrs: readonly CIDR[] | undefined, from: string) =>
    cidrs === undefined ? undefined : { cidrs, from, caution: undefined }
  const before = 'its membership'
  const podsFound = said(given.podCidr, '--pod-cidr') ?? said(own?.spec.podCIDRs, before) ?? podCIDRsOf(evidence)
  const servicesFound =
    said(given.serviceCidr, '--service-cidr') ?? said(own?.spec.serviceCIDRs, before) ?? serviceCIDRsOf(evidence)
  if (podsFound === undefined)
    throw refused('The pod CIDR of the cluster cannot be told from what is in it.', 'Give it: --pod-cidr 10.1.0.0/16.')
  if (servicesFound === undefined)
    throw refused('The service CIDR of the cluster cannot be told from what is in it.', 'Give it: --service-cidr 10.96.0.0/16.')
  return {
    podCIDRs: podsFound.cidrs,
    serviceCIDRs: servicesFound.cidrs,
    notes: [
      `pod CIDR ${podsFound.cidrs.join(', ')} (from ${podsFound.from})`,
      `service CIDR ${servicesFound.cidrs.join(', ')} (from ${servicesFound.from})`,
    ],
    cautions: [podsFound.caution, servicesFound.caution].filter((text) => text !== undefined),
  }
}
