// Where things live and how they are marked: namespaces, labels and names that several rooms must agree on.
import { createHash } from 'node:crypto'

export const brokerNamespace = 'tombolo-broker'
/** The broker controller: its account and whatever else is called after it. */
export const controllerName = 'tombolo-broker-controller'
/** Where one cluster asks to be let in: nobody else's requests are there to be read. */
export const joinNamespace = (clusterID: string): string => `tombolo-j-${clusterID}`
/** The account that may ask there, and may do nothing else. */
export const joinerAccount = 'joiner'
/** The account of a member, in its namespace. */
export const memberAccount = 'member'
export const memberNamespace = (clusterID: string): string => `${memberPrefix}${clusterID}`
const memberPrefix = 'tombolo-m-'
/** Whose namespace of the broker it is: a cluster id; undefined for one that belongs to no member. */
export const memberOf = (namespace: string | undefined): string | undefined =>
  namespace?.startsWith(memberPrefix) === true ? namespace.slice(memberPrefix.length) : undefined
/** Bound to the account of a member: everywhere, in its own namespace, and in that of the broker. */
export const memberReadRole = 'tombolo-member-read'
export const memberWriteRole = 'tombolo-member-write'
export const memberFleetRole = 'tombolo-member-fleet'
/** Bound in one joining namespace: to ask, to read the answer, to take the question back. */
export const joinerRole = 'tombolo-joiner'
/** Everything of ours in a member cluster. */
export const systemNamespace = 'tombolo-system'

export const managedByLabel = 'app.kubernetes.io/managed-by'
export const managedBy = { [managedByLabel]: 'tombolo' } as const
export const componentLabel = 'app.kubernetes.io/component'
export const clusterIDLabel = 'tombolo.dev/cluster-id'
export const gatewayNodeLabel = 'tombolo.dev/gateway'
/** What an object that is named by a number is about, in its own member's words: a hash. */
export const contentLabel = 'tombolo.dev/content'
/** On a gateway node that a person drained: `true` until it is undone. */
export const gatewayDrainedLabel = 'tombolo.dev/gateway-drained'
/** On the namespace of a member: the admission policies bind to it. */
export const memberLabel = 'tombolo.dev/member'
/** On the namespace where a cluster asks to be let in. */
export const joiningLabel = 'tombolo.dev/joining'

export const mcsServiceNameLabel = 'multicluster.kubernetes.io/service-name'
export const mcsSourceClusterLabel = 'multicluster.kubernetes.io/source-cluster'
export const derivedServiceAnnotation = 'multicluster.kubernetes.io/derived-service'
export const sliceManagedByLabel = 'endpointslice.kubernetes.io/managed-by'
/** Value of the label above: "not the endpoint slice controller's". */
export const sliceManager = 'tombolo.dev'

/** On the copy of what another cluster published: since when the broker has it. */
export const publishedAtAnnotation = 'tombolo.dev/published-at'

/** On the Membership: a person lets go what a list of the broker lacks (operator/door/removal.ts). */
export const acceptRemovalAnnotation = 'tombolo.dev/accept-removal'

/** On the Membership: a person asks for other keys of all pairs. Each new value asks once; what it is does not matter. */
export const rotateKeysAnnotation = 'tombolo.dev/rotate-keys'
/** On the GatewayEndpoint of an own gateway: a person asks for another WireGuard key of that node, likewise. */
export const rotateKeyAnnotation = 'tombolo.dev/rotate-key'
/** On the Secret with the keys of pairs: since when each is used, and for which request it was made. */
export const pairKeyNotesAnnotation = 'tombolo.dev/pair-key-notes'

/** On a ServiceImport that several clusters export: whose export decides (operator/mcs/merge.ts). */
export const decidedByAnnotation = 'tombolo.dev/decided-by'

export const clustersetZone = 'clusterset.local'
export const membershipName = 'membership'
export const brokerSecretName = 'tombolo-broker'
/** The keys that the cables to each other cluster use: made by the operator, read by the gateways. */
export const pairKeysSecretName = 'tombolo-pair-keys'
/** The CA of the fleet: readable by the broker controller alone. */
export const fleetCASecretName = 'tombolo-fleet-ca'
/** In `tombolo-broker`, and as a copy in every member. */
export const trustBundleName = 'fleet'
/** The private half of the member's identity. Made here; it goes nowhere. */
export const identitySecretName = 'tombolo-identity'
/** On `tombolo-system`: the fingerprint of that identity. To a broker in the same cluster it is proof of whose cluster it is. */
export const identityAnnotation = 'tombolo.dev/identity'
export const allocationName = 'allocation'
export const fleetName = 'fleet'
/** The Lease that a member renews on the broker, in its own namespace. */
export const heartbeatName = 'heartbeat'

/** An object name from an identity of several parts: lengths are part of the hash, so ("a", "bc") and ("ab", "c") differ. */
export function hashedName(...identity: readonly string[]): string {
  const hash = createHash('sha256')
  for (const part of identity) hash.update(`${Buffer.byteLength(part)}:${part}`)
  return hash.digest('hex').slice(0, 32)
}

/** The Service behind a ClusterSetIP import, named as the mcs-api reference controllers name it: others look for it by this name. */
export function derivedServiceName(namespace: string, name: string): string {
  const alphabet = '0123456789abcdefghijklmnopqrstuv'
  const digest = createHash('sha256').update(`${namespace}/${name}`).digest()
  const bits = digest.readBigUInt64BE()
  return `derived-${Array.from({ length: 10 }, (_, i) => alphabet[Number((bits >> BigInt(59 - 5 * i)) & 31n)]).join('')}`
}

/** One object per gateway node of a cluster. */
export const gatewayEndpointName = (clusterID: string, node: string): string =>
  `${clusterID}-${createHash('sha256').update(node).digest('hex').slice(0, 8)}`

/** What a gateway is called in its certificate, and by its peers in IKE. */
export const gatewayDNSName = (clusterID: string, node: string): string =>
  `${createHash('sha256').update(node).digest('hex').slice(0, 16)}.${clusterID}.gateway.tombolo.dev`
