// Keeps the zone equal to what the apiserver says. Level, not edge: whatever changed, the names of that one service are made anew, and of
// a headless one, which may have any number of endpoints, those of the one slice.
import type { ServiceImport } from '#crds/service-import.ts'
import { serviceImport } from '#crds/service-import.ts'
import { derivedServiceName, mcsServiceNameLabel } from '#crds/places.ts'
import type { EndpointSlice, Namespace, Service } from '#lib/kube/kinds.ts'
import type { Key, KubeObject } from '#lib/kube/object.ts'
import { keyOf } from '#lib/kube/object.ts'
import type { Store } from '#lib/kube/store.ts'
import type { Logger } from '#lib/std/log.ts'
import { explain } from '#lib/std/result.ts'
import type { HeadlessNames } from './headless.ts'
import { headlessNames } from './headless.ts'
import type { Service as Imported, Settings } from './records.ts'
import { serviceName, virtualNames } from './records.ts'
import type { GrowingZone } from './zone.ts'

export type Sources = {
  readonly imports: Store<ServiceImport>
  /** Of imported services only: all carry the label of a service's name. */
  readonly slices: Store<EndpointSlice>
  readonly namespaces: Store<Namespace>
  /** With the same label: those that imports get their addresses from. Nothing waits for this one, as it only is earlier. */
  readonly derived: Store<Service>
}

/**
 * Follows for as long as the stores are fed. The zone stays empty and unsynced until imports, slices and namespaces were listed: half of
 * the facts would make "no such name" out of names that exist. It stays synced when the apiserver goes away: what was true is the best guess.
 */
export async function follow(
  zone: GrowingZone,
  settings: Settings,
  sources: Sources,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const { imports, slices, namespaces, derived } = sources
  slices.addIndex('service', (slice) => {
    const name = slice.metadata.labels?.[mcsServiceNameLabel]
    return name === undefined ? [] : [keyText(slice, name)]
  })

  const headless = new Map<string, HeadlessNames>()

  function refreshImport(object: Pick<KubeObject, 'metadata'>): void {
    const [key, namespace] = [keyText(object), object.metadata.namespace ?? '']
    const there = imports.get(keyOf(object))
    const service = there === undefined ? ahead({ namespace, name: object.metadata.name }) : wellFormed(there)
    const root = service === undefined ? undefined : serviceName(service, settings)
    const before = headless.get(key)
    if (service === undefined || root === undefined || service.spec?.type !== 'Headless') {
      headless.delete(key)
      const names = service === undefined || root === undefined ? undefined : virtualNames(service, root, settings)
      zone.setService(namespace, object.metadata.name, names)
    } else if (before === undefined) {
      // The rest of a headless import says nothing that names are made of.
      const names = headlessNames(root, settings.ttl)
      for (const slice of slices.by('service', key)) names.put(keyText(slice), slice)
      headless.set(key, names)
      zone.setService(namespace, object.metadata.name, names.node)
    }
  }

  /** An import that is still being written: its Service comes first, and has all that its names are made of. */
  function ahead({ namespace, name }: Required<Key>): Imported | undefined {
    const service = derived.get({ namespace, name: derivedServiceName(namespace, name) })
    if (service === undefined || service.metadata.deletionTimestamp !== undefined) return undefined
    const { ports = [], clusterIPs: ips } = service.spec ?? {}
    return { metadata: { namespace, name }, spec: { type: 'ClusterSetIP', ports, ips } }
  }

  /** What there is an import of is told by that. */
  function refreshAhead({ metadata: { namespace = '', labels } }: Service): void {
    const name = labels?.[mcsServiceNameLabel]
    if (name !== undefined && imports.get({ namespace, name }) === undefined) refreshImport({ metadata: { namespace, name } })
  }

  /** A slice whose label was changed leaves one service for another. */
  function refreshSlice(slice: EndpointSlice, service: string | undefined, says: EndpointSlice | undefined): void {
    const names = service === undefined ? undefined : headless.get(keyText(slice, service))
    if (service === undefined || names?.put(keyText(slice), says) !== true) return
    zone.setService(slice.metadata.namespace ?? '', service, names.node)
  }

  function wellFormed(object: ServiceImport): ServiceImport | undefined {
    const parsed = serviceImport.parse(object)
    if (parsed.ok) return parsed.value
    log.warn(
      { import: keyText(object), problem: explain(parsed.error) },
      'a ServiceImport is malformed: its names are not served',
    )
    return undefined
  }

  await Promise.all([imports, slices, namespaces].map((store: Store) => store.whenSynced(signal)))
  if (signal.aborted) return
  // No await from here on, so no change falls between the first pass and the listeners.
  for (const object of namespaces.list()) zone.setNamespace(object.metadata.name, 'present')
  for (const object of imports.list()) refreshImport(object)
  for (const object of derived.list()) refreshAhead(object)
  namespaces.onChange((object, old) =>
    zone.setNamespace((object ?? old)?.metadata.name ?? '', object === undefined ? 'gone' : 'present'),
  )
  imports.onChange((object, old) => {
    const either = object ?? old
    if (either !== undefined) refreshImport(either)
  })
  derived.onChange((object, old) => {
    const either = object ?? old
    if (either !== undefined) refreshAhead(either)
  })
  slices.onChange((slice, old) => {
    const [service, left] = [slice, old].map((either) => either?.metadata.labels?.[mcsServiceNameLabel])
    if (old !== undefined && left !== service) refreshSlice(old, left, undefined)
    if (slice !== undefined) refreshSlice(slice, service, slice)
  })
  zone.markSynced()
  log.info({ imports: imports.list().length, slices: slices.list().length }, 'answering: everything was heard once')
}

const keyText = ({ metadata }: Pick<KubeObject, 'metadata'>, name = metadata.name): string =>
  `${metadata.namespace ?? ''}/${name}`
