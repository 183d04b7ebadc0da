// What this cluster offers the others under one name: from a ServiceExport, its Service and the Service's endpoints to one
// ExportedService and a few ExportedEndpoints (KEP-1645 "Exporting services"). Pure; also what our own imports are made from,
// so that they do not depend on the broker.
import type { Allocation } from '#crds/allocation.ts'
import type { ExportedEndpoints } from '#crds/exported-endpoints.ts'
import { exportedEndpoints, maxEndpointsPerObject } from '#crds/exported-endpoints.ts'
import type { ExportedService } from '#crds/exported-service.ts'
import { exportedService } from '#crds/exported-service.ts'
import { grantCommand } from '#crds/export-grant.ts'
import { exportToOf } from '#crds/export-to.ts'
import { clusterIDLabel, clustersetZone, hashedName, managedBy, mcsServiceNameLabel, memberNamespace } from '#crds/places.ts'
import type { NotExported } from '#crds/rules/export-name.ts'
import { whyNotExported } from '#crds/rules/export-name.ts'
import type { ServiceExport } from '#crds/service-export.ts'
import type { EndpointSlice, Service } from '#lib/kube/kinds.ts'
import type { ClusterID } from '#lib/net/cluster-id.ts'
import type { IPFamily } from '#lib/net/ip.ts'
import { parseIP } from '#lib/net/ip.ts'
import type { Invalid } from '#lib/std/result.ts'
import { explain } from '#lib/std/result.ts'
import type { ServiceKey } from './names.ts'
import type { Group } from './export-endpoints.ts'
import { endpointsOf, portOf } from './export-endpoints.ts'
import { exportedServiceContent, importedName, isGoing } from './names.ts'
import { pack } from './pack.ts'

/** Upstream's schema lets the spec be absent. */
type AskedExport = Pick<ServiceExport, 'metadata'> & Partial<Pick<ServiceExport, 'spec'>>

/** What one ServiceExport is about. */
export type Exporting = {
  readonly self: ClusterID
  readonly key: ServiceKey
  readonly export: AskedExport | undefined
  readonly service: Service | undefined
  /** The Service's own EndpointSlices. */
  readonly slices: readonly EndpointSlice[]
  /** What this cluster was admitted with; undefined while that is not known. */
  readonly allocation: Allocation | undefined
  /** Whether the broker has an object of ours of that name: which endpoints lie in which depends on it (pack.ts). */
  readonly isPublished: (name: string) => boolean
}

export type Offer =
  /** Nobody asked for an export. */
  | { readonly kind: 'none' }
  /** A person must act. */
  | {
      readonly kind: 'refused'
      readonly reason: 'NoService' | 'InvalidServiceType' | 'NotGranted' | 'InvalidExport'
      readonly message: string
    }
  | { readonly kind: 'waiting'; readonly message: string }
  | {
      readonly kind: 'offered'
      readonly service: ExportedService
      readonly endpoints: readonly ExportedEndpoints[]
      /** What is left out of it, for people. */
      readonly remarks: readonly string[]
    }

export function offerOf(now: Exporting): Offer {
  const { key, self, service, allocation } = now
  const name = `${key.namespace}/${key.name}`
  if (now.export === undefined || isGoing(now.export)) return { kind: 'none' }
  if (service === undefined || isGoing(service))
    return {
      kind: 'refused',
      reason: 'NoService',
      message: `there is no Service ${name}: create it, or delete this ServiceExport`,
    }
  if (service.spec?.type === 'ExternalName')
    return {
      kind: 'refused',
      reason: 'InvalidServiceType',
      message: `Service ${name} is of type ExternalName, which has no endpoints to export: export a Service of another type`,
    }
  if (importedName(service) !== undefined)
    return {
      kind: 'refused',
      reason: 'InvalidServiceType',
      message: `Service ${name} is itself made from an import: export the Service in the cluster it comes from`,
    }
  if (allocation === undefined)
    return { kind: 'waiting', message: 'the broker has not said yet which addresses this cluster was admitted with' }
  const why = whyNotExported(allocation.spec.exports, key)
  if (why !== undefined) return { kind: 'refused', reason: 'NotGranted', message: askFor(why, self, key) }
  const exportTo = exportToOf(now.export)
  if (!exportTo.ok) return invalidExport(exportTo.error)
  const exported = serviceOf(self, key, now.export, service, exportTo.value)
  const parsed = exportedService.parse(exported)
  if (!parsed.ok) return invalidExport(parsed.error)
  const endpoints = endpointsOf(now.slices, allocation, (host) =>
    [host, self, key.name, key.namespace, 'svc', clustersetZone].join('.'),
  )
  return {
    kind: 'offered',
    service: exported,
    endpoints: endpoints.admitted.flatMap((group) => packed(now, group)),
    remarks: endpoints.remarks,
  }
}

const invalidExport = (error: Invalid): Offer => ({
  kind: 'refused',
  reason: 'InvalidExport',
  message: `it cannot be exported as it is: ${explain(error)}`,
})

const refusals: Readonly<Record<NotExported, string>> = {
  'granted to others': 'the fleet lets other clusters export it, and not this one',
  guarded:
    'what is in a namespace that every cluster has for itself, or that is called like a domain of the internet, is exported only by clusters that a grant names',
  'not granted': 'the fleet lets clusters export only what a grant names',
}

const askFor = (why: NotExported, self: ClusterID, key: ServiceKey): string =>
  `${key.namespace}/${key.name} is not exported: ${refusals[why]}; whoever administers the broker can grant it: ${grantCommand(self, key)} (docs/guide/trust.md)`

function serviceOf(
  self: ClusterID,
  key: ServiceKey,
  from: AskedExport,
  { spec = {} }: Service,
  exportTo: readonly ClusterID[] | undefined,
): ExportedService {
  const type = spec.clusterIP === 'None' ? 'Headless' : 'ClusterSetIP'
  const { exportedLabels: labels = {}, exportedAnnotations: annotations = {} } = from.spec ?? {}
  const timeout = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds
  return {
    apiVersion: exportedService.apiVersion,
    kind: exportedService.kind,
    metadata: { name: exportedServiceContent(key), namespace: memberNamespace(self), labels: labelsOf(self, key) },
    spec: {
      clusterID: self,
      namespace: key.namespace,
      name: key.name,
      type,
      ports: (spec.ports ?? []).map(({ name, protocol, port, appProtocol }) => portOf({ name, protocol, port, appProtocol })),
      ipFamilies: familiesOf(spec),
      // KEP-1645: a headless service has no affinity.
      ...(type === 'ClusterSetIP' && spec.sessionAffinity === 'ClientIP'
        ? { sessionAffinity: 'ClientIP', ...(timeout === undefined ? {} : { sessionAffinityTimeoutSeconds: timeout }) }
        : {}),
      ...(spec.internalTrafficPolicy === 'Cluster' || spec.internalTrafficPolicy === 'Local'
        ? { internalTrafficPolicy: spec.internalTrafficPolicy }
        : {}),
      ...(spec.trafficDistribution === undefined ? {} : { trafficDistribution: spec.trafficDistribution }),
      ...(Object.keys(labels).length === 0 ? {} : { labels }),
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      ...(exportTo === undefined ? {} : { exportTo: [...exportTo] }),
      exportedAt: from.metadata.creationTimestamp ?? '',
    },
  }
}

type ServiceSpec = Exclude<Service['spec'], undefined>

function familiesOf({ ipFamilies = [], clusterIPs = [], clusterIP = '' }: ServiceSpec): IPFamily[] {
  const said = ipFamilies.filter((family): family is IPFamily => family === 'IPv4' || family === 'IPv6')
  if (said.length > 0) return said
  const seen = [...clusterIPs, clusterIP].flatMap((ip) => {
    const parsed = parseIP(ip)
    return parsed.ok ? [parsed.value.family] : []
  })
  return seen.length > 0 ? [...new Set(seen)] : ['IPv4']
}

function packed({ self, key, isPublished }: Exporting, { addressType, ports, endpoints }: Group): readonly ExportedEndpoints[] {
  const { namespace, name } = key
  const nameOf = (leaf: string) => hashedName(namespace, name, addressType, JSON.stringify(ports), leaf)
  const leaves = pack(
    endpoints,
    ({ address }) => address,
    maxEndpointsPerObject,
    (leaf) => isPublished(nameOf(leaf)),
  )
  return [...leaves].map(([leaf, some]) => ({
    apiVersion: exportedEndpoints.apiVersion,
    kind: exportedEndpoints.kind,
    metadata: {
      name: nameOf(leaf),
      namespace: memberNamespace(self),
      labels: labelsOf(self, key),
    },
    spec: { clusterID: self, namespace, name, addressType, ports: [...ports], endpoints: [...some] },
  }))
}

const labelsOf = (self: ClusterID, { name }: ServiceKey): Record<string, string> => ({
  ...managedBy,
  [clusterIDLabel]: self,
  [mcsServiceNameLabel]: name,
})
