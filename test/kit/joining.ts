// Builders for what joining is about: requests, grants, members with identities.
import { apiserverSlice } from '#broker/joins/own-addresses.ts'
import type { Fleet } from '#crds/fleet.ts'
import { fleet as fleetKind } from '#crds/fleet.ts'
import type { JoinGrant } from '#crds/join-grant.ts'
import { joinGrant } from '#crds/join-grant.ts'
import { signed } from '#crds/join-proof.ts'
import type { JoinRequest } from '#crds/join-request.ts'
import { joinRequest } from '#crds/join-request.ts'
import type { Member } from '#crds/member.ts'
import { member as memberKind } from '#crds/member.ts'
import { brokerNamespace, joinNamespace } from '#crds/places.ts'
import { GrantCode } from '#lib/identity/grant.ts'
import type { Identity } from '#lib/identity/identity.ts'
import { newIdentity, publicIdentity } from '#lib/identity/identity.ts'
import type { EndpointSlice } from '#lib/kube/kinds.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import type { ClusterID } from '#lib/net/cluster-id.ts'

export type Joiner = {
  readonly id: ClusterID
  readonly identity: Identity
  readonly code: GrantCode
}
/** A cluster that may join: its keys and the code that it was given. */
export const joiner = (id: string): Joiner => ({ id: id as ClusterID, identity: newIdentity(), code: GrantCode.generate() })

export type Spec = {
  readonly uid?: string
  readonly pods?: readonly string[]
  readonly services?: readonly string[]
  readonly intent?: 'Join' | 'Leave'
  readonly requestedAt?: string
  readonly version?: string
  readonly capabilities?: readonly string[]
}

export const askedOf = (id: string, { uid, pods, services, intent, requestedAt, version, capabilities }: Spec = {}) => ({
  intent: intent ?? ('Join' as const),
  clusterID: id as ClusterID,
  clusterUID: uid ?? `uid-${id}`,
  podCIDRs: [...(pods ?? ['10.1.0.0/16'])] as CIDR[],
  serviceCIDRs: [...(services ?? ['10.101.0.0/16'])] as CIDR[],
  version: version ?? '0.1.0',
  capabilities: [...(capabilities ?? ['cable/wireguard', 'ip/v4', 'ip/v6'])],
  requestedAt: requestedAt ?? '2026-01-01T00:00:00Z',
})

export const requestBy = (
  { id, identity, code }: Joiner,
  spec: Spec = {},
  metadata: Partial<JoinRequest['metadata']> = {},
  withGrant = true,
): JoinRequest => ({
  apiVersion: joinRequest.apiVersion,
  kind: joinRequest.kind,
  metadata: {
    name: id,
    namespace: joinNamespace(id),
    uid: `request-${id}`,
    generation: 1,
    creationTimestamp: '2026-01-01T00:00:00Z',
    ...metadata,
  },
  spec: signed(askedOf(id, spec), identity, withGrant ? code : undefined),
})

export const grantFor = (
  { id, code }: Joiner,
  spec: Partial<JoinGrant['spec']> = {},
  status?: JoinGrant['status'],
): JoinGrant => ({
  apiVersion: joinGrant.apiVersion,
  kind: joinGrant.kind,
  metadata: { name: id, namespace: brokerNamespace, generation: 1 },
  spec: { clusterID: id, verifier: code.proofKey(id).verifyKey, expiresAt: '2026-01-01T00:15:00Z', ...spec },
  ...(status === undefined ? {} : { status: { verifier: code.proofKey(id).verifyKey, ...status } }),
})

export const memberOf = (
  { id, identity }: Joiner,
  spec: Spec & { readonly state?: Member['spec']['state'] } = {},
  metadata: Partial<Member['metadata']> = {},
): Member => {
  const { clusterUID, podCIDRs, serviceCIDRs } = askedOf(id, spec)
  return {
    apiVersion: memberKind.apiVersion,
    kind: memberKind.kind,
    metadata: { name: id, namespace: brokerNamespace, uid: `member-${id}`, generation: 1, ...metadata },
    spec: {
      clusterID: id,
      clusterUID,
      podCIDRs,
      serviceCIDRs,
      identity: publicIdentity(identity),
      state: spec.state ?? 'Admitted',
    },
    status: {
      observedGeneration: 1,
      conditions: [{ type: 'Provisioned', status: 'True', reason: 'x', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' }],
    },
  }
}

/** What a broker's apiserver writes of itself; until it is there nobody new is let in. */
export const apiserverAt = (address: string): EndpointSlice => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: apiserverSlice,
  addressType: 'IPv4',
  endpoints: [{ addresses: [address] }],
})

const defaults = defaultsOf({ clusterset: 'default' })

function defaultsOf(spec: object): Fleet['spec'] {
  const parsed = fleetKind.parse({ apiVersion: fleetKind.apiVersion, kind: fleetKind.kind, metadata: { name: 'fleet' }, spec })
  if (!parsed.ok) throw new Error(parsed.error.want)
  return parsed.value.spec
}

export const fleetWith = (join: Partial<Fleet['spec']['join']> = {}, status?: Fleet['status']): Fleet => ({
  apiVersion: fleetKind.apiVersion,
  kind: fleetKind.kind,
  metadata: { name: 'fleet', namespace: brokerNamespace },
  spec: { ...defaults, join: { ...defaults.join, ...join } },
  ...(status === undefined ? {} : { status }),
})
