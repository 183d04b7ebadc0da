// The two objects that stand for a service of the clusterset in this cluster: its ServiceImport, and the Service behind it.
import {
  decidedByAnnotation,
  derivedServiceAnnotation,
  derivedServiceName,
  managedBy,
  mcsServiceNameLabel,
} from '#crds/places.ts'
import type { ServiceImport } from '#crds/service-import.ts'
import { serviceImport } from '#crds/service-import.ts'
import type { Service } from '#lib/kube/kinds.ts'
import { services } from '#lib/kube/kinds.ts'
import type { Wanted } from '#lib/kube/object.ts'
import type { IPFamily } from '#lib/net/ip.ts'
import type { Global, Merged } from './merge.ts'
import { decidedText } from './merge.ts'
import type { ServiceKey } from './names.ts'
import { derivedPortName } from './slices.ts'

/** The selectorless Service behind an import: its ClusterIP is the clusterset IP, as this cluster sees it. */
export function derivedService(key: ServiceKey, global: Global, ipFamilies: IPFamily[]): Wanted<Service> {
  const { sessionAffinity = 'None', sessionAffinityTimeoutSeconds: timeoutSeconds, internalTrafficPolicy, ports } = global
  return {
    apiVersion: services.apiVersion,
    kind: services.kind,
    metadata: {
      name: derivedServiceName(key.namespace, key.name),
      namespace: key.namespace,
      labels: { ...managedBy, [mcsServiceNameLabel]: key.name },
    },
    spec: {
      type: 'ClusterIP',
      ipFamilyPolicy: ipFamilies.length > 1 ? 'RequireDualStack' : 'SingleStack',
      ipFamilies,
      ports: ports.map((port) => ({
        name: derivedPortName(port, ports),
        protocol: port.protocol,
        port: port.port,
        ...(port.appProtocol === undefined ? {} : { appProtocol: port.appProtocol }),
      })),
      sessionAffinity,
      ...(sessionAffinity === 'ClientIP' && timeoutSeconds !== undefined
        ? { sessionAffinityConfig: { clientIP: { timeoutSeconds } } }
        : {}),
      ...(internalTrafficPolicy === undefined ? {} : { internalTrafficPolicy }),
    },
  }
}

export function importObject(
  key: ServiceKey,
  { type, global, decided }: Merged,
  addresses: { readonly ipFamilies: readonly IPFamily[]; readonly ips?: readonly string[] },
): Wanted<ServiceImport> {
  const { sessionAffinity = 'None', sessionAffinityTimeoutSeconds: timeoutSeconds } = global
  const derived = { [derivedServiceAnnotation]: derivedServiceName(key.namespace, key.name) }
  const by = decided === undefined ? {} : { [decidedByAnnotation]: decidedText(decided) }
  const annotations = { ...exportable(global.annotations), ...(type === 'Headless' ? {} : derived), ...by }
  return {
    apiVersion: serviceImport.apiVersion,
    kind: serviceImport.kind,
    metadata: {
      name: key.name,
      namespace: key.namespace,
      labels: { ...exportable(global.labels), ...managedBy },
      annotations,
    },
    spec: {
      type,
      ports: global.ports.map(({ name, protocol, appProtocol, port }) => ({
        ...(name === undefined ? {} : { name }),
        protocol,
        ...(appProtocol === undefined ? {} : { appProtocol }),
        port,
      })),
      ...(addresses.ips === undefined ? {} : { ips: [...addresses.ips] }),
      ipFamilies: [...addresses.ipFamilies],
      ...(type === 'Headless' ? {} : { sessionAffinity }),
      ...(sessionAffinity === 'ClientIP' && timeoutSeconds !== undefined
        ? { sessionAffinityConfig: { clientIP: { timeoutSeconds } } }
        : {}),
      ...(global.internalTrafficPolicy === undefined ? {} : { internalTrafficPolicy: global.internalTrafficPolicy }),
      ...(global.trafficDistribution === undefined ? {} : { trafficDistribution: global.trafficDistribution }),
    },
  }
}

/**
 * By which we, and readers of imports, know what is what; and by which Argo CD, Flux, Helm, kustomize and Rancher know what is theirs: one of
 * them would prune the import, as it is not in its Git, whenever it is made again.
 */
const reserved = {
  domains: [
    ...['tombolo.dev', 'multicluster.kubernetes.io'],
    ...['argocd.argoproj.io', 'helm.sh', 'toolkit.fluxcd.io', 'objectset.rio.cattle.io'],
  ],
  names: [
    ...['app.kubernetes.io/instance', 'app.kubernetes.io/managed-by', 'kubectl.kubernetes.io/last-applied-configuration'],
    ...['config.kubernetes.io/owning-inventory', 'config.k8s.io/owning-inventory', 'cli-utils.sigs.k8s.io/inventory-id'],
  ],
}

function isReserved(name: string): boolean {
  const [prefix = ''] = name.split('/', 1)
  return (
    reserved.names.includes(name) ||
    (name.includes('/') && reserved.domains.some((domain) => prefix === domain || prefix.endsWith(`.${domain}`)))
  )
}

/** What others may put on our import. */
const exportable = (map: Readonly<Record<string, string>> = {}): Record<string, string> =>
  Object.fromEntries(Object.entries(map).filter(([name]) => !isReserved(name)))
