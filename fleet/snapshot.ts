// Everything that is read to say how a fleet is doing, from one cluster, as plain values. Nothing is judged here: model.ts does.
import type { Allocation } from '#crds/allocation.ts'
import { allocation } from '#crds/allocation.ts'
import type { ExportedEndpoints } from '#crds/exported-endpoints.ts'
import { exportedEndpoints } from '#crds/exported-endpoints.ts'
import type { ExportedService } from '#crds/exported-service.ts'
import { exportedService } from '#crds/exported-service.ts'
import type { Fleet } from '#crds/fleet.ts'
import { fleet } from '#crds/fleet.ts'
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { gatewayEndpoint } from '#crds/gateway-endpoint.ts'
import type { Member } from '#crds/member.ts'
import { member } from '#crds/member.ts'
import type { Membership } from '#crds/membership.ts'
import { membership } from '#crds/membership.ts'
import { brokerNamespace, fleetName, mcsServiceNameLabel, membershipName, systemNamespace } from '#crds/places.ts'
import type { ServiceExport } from '#crds/service-export.ts'
import { serviceExport } from '#crds/service-export.ts'
import type { ServiceImport } from '#crds/service-import.ts'
import { serviceImport } from '#crds/service-import.ts'
import type { Kube } from '#lib/kube/client.ts'
import { isNotFound } from '#lib/kube/errors.ts'
import type { EndpointSlice } from '#lib/kube/kinds.ts'
import { endpointSlices } from '#lib/kube/kinds.ts'
import type { Kind, KubeObject, Where } from '#lib/kube/object.ts'

/** What a member knows: itself, and the copies of every other member's objects. */
export type MemberView = {
  readonly membership: Membership
  /** Of the other members. */
  readonly allocations: readonly Allocation[]
  /** Of all members, its own among them. */
  readonly gateways: readonly GatewayEndpoint[]
  readonly exports: readonly ServiceExport[]
  readonly imports: readonly ServiceImport[]
  /** Of imported services, one source cluster a slice. */
  readonly slices: readonly EndpointSlice[]
}

/** What the broker knows. */
export type BrokerView = {
  readonly fleet: Fleet
  readonly members: readonly Member[]
  readonly gateways: readonly GatewayEndpoint[]
  readonly services: readonly ExportedService[]
  readonly endpoints: readonly ExportedEndpoints[]
}

/** A cluster is a member, a broker, both, or neither. */
export type Snapshot = { readonly member: MemberView | undefined; readonly broker: BrokerView | undefined }

type Reader = Pick<Kube, 'get' | 'list'>

export async function takeSnapshot(kube: Reader, signal: AbortSignal): Promise<Snapshot> {
  const [memberView, brokerView] = await Promise.all([readMember(kube, signal), readBroker(kube, signal)])
  return { member: memberView, broker: brokerView }
}

async function readMember(kube: Reader, signal: AbortSignal): Promise<MemberView | undefined> {
  const own = await kube.get(membership, { namespace: systemNamespace, name: membershipName }, signal)
  if (own === undefined) return undefined
  const inSystem = { namespace: systemNamespace }
  const [allocations, gateways, exports, imports, slices] = await Promise.all([
    all(kube, allocation, inSystem, signal),
    all(kube, gatewayEndpoint, inSystem, signal),
    all(kube, serviceExport, {}, signal),
    all(kube, serviceImport, {}, signal),
    all(kube, endpointSlices, { labels: mcsServiceNameLabel }, signal),
  ])
  // The MCS schema allows an import without a spec; there is nothing to say about one.
  return { membership: own, allocations, gateways, exports, imports: imports.filter((i) => 'spec' in i), slices }
}

async function readBroker(kube: Reader, signal: AbortSignal): Promise<BrokerView | undefined> {
  const own = await kube.get(fleet, { namespace: brokerNamespace, name: fleetName }, signal)
  if (own === undefined) return undefined
  const [members, gateways, services, endpoints] = await Promise.all([
    all(kube, member, { namespace: brokerNamespace }, signal),
    all(kube, gatewayEndpoint, {}, signal),
    all(kube, exportedService, {}, signal),
    all(kube, exportedEndpoints, {}, signal),
  ])
  // A cluster that is broker and member has its own copies too; here only what members published counts.
  const published = gateways.filter((g) => g.metadata.namespace !== systemNamespace)
  return { fleet: own, members, gateways: published, services, endpoints }
}

/** Empty when the cluster does not know the kind. */
async function all<T extends KubeObject>(kube: Reader, kind: Kind<T>, where: Where, signal: AbortSignal): Promise<readonly T[]> {
  try {
    return (await kube.list(kind, where, signal)).items
  } catch (error) {
    if (isNotFound(error)) return []
    throw error
  }
}
