// Everything that is read to say how a fleet is doing, from one cluster, as plain values. Nothing is judged here: rows/ does.
// What others wrote comes through the door of its kind: an object that is not what it says it is, is named and left out.
import { z } from 'zod'
import type { Allocation } from '#crds/allocation.ts'
import { allocation } from '#crds/allocation.ts'
import type { ExportedEndpoints } from '#crds/exported-endpoints.ts'
import { exportedEndpoints } from '#crds/exported-endpoints.ts'
import type { ExportedService } from '#crds/exported-service.ts'
import { exportedService } from '#crds/exported-service.ts'
import type { ExportGrant } from '#crds/export-grant.ts'
import { exportGrant } from '#crds/export-grant.ts'
import type { Fleet } from '#crds/fleet.ts'
import { fleet } from '#crds/fleet.ts'
import type { GatewayCertificate } from '#crds/gateway-certificate.ts'
import { gatewayCertificate } from '#crds/gateway-certificate.ts'
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { gatewayEndpoint } from '#crds/gateway-endpoint.ts'
import type { JoinRequest } from '#crds/join-request.ts'
import { joinRequest } from '#crds/join-request.ts'
import type { Member } from '#crds/member.ts'
import { member } from '#crds/member.ts'
import type { Membership } from '#crds/membership.ts'
import { membership } from '#crds/membership.ts'
import {
  brokerNamespace,
  brokerSecretName,
  fleetName,
  heartbeatName,
  mcsServiceNameLabel,
  mcsSourceClusterLabel,
  managedBy,
  managedByLabel,
  membershipName,
  memberNamespace,
  systemNamespace,
} from '#crds/places.ts'
import type { ServiceExport } from '#crds/service-export.ts'
import { serviceExport } from '#crds/service-export.ts'
import type { ServiceImport } from '#crds/service-import.ts'
import { serviceImport } from '#crds/service-import.ts'
import type { ServiceTrafficPolicy } from '#crds/service-traffic-policy.ts'
import { serviceTrafficPolicy } from '#crds/service-traffic-policy.ts'
import {
  endpointSlices,
  leases,
  secrets,
  services,
  validatingAdmissionPolicies,
  validatingAdmissionPolicyBindings,
} from '#lib/kube/kinds.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import { lifeOf } from '#operator/joining/credentials.ts'
import type { Door, Ignored, Reader, Unread } from './facts/door.ts'
import { openDoor } from './facts/door.ts'
import type { Exported } from './facts/exported.ts'
import { readExported } from './facts/exported.ts'
import type { Platform } from './facts/platform.ts'
import { addressesOf, readPlatform } from './facts/platform.ts'
import type { Probed } from './probes/probed.ts'
import { notProbed } from './probes/probed.ts'
import type { Running } from './facts/workloads.ts'
import { readRunning } from './facts/workloads.ts'

/** What a member knows: itself, and the copies of every other member's objects. */
export type MemberView = Running & {
  readonly membership: Membership
  /** Of all members, its own among them. */
  readonly allocations: readonly Allocation[]
  /** Of all members, its own among them. */
  readonly gateways: readonly GatewayEndpoint[]
  /** Of its own gateways. */
  readonly certificates: readonly GatewayCertificate[]
  /** Nodes on which a gateway runs now. What a gateway said of itself stays when it dies. */
  readonly running: readonly string[]
  readonly exports: readonly ServiceExport[]
  readonly imports: readonly ServiceImport[]
  readonly trafficPolicies: readonly ServiceTrafficPolicy[]
  /** Of imported services. */
  readonly slices: readonly Slice[]
  /** What stands behind the exports. */
  readonly exported: Exported
  /** Addresses of the Service that answers for clusterset.local; empty when there is none. */
  readonly dnsAddresses: readonly string[]
  /** Of the token for the broker; of the token itself nothing is kept. */
  readonly token: TokenLife | undefined
}

/** What the broker knows: of each member's objects only those in that member's own namespace. */
export type BrokerView = Running & {
  readonly fleet: Fleet
  /** Those that asked to be let in, answered or not. */
  readonly requests: readonly JoinRequest[]
  readonly members: readonly Member[]
  readonly exportGrants: readonly ExportGrant[]
  readonly heartbeats: readonly Heartbeat[]
  readonly gateways: readonly GatewayEndpoint[]
  readonly certificates: readonly GatewayCertificate[]
  readonly services: readonly ExportedService[]
  readonly endpoints: readonly ExportedEndpoints[]
  /** Of each member, as written into its namespace. */
  readonly allocations: readonly Allocation[]
  /** ValidatingAdmissionPolicies and their bindings, those of ours. */
  readonly admission: readonly KubeObject[]
}

/** How many endpoints one EndpointSlice of an imported service has. */
export type Slice = {
  readonly namespace: string
  readonly service: string
  readonly cluster: string
  readonly addressType: string
  readonly endpoints: number
  readonly ready: number
}

/** When a member was last heard by the broker, and how long it may be silent. */
export type Heartbeat = { readonly namespace: string; readonly heardAt: Date; readonly goodForSeconds: number }

export type TokenLife = { readonly renewAt: Date; readonly expiresAt: Date }

/** A cluster is a member, a broker, both, or neither. */
export type Snapshot = {
  readonly member: MemberView | undefined
  readonly broker: BrokerView | undefined
  /** The Kubernetes cluster itself. */
  readonly platform: Platform
  readonly ignored: readonly Ignored[]
  readonly unread: readonly Unread[]
  /** Kinds of ours that the apiserver should know and does not. */
  readonly unserved: readonly string[]
  readonly probed: Probed
  readonly takenAt: Date
}

/** Reads all at once. What is the cluster's own, and not Tombolo's, is left out where it may not be read (`unread`). */
export async function takeSnapshot(kube: Reader, signal: AbortSignal): Promise<Snapshot> {
  const door = openDoor(kube, signal)
  const takenAt = new Date()
  const [memberView, brokerView, platform] = await Promise.all([readMember(door), readBroker(door), readPlatform(door)])
  const { ignored, unread, unserved } = door
  return { member: memberView, broker: brokerView, platform, ignored, unread, unserved, probed: notProbed, takenAt }
}

async function readMember(door: Door): Promise<MemberView | undefined> {
  const own = await door.one(membership, { namespace: systemNamespace, name: membershipName })
  if (own === undefined) return undefined
  const inSystem = { namespace: systemNamespace }
  const [allocations, gateways, certificates, running, exports, imports, trafficPolicies, slices, dnsAddresses, token] =
    await Promise.all([
      door.all(allocation, inSystem),
      door.all(gatewayEndpoint, inSystem),
      door.all(gatewayCertificate, inSystem),
      readRunning(door, systemNamespace),
      door.all(serviceExport, {}).then(async (found) => ({ found, exported: await readExported(door, found) })),
      door.all(serviceImport, {}),
      door.all(serviceTrafficPolicy, {}),
      door.any(endpointSlices, { labels: mcsServiceNameLabel }, parseSlice),
      door.get(services, { ...inSystem, name: 'tombolo-dns' }, addressesOf),
      door.ifAllowed(
        'the age of the token for the broker',
        undefined,
        door.get(secrets, { ...inSystem, name: brokerSecretName }, parseToken),
      ),
    ])
  return {
    membership: own,
    allocations,
    gateways,
    certificates,
    ...running,
    running: running.pods.flatMap(({ component, ready, node }) => (component === 'gateway' && ready ? (node ?? []) : [])),
    exports: exports.found,
    // The MCS schema allows an import without a spec; there is nothing to say about one.
    imports: imports.filter((i) => 'spec' in i),
    trafficPolicies,
    slices,
    exported: exports.exported,
    dnsAddresses: dnsAddresses ?? [],
    token,
  }
}

async function readBroker(door: Door): Promise<BrokerView | undefined> {
  const own = await door.one(fleet, { namespace: brokerNamespace, name: fleetName })
  if (own === undefined) return undefined
  const ours = { labels: `${managedByLabel}=${managedBy[managedByLabel]}` }
  const whole = (object: KubeObject) => object
  const [
    running,
    requests,
    members,
    exportGrants,
    heartbeats,
    gateways,
    certificates,
    published,
    endpoints,
    allocations,
    policies,
    bindings,
  ] = await Promise.all([
    readRunning(door, brokerNamespace),
    door.all(joinRequest, {}),
    door.all(member, { namespace: brokerNamespace }),
    door.all(exportGrant, { namespace: brokerNamespace }),
    door.any(leases, { fields: `metadata.name=${heartbeatName}` }, parseHeartbeat),
    door.all(gatewayEndpoint, {}),
    door.all(gatewayCertificate, {}),
    door.all(exportedService, {}),
    door.all(exportedEndpoints, {}),
    door.all(allocation, {}),
    door.ifAllowed('ValidatingAdmissionPolicies', [], door.any(validatingAdmissionPolicies, ours, whole)),
    door.ifAllowed('ValidatingAdmissionPolicyBindings', [], door.any(validatingAdmissionPolicyBindings, ours, whole)),
  ])
  return {
    ...running,
    fleet: own,
    requests,
    members,
    exportGrants,
    heartbeats,
    gateways: gateways.filter(isAtHome),
    certificates: certificates.filter(isAtHome),
    services: published.filter(isAtHome),
    endpoints: endpoints.filter(isAtHome),
    allocations: allocations.filter(isAtHome),
    admission: [...policies, ...bindings],
  }
}

/** A cluster that is broker and member has copies of others' objects too; here only what members published counts. */
const isAtHome = ({ metadata, spec }: KubeObject & { readonly spec: { readonly clusterID: string } }): boolean =>
  metadata.namespace === memberNamespace(spec.clusterID)

// Go writes an empty list as null.
const sliceField = z.looseObject({
  addressType: z.string(),
  endpoints: z.array(z.looseObject({ conditions: z.looseObject({ ready: z.boolean().nullish() }).nullish() })).nullish(),
})

export function parseSlice(object: KubeObject): Slice | undefined {
  const { namespace, labels } = object.metadata
  const service = labels?.[mcsServiceNameLabel]
  const cluster = labels?.[mcsSourceClusterLabel]
  const parsed = sliceField.safeParse(object)
  if (!parsed.success || namespace === undefined || service === undefined || cluster === undefined) return undefined
  const endpoints = parsed.data.endpoints ?? []
  return {
    namespace,
    service,
    cluster,
    addressType: parsed.data.addressType,
    endpoints: endpoints.length,
    // Kubernetes: whose readiness is not known is taken for ready.
    ready: endpoints.filter((e) => e.conditions?.ready !== false).length,
  }
}

const leaseField = z.looseObject({ spec: z.looseObject({ renewTime: z.string(), leaseDurationSeconds: z.int().min(1) }) })

export function parseHeartbeat(object: KubeObject): Heartbeat | undefined {
  const parsed = leaseField.safeParse(object)
  const { namespace } = object.metadata
  if (!parsed.success || namespace === undefined) return undefined
  const heardAt = new Date(parsed.data.spec.renewTime)
  return Number.isNaN(heardAt.getTime())
    ? undefined
    : { namespace, heardAt, goodForSeconds: parsed.data.spec.leaseDurationSeconds }
}

/** Keeps the dates alone. */
function parseToken(object: KubeObject): TokenLife | undefined {
  const parsed = z.looseObject({ token: z.string() }).safeParse(object.data)
  return parsed.success ? lifeOf(Buffer.from(parsed.data.token, 'base64').toString('utf8').trim()) : undefined
}
