// EndpointSlices of an imported service: one set a source cluster, cut so that the change of one endpoint rewrites one slice.
import type { ExportedEndpoint, ExportedEndpoints } from '#crds/exported-endpoints.ts'
import type { ExportedService, ServicePort } from '#crds/exported-service.ts'
import {
  derivedServiceName,
  hashedName,
  managedBy,
  mcsServiceNameLabel,
  mcsSourceClusterLabel,
  sliceManagedByLabel,
  sliceManager,
} from '#crds/places.ts'
import type { EndpointSlice } from '#lib/kube/kinds.ts'
import type { OwnerReference } from '#lib/kube/object.ts'
import type { ServiceKey } from './names.ts'
import { contentOf, headlessLabel, serviceNameLabel } from './names.ts'
import { pack } from './pack.ts'

/** kube-proxy and the endpoint slice controller are tuned to slices of this size. */
export const maxEndpointsPerSlice = 100

/** The service as imported. */
export type Imported = {
  readonly key: ServiceKey
  readonly type: ExportedService['spec']['type']
  readonly ports: readonly ServicePort[]
  readonly trafficDistribution?: string | undefined
  readonly owner: OwnerReference
  /** Whether there is a slice of that name already: which endpoints lie in which depends on it (pack.ts). */
  readonly isThere: (name: string) => boolean
}

/** `nodes`: whether the endpoints' nodes are this cluster's own; those of others could carry the names of ours. */
export type SourceCluster = {
  readonly service: ExportedService
  readonly endpoints: readonly ExportedEndpoints[]
  readonly nodes: 'ours' | 'theirs'
}

export function slicesOf(imported: Imported, source: SourceCluster): readonly EndpointSlice[] {
  const served = imported.ports.filter((port) => source.service.spec.ports.some((other) => equal(port, other)))
  return source.endpoints.flatMap((object) => {
    const ports = targetsOf(imported, served, object)
    // With an address of its own, a service without a port serves nothing; a headless one is its endpoints' names.
    if (ports.length === 0 && imported.type === 'ClusterSetIP') return []
    const nameOf = (leaf: string) => sliceName(imported.key, object, leaf)
    const leaves = pack(
      object.spec.endpoints,
      ({ address }) => address,
      maxEndpointsPerSlice,
      (leaf) => imported.isThere(nameOf(leaf)),
    )
    return [...leaves].map(([leaf, some]) => sliceOf(imported, source, object, nameOf(leaf), ports, some))
  })
}

/** Traffic to a port reaches only clusters that expose that very port (KEP-1645): same name, protocol and number. */
const equal = (a: ServicePort, b: ServicePort): boolean => a.name === b.name && a.protocol === b.protocol && a.port === b.port

type SlicePorts = Exclude<EndpointSlice['ports'], undefined>

/** Where the endpoints listen, under the names by which kube-proxy finds the ports of the derived Service. */
function targetsOf(imported: Imported, served: readonly ServicePort[], { spec }: ExportedEndpoints): SlicePorts {
  return served.flatMap((port) => {
    const target = spec.ports.find((other) => other.name === port.name && other.protocol === port.protocol)
    if (target === undefined) return []
    const name = imported.type === 'Headless' ? (port.name ?? '') : derivedPortName(port, imported.ports)
    const { appProtocol } = port
    return [{ name, protocol: port.protocol, port: target.port, ...(appProtocol === undefined ? {} : { appProtocol }) }]
  })
}

/**
 * A Service with several ports needs a name for each; in a merge one of them may be without. That one has a name also while it is alone: were
 * it named when another cluster brings a second port, kube-proxy would take it for another port and forget which client it keeps to which endpoint.
 */
export function derivedPortName(port: ServicePort, all: readonly ServicePort[]): string {
  if (port.name !== undefined) return port.name
  let name = `port-${port.port}`
  while (all.some((other) => other.name === name)) name += '-x'
  return name
}

/** By what the object is about, as its number is another at a broker that was made anew. With the family, which no slice can change: under one name the slice of another family could never be written. */
const sliceName = ({ name }: ServiceKey, object: ExportedEndpoints, leaf: string): string =>
  hashedName(name, object.spec.clusterID, contentOf(object), object.spec.addressType, leaf)

function sliceOf(
  { key, type, trafficDistribution, owner }: Imported,
  { service, nodes }: SourceCluster,
  from: ExportedEndpoints,
  name: string,
  ports: SlicePorts,
  endpoints: readonly ExportedEndpoint[],
): EndpointSlice {
  const { clusterID } = service.spec
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name,
      namespace: key.namespace,
      labels: {
        ...managedBy,
        [mcsServiceNameLabel]: key.name,
        [mcsSourceClusterLabel]: clusterID,
        [sliceManagedByLabel]: sliceManager,
        // Never the name of the Service that was exported: the cluster's own kube-proxy would add these endpoints to it.
        [serviceNameLabel]: derivedServiceName(key.namespace, key.name),
        ...(type === 'Headless' ? { [headlessLabel]: '' } : {}),
      },
      ownerReferences: [owner],
    },
    addressType: from.spec.addressType,
    // An empty list comes back from an apiserver as none, and would look like a change for ever.
    ...(ports.length === 0 ? {} : { ports }),
    endpoints: endpoints.map((endpoint) => endpointOf(endpoint, nodes, trafficDistribution)),
  }
}

function endpointOf(
  { address, ready, serving = ready, terminating = false, hostname, node, zone }: ExportedEndpoint,
  nodes: SourceCluster['nodes'],
  trafficDistribution: string | undefined,
): NonNullable<EndpointSlice['endpoints']>[number] {
  return {
    addresses: [address],
    conditions: { ready, serving, terminating },
    ...(hostname === undefined ? {} : { hostname }),
    ...(node === undefined || nodes === 'theirs' ? {} : { nodeName: node }),
    ...(zone === undefined || zone === '' ? {} : { zone }),
    // A zone means the same in every cluster (KEP-1645), and hints are how kube-proxy is told to prefer one.
    ...(zone !== undefined && zone !== '' && trafficDistribution?.startsWith('Prefer') === true
      ? { hints: { forZones: [{ name: zone }] } }
      : {}),
  }
}
