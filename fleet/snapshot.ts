// Everything that is read to say how a fleet is doing, from one cluster, as plain values. Nothing is judged here: model.ts does.
// What others wrote comes through the door of its kind: an object that is not what it says it is, is named and left out.
import { z } from 'zod'
import type { Allocation } from '#crds/allocation.ts'
import { allocation } from '#crds/allocation.ts'
import type { Definition } from '#crds/define.ts'
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
import {
  brokerNamespace,
  componentLabel,
  fleetName,
  heartbeatName,
  mcsServiceNameLabel,
  mcsSourceClusterLabel,
  membershipName,
  memberNamespace,
  systemNamespace,
} from '#crds/places.ts'
import type { ServiceExport } from '#crds/service-export.ts'
import { serviceExport } from '#crds/service-export.ts'
import type { ServiceImport } from '#crds/service-import.ts'
import { serviceImport } from '#crds/service-import.ts'
import type { Kube } from '#lib/kube/client.ts'
import { isNotFound } from '#lib/kube/errors.ts'
import { endpointSlices, leases, pods } from '#lib/kube/kinds.ts'
import type { Key, Kind, KubeObject, Where } from '#lib/kube/object.ts'
import { keyOf, keyText } from '#lib/kube/object.ts'
import { explain } from '#lib/std/result.ts'

/** What a member knows: itself, and the copies of every other member's objects. */
export type MemberView = {
  readonly membership: Membership
  /** Of all members, its own among them. */
  readonly allocations: readonly Allocation[]
  /** Of all members, its own among them. */
  readonly gateways: readonly GatewayEndpoint[]
  /** Nodes on which a gateway runs now. What a gateway said of itself stays when it dies. */
  readonly running: readonly string[]
  readonly exports: readonly ServiceExport[]
  readonly imports: readonly ServiceImport[]
  /** Of imported services. */
  readonly slices: readonly Slice[]
}

/** What the broker knows: of each member's objects only those in that member's own namespace. */
export type BrokerView = {
  readonly fleet: Fleet
  readonly members: readonly Member[]
  readonly heartbeats: readonly Heartbeat[]
  readonly gateways: readonly GatewayEndpoint[]
  readonly services: readonly ExportedService[]
  readonly endpoints: readonly ExportedEndpoints[]
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

/** An object that was left out: `Kind namespace/name`, and what is wrong with it. */
export type Ignored = { readonly object: string; readonly why: string }

/** A cluster is a member, a broker, both, or neither. */
export type Snapshot = {
  readonly member: MemberView | undefined
  readonly broker: BrokerView | undefined
  readonly ignored: readonly Ignored[]
  readonly takenAt: Date
}

type Reader = Pick<Kube, 'get' | 'list'>

export async function takeSnapshot(kube: Reader, signal: AbortSignal): Promise<Snapshot> {
  const door = openDoor(kube, signal)
  const [memberView, brokerView] = await Promise.all([readMember(door), readBroker(door)])
  return { member: memberView, broker: brokerView, ignored: door.ignored, takenAt: new Date() }
}

async function readMember(door: Door): Promise<MemberView | undefined> {
  const own = await door.one(membership, { namespace: systemNamespace, name: membershipName })
  if (own === undefined) return undefined
  const inSystem = { namespace: systemNamespace }
  const [allocations, gateways, running, exports, imports, slices] = await Promise.all([
    door.all(allocation, inSystem),
    door.all(gatewayEndpoint, inSystem),
    door.any(pods, { ...inSystem, labels: `${componentLabel}=gateway` }, parseGatewayPod),
    door.all(serviceExport, {}),
    door.all(serviceImport, {}),
    door.any(endpointSlices, { labels: mcsServiceNameLabel }, parseSlice),
  ])
  // The MCS schema allows an import without a spec; there is nothing to say about one.
  return { membership: own, allocations, gateways, running, exports, imports: imports.filter((i) => 'spec' in i), slices }
}

async function readBroker(door: Door): Promise<BrokerView | undefined> {
  const own = await door.one(fleet, { namespace: brokerNamespace, name: fleetName })
  if (own === undefined) return undefined
  const [members, heartbeats, gateways, services, endpoints] = await Promise.all([
    door.all(member, { namespace: brokerNamespace }),
    door.any(leases, { fields: `metadata.name=${heartbeatName}` }, parseHeartbeat),
    door.all(gatewayEndpoint, {}),
    door.all(exportedService, {}),
    door.all(exportedEndpoints, {}),
  ])
  return {
    fleet: own,
    members,
    heartbeats,
    gateways: gateways.filter(isAtHome),
    services: services.filter(isAtHome),
    endpoints: endpoints.filter(isAtHome),
  }
}

/** A cluster that is broker and member has copies of others' objects too; here only what members published counts. */
const isAtHome = ({ metadata, spec }: KubeObject & { readonly spec: { readonly clusterID: string } }): boolean =>
  metadata.namespace === memberNamespace(spec.clusterID)

interface Door {
  /** Grows while objects are read. */
  readonly ignored: readonly Ignored[]
  one<T extends KubeObject>(kind: Definition<T>, key: Key): Promise<T | undefined>
  all<T extends KubeObject>(kind: Definition<T>, where: Where): Promise<readonly T[]>
  /** For kinds that are not ours: `parse` says undefined for what it cannot use. */
  any<T>(kind: Kind, where: Where, parse: (object: KubeObject) => T | undefined): Promise<readonly T[]>
}

function openDoor(kube: Reader, signal: AbortSignal): Door {
  const ignored: Ignored[] = []
  const parsed = <T extends KubeObject>(kind: Definition<T>, object: KubeObject): readonly T[] => {
    const result = kind.parse(object)
    if (result.ok) return [result.value]
    ignored.push({ object: `${kind.kind} ${keyText(keyOf(object))}`, why: explain(result.error) })
    return []
  }
  /** Empty when the cluster does not know the kind. */
  async function list(kind: Kind, where: Where): Promise<readonly KubeObject[]> {
    try {
      return (await kube.list(kind, where, signal)).items
    } catch (error) {
      if (isNotFound(error)) return []
      throw error
    }
  }
  return {
    ignored,
    one: async (kind, key) => {
      const object: KubeObject | undefined = await kube.get(kind, key, signal)
      return object === undefined ? undefined : parsed(kind, object)[0]
    },
    all: async (kind, where) => (await list(kind, where)).flatMap((object) => parsed(kind, object)),
    any: async (kind, where, parse) => (await list(kind, where)).flatMap((object) => parse(object) ?? []),
  }
}

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

const podField = z.looseObject({
  spec: z.looseObject({ nodeName: z.string() }),
  status: z.looseObject({ conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })).nullish() }),
})

/** The node of a pod that is ready. */
export function parseGatewayPod(object: KubeObject): string | undefined {
  const parsed = podField.safeParse(object)
  if (!parsed.success) return undefined
  const ready = parsed.data.status.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false
  return ready ? parsed.data.spec.nodeName : undefined
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
