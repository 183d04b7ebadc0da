// The stores as questions about one service: what do we offer, what do all offer, what is there of its import. And the other way
// round: which services a change of an object is about.
import type { Allocation } from '#crds/allocation.ts'
import type { ExportedEndpoints } from '#crds/exported-endpoints.ts'
import { exportedService, type ExportedService } from '#crds/exported-service.ts'
import { exportToAnnotation, isSharedWith } from '#crds/export-to.ts'
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { mostOfAMember } from '#crds/limits.ts'
import type { Membership } from '#crds/membership.ts'
import { decidedByAnnotation, derivedServiceName, memberNamespace, memberOf, systemNamespace } from '#crds/places.ts'
import { whyNotExported } from '#crds/rules/export-name.ts'
import { serviceExport, type ServiceExport } from '#crds/service-export.ts'
import { serviceImport, type ServiceImport } from '#crds/service-import.ts'
import { serviceTrafficPolicy, type ServiceTrafficPolicy } from '#crds/service-traffic-policy.ts'
import type { Kube } from '#lib/kube/client.ts'
import type { Source } from '#lib/kube/controller.ts'
import { source } from '#lib/kube/controller.ts'
import { same } from '#lib/kube/differs.ts'
import type { EndpointSlice, Namespace, Service } from '#lib/kube/kinds.ts'
import { endpointSlices, namespaces, nodes, services } from '#lib/kube/kinds.ts'
import type { Key, Kind, KubeObject } from '#lib/kube/object.ts'
import { keyOf, keyText, parseKey } from '#lib/kube/object.ts'
import { reflect } from '#lib/kube/reflector.ts'
import type { Store } from '#lib/kube/store.ts'
import { familyOf } from '#lib/net/cidr.ts'
import type { ClusterID } from '#lib/net/cluster-id.ts'
import type { Cell } from '#lib/std/cell.ts'
import { remembered } from '#lib/std/remembered.ts'
import type { Throttling } from '../door/metered.ts'
import { reflectMetered } from '../door/metered.ts'
import type { Believer } from './believe.ts'
import { believer, doubles, oneOfContent, oneOfEach, packedEndpoints } from './believe.ts'
import { rttStep } from './choice.ts'
import type { Said } from './doubt.ts'
import { doubts } from './doubt.ts'
import type { Offer } from './export.ts'
import { offerOf } from './export.ts'
import type { Published } from './export-status.ts'
import type { Importing } from './import.ts'
import { choicesIn } from './import.ts'
import type { ImportFrom } from './import-from.ts'
import { isTaken } from './import-from.ts'
import type { Conflict, Decided, Merged } from './merge.ts'
import { decidedIn, merge } from './merge.ts'
import type { ServiceKey } from './names.ts'
import { byName, contentOf, importedName, isGoing, isOurs, isOurSlice, serviceNameLabel } from './names.ts'
import type { SourceCluster } from './slices.ts'
import type { Here } from './toll.ts'
import { clustersIn, tollOf } from './toll.ts'
import type { ToldOfPolicy } from './traffic-status.ts'
import { trafficDefaultOf } from './traffic-default.ts'
import type { Traffic } from './traffic.ts'
import { cutOffFrom, pathsFrom, sourceOf } from './traffic.ts'
import { unroutable } from './unroutable.ts'

/** Starts the watches; they end with `signal`. `throttled`: told which clusters have more to say than we listen to. */
export function watchAll(local: Kube, broker: Kube, self: ClusterID, throttled: Throttling, signal: AbortSignal) {
  const all = <T extends KubeObject>(kube: Kube, kind: Kind<T>): Store<T> => reflect(kube, kind, {}, signal).store
  return {
    namespaces: all(local, namespaces),
    nodes: all(local, nodes),
    exports: all(local, serviceExport),
    services: all(local, services),
    slices: all(local, { ...endpointSlices, rows: ['endpoints'] }),
    imports: all(local, serviceImport),
    policies: all(local, serviceTrafficPolicy),
    brokerServices: reflectMetered(broker, exportedService, mostOfAMember.exportedservices, self, throttled, signal),
    brokerEndpoints: reflectMetered(broker, packedEndpoints, mostOfAMember.exportedendpoints, self, throttled, signal),
  }
}

type Stores = ReturnType<typeof watchAll>

/** What the world is seen by. */
export type Known = {
  /** The copies in `tombolo-system`, our own among them. */
  readonly allocations: Store<Allocation>
  /** Those of `tombolo-system`: our own ones say how far the others are. */
  readonly gateways: Store<GatewayEndpoint>
  readonly importFrom: ImportFrom
  readonly trafficDefault: Membership['spec']['trafficDefault']
  /** Tokens of removals that a person accepted (operator/door/removal.ts). */
  readonly accepted: Cell<readonly string[]>
}

/** A member that is connected has written again what a restored broker lacks; one that is not is waited for no longer. */
const doubtMs = 30_000

export function worldOf(self: ClusterID, known: Known, stores: Stores, signal: AbortSignal) {
  const { allocations, gateways, importFrom, accepted } = known
  const allocationOf = (clusterID: string) => allocations.get({ namespace: systemNamespace, name: clusterID })
  const routed = unroutable(self, allocations, stores.nodes, (clusterID) => offeredBy(clusterID))
  const believe = believer((clusterID) => {
    const why = routed.why(clusterID)
    return why === undefined
      ? (allocationOf(clusterID) ?? 'its cluster was not admitted')
      : `its cluster is not routed here: ${why}`
  })
  addIndexes(stores, believe, self)
  const readPolicy = remembered((object: KubeObject, _: undefined) => serviceTrafficPolicy.parse(object))
  const heard = [stores.brokerServices, stores.brokerEndpoints] as const
  const brokerHeard = () => heard.every((store) => store.synced)
  /** Whether what a cluster says of a service would be imported. */
  const isWelcome = ({ clusterID, key }: Said): boolean => {
    const { namespace = '', name } = parseKey(key)
    const admitted = allocationOf(clusterID)
    return (
      admitted?.spec.state === 'Admitted' &&
      routed.why(clusterID) === undefined &&
      whyNotExported(admitted.spec.exports, { namespace, name }) === undefined &&
      isTaken(importFrom, { namespace, clusterID: admitted.spec.clusterID })
    )
  }
  const doubted = doubts(
    {
      stores: heard,
      local: [stores.imports, stores.slices, allocations],
      said: (object) => {
        const found = believe.about(object)
        return found === undefined || found.clusterID === self ? undefined : { ...found, key: keyText(found.key) }
      },
      believed: isWelcome,
      here: () => byCluster(stores, self),
      toll: ({ clusterID, key }) => {
        const isIts = ({ spec }: ExportedService | ExportedEndpoints) => spec.clusterID === clusterID
        const addresses = ({ spec }: ExportedEndpoints) => spec.endpoints.map(({ address }) => address)
        const isSaid = stores.brokerServices.by('key', key).some(isIts)
        const said = isSaid ? stores.brokerEndpoints.by('key', key).filter(isIts).map(addresses) : undefined
        return tollOf(clusterID, hereOf(stores, key), said)
      },
      accepted,
      ms: doubtMs,
    },
    signal,
  )

  const offer = (key: ServiceKey): Offer =>
    offerOf({
      self,
      key,
      export: stores.exports.get(key),
      service: stores.services.get(key),
      slices: stores.slices.by('service', keyText(key)),
      allocation: allocationOf(self),
      isPublished: (content) => stores.brokerEndpoints.by('content', content).length > 0,
    })

  const unlisten = allocations.onChange((now, old) => {
    const either = now ?? old
    if (either !== undefined) doubted.reconsider(either.spec.clusterID)
  })
  signal.addEventListener('abort', unlisten, { once: true })

  /** Of the others, as far as this cluster may know of it. */
  const exported = (key: ServiceKey): readonly ExportedService[] =>
    oneOfEach(stores.brokerServices.by('key', keyText(key)).flatMap((object) => believe.service(object).object ?? [])).filter(
      ({ spec }) => spec.clusterID !== self && isSharedWith(spec, self),
    )

  const others = (key: ServiceKey) => exported(key).filter(({ spec }) => isTaken(importFrom, spec))

  const mergedWith = (key: ServiceKey, own: Offer, them: readonly ExportedService[]): Merged | 'unheard' | undefined =>
    brokerHeard() && !doubted.has(keyText(key))
      ? merge([...them, ...(own.kind === 'offered' ? [asPublished(key, own.service)] : [])], decidedBefore(key))
      : 'unheard'

  function decidedBefore(key: ServiceKey): Decided | undefined {
    const before = stores.imports.get(key)
    return before !== undefined && isOurs(before) ? decidedIn(before.metadata.annotations?.[decidedByAnnotation]) : undefined
  }

  /** Exported here and, as far as is heard, nowhere else. */
  const isOursAlone = (key: ServiceKey): boolean => stores.exports.get(key) !== undefined && others(key).length === 0

  const merged = (key: ServiceKey, own: Offer) => mergedWith(key, own, others(key))

  /** Told of an export is what all who import it see, so also what this cluster does not take itself. */
  function conflict(key: ServiceKey, own: Offer): Conflict | 'unheard' | undefined {
    const all = mergedWith(key, own, exported(key))
    return all === 'unheard' ? all : all?.conflict
  }

  /** What a cluster that was admitted said before holds until it is heard. */
  const isAwaited = (said: Said): boolean => said.clusterID !== self && (brokerHeard() ? doubted.isAbout(said) : isWelcome(said))

  /** Of the age that the others see it in. */
  function asPublished(key: ServiceKey, service: ExportedService): ExportedService {
    const [there] = stores.brokerServices.by('ours', keyText(key)).toSorted(byName)
    const { creationTimestamp } = there?.metadata ?? {}
    return creationTimestamp === undefined ? service : { ...service, metadata: { ...service.metadata, creationTimestamp } }
  }

  function sources(key: ServiceKey, own: Offer): readonly SourceCluster[] {
    const endpoints = oneOfContent(
      stores.brokerEndpoints.by('key', keyText(key)).flatMap((object) => believe.endpoints(object).object ?? []),
    )
    return [
      ...others(key).map((service) => ({
        service,
        endpoints: endpoints.filter(({ spec }) => spec.clusterID === service.spec.clusterID),
        nodes: 'theirs' as const,
      })),
      ...(own.kind === 'offered' ? [{ service: own.service, endpoints: own.endpoints, nodes: 'ours' as const }] : []),
    ]
  }

  /** Whether the broker holds what we offer, and for those it is offered to. */
  function published(key: ServiceKey, own: Offer): Published {
    if (!brokerHeard()) return 'unheard'
    const there = stores.brokerServices.by('ours', keyText(key))
    const isSame = ({ spec }: ExportedService) => own.kind !== 'offered' || same(spec.exportTo, own.service.spec.exportTo)
    return there.some(isSame) ? 'yes' : 'no'
  }

  const derivedKey = ({ namespace, name }: ServiceKey) => ({ namespace, name: derivedServiceName(namespace, name) })

  /** The objects of an import that are there; foreign ones of the same names too. */
  function imported(key: ServiceKey): readonly KubeObject[] {
    const objects: readonly (KubeObject | undefined)[] = [
      stores.imports.get(key),
      stores.services.get(derivedKey(key)),
      ...stores.slices.by('import', keyText(key)),
    ]
    return objects.filter((object) => object !== undefined)
  }

  function policyOf(key: ServiceKey) {
    const policy = stores.policies.get(key)
    return policy === undefined ? undefined : { policy, read: readPolicy(policy, undefined) }
  }

  const fleets = () => trafficDefaultOf(known, allocationOf(self))

  /** A policy that is not understood holds nowhere: its status says so. */
  function traffic(key: ServiceKey): Traffic {
    const read = policyOf(key)?.read
    return {
      policy: read?.ok === true ? read.value.spec : undefined,
      fleets: fleets(),
      pathTo: pathsFrom(self, gateways.list(), new Date()),
    }
  }

  /** What a policy is told of; undefined where there is none, or while not everything is known that it is judged by. */
  function policed(key: ServiceKey): Omit<ToldOfPolicy, 'now'> | undefined {
    const found = policyOf(key)
    if (found === undefined) return undefined
    const seen = { ...importing(key), have: sortedOut(imported(key)) }
    if (seen.families === undefined || seen.merged === 'unheard') return undefined
    return {
      ...found,
      choices: !found.read.ok || seen.merged === undefined || seen.namespace === 'absent' ? undefined : choicesIn(seen),
      members: members(),
    }
  }

  const members = (): readonly string[] => allocations.list().map(({ spec }) => spec.clusterID)

  function importing(key: ServiceKey): Omit<Importing, 'have'> {
    const own = offer(key)
    const space = stores.namespaces.get({ name: key.namespace })
    const admitted = allocationOf(self)
    return {
      self,
      key,
      namespace: space === undefined || isGoing(space) ? 'absent' : 'present',
      merged: merged(key, own),
      isAwaited: (cluster) => isAwaited({ clusterID: cluster, key: keyText(key) }),
      sources: sources(key, own),
      podFamilies: [...new Set((admitted?.spec.podCIDRs ?? []).map(familyOf))],
      families: admitted === undefined ? undefined : [...new Set(admitted.spec.serviceCIDRs.map(familyOf))],
      traffic: traffic(key),
      now: new Date(),
    }
  }

  const refused = (): readonly string[] => [
    ...stores.brokerServices.list().flatMap((object) => believe.service(object).refused),
    ...doubles(stores.brokerServices.list().flatMap((object) => believe.service(object).object ?? [])),
    ...stores.brokerEndpoints.list().flatMap((object) => believe.endpoints(object).refused),
  ]

  /** What we do not want, though it is believed and we may have it. */
  const leftOut = (): readonly string[] =>
    stores.brokerServices
      .list()
      .flatMap((object) => believe.service(object).object ?? [])
      .filter(({ spec }) => spec.clusterID !== self && isSharedWith(spec, self) && !isTaken(importFrom, spec))
      .map(({ spec }) => `${spec.namespace}/${spec.name} of ${spec.clusterID}`)
      .sort()

  const isExported = (key: Key): readonly Key[] => (stores.exports.get(key) === undefined ? [] : [key])
  const about = (object: KubeObject): readonly Key[] => {
    const found = believe.about(object)
    return found === undefined ? [] : [found.key]
  }
  /** What a cluster offers, and what is here of it while its word is waited for. */
  const offeredBy = (cluster: string): readonly Key[] => [
    ...stores.brokerServices.by('cluster', cluster).flatMap(about),
    ...(brokerHeard() ? doubted.of(cluster) : stores.slices.by('source', cluster).flatMap(importKeys)),
  ]
  const leadsHere = ({ spec, status }: GatewayEndpoint): boolean => spec.clusterID === self && status?.role === 'Active'
  /** What we offer is the flow of this cluster, as what others do is theirs. */
  const own = { flow: () => self }
  const everyExport = () => stores.exports.list().map(keyOf)
  const everyNamingExport = () =>
    stores.exports
      .list()
      .filter(({ metadata }) => metadata.annotations?.[exportToAnnotation] !== undefined)
      .map(keyOf)
  const everyPolicy = () => stores.policies.list().map(keyOf)
  const everyChoice = () => (fleets() === undefined ? everyPolicy() : [...everyPolicy(), ...stores.imports.list().map(keyOf)])

  return {
    offer,
    isOursAlone,
    conflict,
    importing,
    imported,
    policed,
    published,
    members,
    refused,
    leftOut,
    held: doubted.held,
    heldSource: doubted.heldSource,
    /** Keys of our own objects at the broker. */
    ours: (object: KubeObject) => (object.metadata.namespace === memberNamespace(self) ? about(object) : []),
    exportSources: [
      source<ServiceExport>(stores.exports, (object) => [keyOf(object)], own),
      source<Service>(stores.services, (object) => isExported(keyOf(object)), own),
      source<EndpointSlice>(stores.slices, (slice) => serviceKeys(slice).flatMap(isExported), own),
      source(allocations, ({ spec }) => (spec.clusterID === self ? everyExport() : []), own),
    ],
    /** Who is in the fleet: whether a name that somebody wrote is one of them. */
    memberSources: [unawaited(source(allocations, everyNamingExport, { sees: ({ spec }) => spec.clusterID }))],
    importSources: [
      source<ServiceImport>(stores.imports, (object) => [keyOf(object)]),
      source<Service>(stores.services, importKeys),
      source<EndpointSlice>(stores.slices, importKeys),
      source<Namespace>(stores.namespaces, ({ metadata: { name } }) => [
        ...stores.brokerServices.by('namespace', name).flatMap(about),
        ...everyExport().filter(({ namespace }) => namespace === name),
      ]),
    ],
    /** What it is chosen by who answers: policies, who is in the fleet, how far it is and who is cut off. */
    trafficSources: [
      source<ServiceTrafficPolicy>(stores.policies, (object) => [keyOf(object)], {
        sees: ({ metadata, spec }) => ({ uid: metadata.uid, spec }),
      }),
      unawaited(source(allocations, everyPolicy, { sees: ({ spec }) => spec.clusterID })),
      source(gateways, ({ spec }) => (spec.clusterID === self ? everyChoice() : []), {
        sees: ({ status }) => [
          status?.role,
          status?.term,
          status?.connections?.map(({ clusterID, state, rttMicros }) => ({ clusterID, state, step: rttStep(rttMicros) })),
        ],
      }),
      source(gateways, everyChoice, { sees: ({ spec }) => [spec.clusterID, spec.topology] }),
      // Of a change both states count, so what comes back is looked at as what is cut off is.
      source(gateways, (gateway) => (leadsHere(gateway) ? cutOffFrom(gateway).flatMap(offeredBy) : []), {
        sees: (gateway) => [leadsHere(gateway), gateway.status?.term, cutOffFrom(gateway)],
      }),
    ],
    /** The broker's word counts when it comes; nobody waits for it. Each cluster is a flow: what one changes is behind its own changes alone (T11). */
    brokerSources: [
      doubted.source,
      routed.source,
      ...heard.map((store: Store) =>
        unawaited(source(store, about, { flow: ({ metadata: { namespace } }) => memberOf(namespace) })),
      ),
      // Our own Allocation says which families we have, and that the door has brought in what we know of anybody.
      unawaited(
        source(
          allocations,
          ({ spec }) => (spec.clusterID === self ? stores.brokerServices.list().flatMap(about) : offeredBy(spec.clusterID)),
          { flow: ({ spec }) => spec.clusterID },
        ),
      ),
      ...heard.map((store: Store) =>
        onceSynced(store, () => (brokerHeard() ? [...stores.imports.list(), ...stores.exports.list()].map(keyOf) : [])),
      ),
    ],
  }
}

function addIndexes(stores: Stores, believe: Believer, self: ClusterID): void {
  const text = (object: KubeObject): readonly string[] => {
    const found = believe.about(object)
    return found === undefined ? [] : [keyText(found.key)]
  }
  const brokerStores: readonly (Store<ExportedService> | Store<ExportedEndpoints>)[] = [
    stores.brokerServices,
    stores.brokerEndpoints,
  ]
  for (const store of brokerStores) {
    store.addIndex('key', text)
    store.addIndex('ours', (object: KubeObject) => (object.metadata.namespace === memberNamespace(self) ? text(object) : []))
  }
  stores.brokerEndpoints.addIndex('content', (object) =>
    object.metadata.namespace === memberNamespace(self) ? [contentOf(object)] : [],
  )
  for (const store of brokerStores)
    store.addIndex('unnumbered', ({ metadata: { name, namespace } }: KubeObject) =>
      namespace === memberNamespace(self) && !/^[0-9]+$/.test(name) ? [''] : [],
    )
  stores.brokerServices.addIndex('namespace', (object) => [believe.about(object)?.key.namespace ?? ''])
  stores.brokerServices.addIndex('cluster', (object) => [believe.about(object)?.clusterID ?? ''])
  stores.slices.addIndex('service', (slice) => serviceKeys(slice).map(keyText))
  stores.slices.addIndex('import', (slice) => importKeys(slice).map(keyText))
  stores.slices.addIndex('source', (slice) => (isOurSlice(slice) ? [sourceOf(slice)] : []))
}

/** The objects of one import, by what they are to it. */
export const sortedOut = (have: readonly KubeObject[]): Importing['have'] => ({
  import: have.find((o) => o.kind === serviceImport.kind),
  service: have.find((o): o is Service => o.kind === services.kind),
  slices: have.filter((o): o is EndpointSlice => o.kind === endpointSlices.kind),
})

function hereOf({ imports, slices }: Pick<Stores, 'imports' | 'slices'>, key: string): Here {
  const found = imports.get(parseKey(key))
  return { import: found !== undefined && isOurs(found) ? found : undefined, slices: slices.by('import', key) }
}

/** Of the other clusters, the services of which something is here. */
function byCluster(stores: Pick<Stores, 'imports' | 'slices'>, self: ClusterID): ReadonlyMap<string, readonly string[]> {
  const keys = new Set([...stores.imports.list().map(keyOf), ...stores.slices.list().flatMap(importKeys)].map(keyText))
  const found = [...keys].flatMap((key) => clustersIn(hereOf(stores, key)).map((cluster) => ({ cluster, key })))
  return new Map(
    [...Map.groupBy(found, ({ cluster }) => cluster)].flatMap(([cluster, all]) =>
      cluster === self ? [] : [[cluster, all.map(({ key }) => key)]],
    ),
  )
}

/** The Service whose own endpoints these are. */
function serviceKeys(slice: EndpointSlice): readonly Key[] {
  const name = slice.metadata.labels?.[serviceNameLabel]
  return name === undefined || isOurSlice(slice) ? [] : [{ namespace: slice.metadata.namespace ?? '', name }]
}

/** The import that a derived Service or a slice of ours was made for. */
function importKeys(object: KubeObject): readonly Key[] {
  const name = importedName(object)
  return name === undefined ? [] : [{ namespace: object.metadata.namespace ?? '', name }]
}

const unawaited = (from: Source): Source => ({ ...from, whenSynced: () => Promise.resolve() })

/** Tells its keys when the store is complete for the first time: what is not in it has gone. */
function onceSynced(store: Store, keys: () => readonly Key[]): Source {
  return {
    whenSynced: () => Promise.resolve(),
    follow: (add) => {
      const stop = new AbortController()
      void store.whenSynced(stop.signal).then(() => {
        if (!stop.signal.aborted) for (const key of keys()) add(key)
      })
      return () => stop.abort()
    },
  }
}
