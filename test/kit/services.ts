// A small clusterset of services: builders that make a Service, an export or a constituent one line of a test.
// Cluster number n has the pod addresses 10.n.0.0/16 and the service addresses 10.10n.0.0/16.
import type { Allocation } from '#crds/allocation.ts'
import type { ExportedEndpoint, ExportedEndpoints } from '#crds/exported-endpoints.ts'
import { exportedEndpoints } from '#crds/exported-endpoints.ts'
import type { ExportedService } from '#crds/exported-service.ts'
import { exportedService } from '#crds/exported-service.ts'
import { memberNamespace, systemNamespace } from '#crds/places.ts'
import type { ServiceExport } from '#crds/service-export.ts'
import { serviceExport } from '#crds/service-export.ts'
import type { EndpointSlice, Namespace, Service } from '#lib/kube/kinds.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import type { ClusterID } from '#lib/net/cluster-id.ts'
import { exportedServiceContent } from '#operator/mcs/names.ts'

const numbers = { east: 1, west: 2, north: 3, south: 4 } as const
export type Cluster = keyof typeof numbers
export const idOf = (cluster: Cluster): ClusterID => cluster as string as ClusterID
export const podOf = (cluster: Cluster, n: number): string => `10.${numbers[cluster]}.${n >> 8}.${n & 255}`
export const serviceIP = (cluster: Cluster, n: number): string => `10.10${numbers[cluster]}.0.${n}`

/** The service that tests are about. */
export const web = { namespace: 'shop', name: 'web' } as const
export const http = { name: 'http', protocol: 'TCP', port: 80 } as const

export const namespace = (name: string): Namespace => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })

/** The copy in `tombolo-system`. */
export const allocationOf = (cluster: Cluster): Allocation => ({
  apiVersion: 'tombolo.dev/v1alpha1',
  kind: 'Allocation',
  metadata: { name: cluster, namespace: systemNamespace },
  spec: {
    clusterID: idOf(cluster),
    podCIDRs: [`10.${numbers[cluster]}.0.0/16`, `fd00:${numbers[cluster]}::/64`] as CIDR[],
    serviceCIDRs: [`10.10${numbers[cluster]}.0.0/16`] as CIDR[],
    state: 'Admitted',
    exports: { ungranted: 'Allow', granted: [], reserved: [] },
  },
})

export const exporting = (metadata: object = {}, spec: ServiceExport['spec'] = {}): ServiceExport => ({
  apiVersion: serviceExport.apiVersion,
  kind: serviceExport.kind,
  metadata: { ...web, generation: 1, ...metadata },
  spec,
})

export const service = (spec: Service['spec'] = {}): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { ...web },
  spec: { ports: [{ ...http, targetPort: 8080 }], ipFamilies: ['IPv4'], ...spec },
})

/** A slice as the endpoint slice controller makes them; `change` goes into each endpoint. */
export const sliceOf = (
  cluster: Cluster,
  pods: readonly number[],
  change: Partial<NonNullable<EndpointSlice['endpoints']>[number]> = {},
  rest: Partial<EndpointSlice> = {},
): EndpointSlice => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { namespace: web.namespace, name: 'web-abcde', labels: { 'kubernetes.io/service-name': web.name } },
  addressType: 'IPv4',
  ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
  endpoints: pods.map((n) => ({ addresses: [podOf(cluster, n)], conditions: { ready: true }, ...change })),
  ...rest,
})

type ServiceSpec = ExportedService['spec']

/** What a cluster exports, as the broker has it; the later in this file's list of clusters, the later it exported. */
export const constituent = (
  cluster: Cluster,
  spec: Partial<ServiceSpec> = {},
  creationTimestamp = '2030-01-01T00:00:00Z',
): ExportedService => ({
  apiVersion: exportedService.apiVersion,
  kind: exportedService.kind,
  metadata: { name: exportedServiceContent(web), namespace: memberNamespace(cluster), creationTimestamp },
  spec: {
    clusterID: idOf(cluster),
    ...web,
    type: 'ClusterSetIP',
    ports: [http],
    ipFamilies: ['IPv4'],
    exportedAt: `2030-01-01T00:00:0${numbers[cluster]}Z`,
    ...spec,
  },
})

export const endpoints = (
  cluster: Cluster,
  pods: readonly number[],
  change: Partial<ExportedEndpoint> = {},
  spec: Partial<ExportedEndpoints['spec']> = {},
): ExportedEndpoints => ({
  apiVersion: exportedEndpoints.apiVersion,
  kind: exportedEndpoints.kind,
  metadata: { name: 'endpoints', namespace: memberNamespace(cluster) },
  spec: {
    clusterID: idOf(cluster),
    ...web,
    addressType: 'IPv4',
    ports: [{ ...http, port: 8080 }],
    endpoints: pods.map((n) => ({ address: podOf(cluster, n), ready: true, ...change })),
    ...spec,
  },
})
