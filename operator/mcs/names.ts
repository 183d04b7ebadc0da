// How the objects of one service across clusters are named, marked and found again.
import {
  contentLabel,
  hashedName,
  managedBy,
  managedByLabel,
  mcsServiceNameLabel,
  sliceManagedByLabel,
  sliceManager,
} from '#crds/places.ts'
import type { EndpointSlice } from '#lib/kube/kinds.ts'
import type { Key, KubeObject } from '#lib/kube/object.ts'

/** A Service, its ServiceExport and its ServiceImport: all three have one namespace and name. */
export type ServiceKey = Required<Key>

export const serviceNameLabel = 'kubernetes.io/service-name'
/** kube-proxy does not watch slices that carry it, as the endpoint slice controller's own ones of headless services do. */
export const headlessLabel = 'service.kubernetes.io/headless'

/** What an object in our namespace on the broker is about; one that was published before there were numbers is named by it. */
export const contentOf = ({ metadata: { labels, name } }: KubeObject): string => labels?.[contentLabel] ?? name

/** What an ExportedService is about. */
export const exportedServiceContent = ({ namespace, name }: ServiceKey): string => hashedName(namespace, name)

/** Of two objects of one content, whoever asks takes the first. */
export const byName = (a: KubeObject, b: KubeObject): number => (a.metadata.name < b.metadata.name ? -1 : 1)

/** Being deleted, which nobody can take back. */
export const isGoing = ({ metadata }: Pick<KubeObject, 'metadata'>): boolean => metadata.deletionTimestamp !== undefined

export const isOurs = (object: KubeObject): boolean => object.metadata.labels?.[managedByLabel] === managedBy[managedByLabel]

export const isOurSlice = (slice: EndpointSlice): boolean => slice.metadata.labels?.[sliceManagedByLabel] === sliceManager

/** Of a derived Service or an imported slice: the service it was made for. */
export const importedName = (object: KubeObject): string | undefined =>
  isOurs(object) ? object.metadata.labels?.[mcsServiceNameLabel] : undefined
