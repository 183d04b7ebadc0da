// Keeps the zone equal to what the apiserver says. Level, not edge: whatever changed, the names of that one service are made anew.
import type { ServiceImport } from '#crds/service-import.ts'
import { serviceImport } from '#crds/service-import.ts'
import { mcsServiceNameLabel } from '#crds/places.ts'
import type { EndpointSlice, Namespace } from '#lib/kube/kinds.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import type { Store } from '#lib/kube/store.ts'
import type { Logger } from '#lib/std/log.ts'
import { explain } from '#lib/std/result.ts'
import type { Settings } from './records.ts'
import { serviceTree } from './records.ts'
import type { GrowingZone } from './zone.ts'

export type Sources = {
  readonly imports: Store<ServiceImport>
  /** Of imported services only: all carry the label of a service's name. */
  readonly slices: Store<EndpointSlice>
  readonly namespaces: Store<Namespace>
}

/**
 * Follows for as long as the stores are fed. The zone stays empty and unsynced until all three were listed: half of the facts
 * would make "no such name" out of names that exist. It stays synced when the apiserver goes away: what was true is the best guess.
 */
export async function follow(
  zone: GrowingZone,
  settings: Settings,
  sources: Sources,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const { imports, slices, namespaces } = sources
  slices.addIndex('service', (slice) => {
    const name = slice.metadata.labels?.[mcsServiceNameLabel]
    return name === undefined ? [] : [keyText(slice, name)]
  })

  function refresh(namespace: string, name: string): void {
    const object = imports.get({ namespace, name })
    const service = object === undefined ? undefined : wellFormed(object)
    const endpoints = slices.by('service', `${namespace}/${name}`)
    zone.setService(namespace, name, service === undefined ? undefined : serviceTree(service, endpoints, settings))
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

  const refreshImport = (object: ServiceImport) => refresh(object.metadata.namespace ?? '', object.metadata.name)
  const refreshSlice = (slice: EndpointSlice | undefined) => {
    const name = slice?.metadata.labels?.[mcsServiceNameLabel]
    if (slice !== undefined && name !== undefined) refresh(slice.metadata.namespace ?? '', name)
  }

  await Promise.all(Object.values(sources).map((store) => store.whenSynced(signal)))
  if (signal.aborted) return
  // No await from here on, so no change falls between the first pass and the listeners.
  for (const object of namespaces.list()) zone.setNamespace(object.metadata.name, 'present')
  for (const object of imports.list()) refreshImport(object)
  namespaces.onChange((object, old) =>
    zone.setNamespace((object ?? old)?.metadata.name ?? '', object === undefined ? 'gone' : 'present'),
  )
  imports.onChange((object, old) => {
    const either = object ?? old
    if (either !== undefined) refreshImport(either)
  })
  slices.onChange((slice, old) => {
    refreshSlice(slice)
    // A slice whose label was changed leaves one service for another.
    if (old?.metadata.labels?.[mcsServiceNameLabel] !== slice?.metadata.labels?.[mcsServiceNameLabel]) refreshSlice(old)
  })
  zone.markSynced()
  log.info({ imports: imports.list().length, slices: slices.list().length }, 'answering: everything was heard once')
}

const keyText = ({ metadata }: KubeObject, name = metadata.name): string => `${metadata.namespace ?? ''}/${name}`
