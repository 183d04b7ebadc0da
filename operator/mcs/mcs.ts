// Services across clusters at work: four controllers over the same stores. `publish` says at the broker what we offer, `import`
// makes of everybody's offers what this cluster sees, `status` tells the exporters, `refusals` tells what was not believed.
// Only `publish` needs the broker; the others go on without it from what is known.
import type { Allocation } from '#crds/allocation.ts'
import { exportedEndpoints, type ExportedEndpoints } from '#crds/exported-endpoints.ts'
import { exportedService, type ExportedService } from '#crds/exported-service.ts'
import { derivedServiceName, memberNamespace, systemNamespace } from '#crds/places.ts'
import { serviceExport, type ServiceExport } from '#crds/service-export.ts'
import { serviceImport, type ServiceImport } from '#crds/service-import.ts'
import type { Kube } from '#lib/kube/client.ts'
import type { Source } from '#lib/kube/controller.ts'
import { controller, settled, source } from '#lib/kube/controller.ts'
import { converge } from '#lib/kube/converge.ts'
import { StatusError } from '#lib/kube/errors.ts'
import type { EndpointSlice, Namespace, Service } from '#lib/kube/kinds.ts'
import { endpointSlices, namespaces, services } from '#lib/kube/kinds.ts'
import type { Key, Kind, KubeObject } from '#lib/kube/object.ts'
import { keyOf, keyText } from '#lib/kube/object.ts'
import { applyPlan } from '#lib/kube/plan.ts'
import { reflect } from '#lib/kube/reflector.ts'
import type { Store } from '#lib/kube/store.ts'
import { familyOf } from '#lib/net/cidr.ts'
import type { ClusterID } from '#lib/net/cluster-id.ts'
import type { Logger } from '#lib/std/log.ts'
import { pause } from '#lib/std/pause.ts'
import { fieldManager } from '../install/install.ts'
import type { Believer } from './believe.ts'
import { believer } from './believe.ts'
import type { Offer } from './export.ts'
import { offerOf } from './export.ts'
import { exportStatus } from './export-status.ts'
import type { Importing } from './import.ts'
import { planImport } from './import.ts'
import type { Merged } from './merge.ts'
import { merge } from './merge.ts'
import type { ServiceKey } from './names.ts'
import { importedName, isOurSlice, serviceNameLabel } from './names.ts'
import { planPublish } from './publish.ts'
import type { SourceCluster } from './slices.ts'

export type Mcs = {
  readonly local: Kube
  readonly broker: Kube
  readonly clusterID: ClusterID
  /** The copies in `tombolo-system`, our own among them. */
  readonly allocations: Store<Allocation>
  readonly log: Logger
  /** Told what of the others is not believed, the whole list whenever it may have changed. */
  readonly rejected: (objects: readonly string[]) => void
}

const workers = 8
/** Nobody waits for these, so changes that come together are told together. */
const calm = { statusMs: 50, refusalsMs: 1000 }

/** Runs until `signal` aborts. */
export async function runMcs(mcs: Mcs, signal: AbortSignal): Promise<void> {
  const stores = watchAll(mcs, signal)
  const world = worldOf(mcs, stores)
  /** By key: why the broker does not take what we offer. */
  const failures = new Map<string, string>()

  const publish = controller({
    name: 'mcs-publish',
    log: mcs.log,
    workers,
    sources: [...world.exportSources, source(stores.brokerServices, world.ours), source(stores.brokerEndpoints, world.ours)],
    reconcile: async (key, stop) => {
      const [text, { namespace = '', name }] = [keyText(key), key]
      const have = [...stores.brokerServices.by('ours', text), ...stores.brokerEndpoints.by('ours', text)]
      const offer = world.offer({ namespace, name })
      const plan = (now: readonly KubeObject[]) => planPublish(offer, now)
      try {
        const next = await converge(
          { kube: mcs.broker, fieldManager, stores: [stores.brokerServices, stores.brokerEndpoints], have, plan },
          stop,
        )
        if (failures.delete(text)) status.add(key)
        return next
      } catch (error) {
        const refusal = refusalIn(error)
        if (refusal !== undefined && failures.get(text) !== refusal) {
          failures.set(text, refusal)
          status.add(key)
        }
        throw error
      }
    },
  })

  const status = controller({
    name: 'mcs-export-status',
    log: mcs.log,
    workers: 4 * workers,
    sources: [...world.exportSources, ...world.brokerSources],
    reconcile: async (key, stop) => {
      await pause(calm.statusMs, stop)
      const at = { namespace: key.namespace ?? '', name: key.name }
      const found = stores.exports.get(at)
      if (found === undefined || found.metadata.deletionTimestamp !== undefined) return settled
      const offer = world.offer(at)
      const merged = world.merged(at, offer)
      const step = exportStatus({
        export: found,
        offer,
        published: !world.brokerHeard() ? 'unheard' : stores.brokerServices.by('ours', keyText(at)).length > 0 ? 'yes' : 'no',
        failure: failures.get(keyText(at)),
        conflict: merged === 'unheard' ? 'unheard' : merged?.conflict,
        now: new Date(),
      })
      return applyPlan(mcs.local, { steps: [step], next: settled }, fieldManager, stop)
    },
  })

  const imports = controller({
    name: 'mcs-import',
    log: mcs.log,
    workers,
    sources: [...world.exportSources, ...world.importSources, ...world.brokerSources],
    reconcile: (key, stop) => {
      const at = { namespace: key.namespace ?? '', name: key.name }
      const seen = world.importing(at)
      return converge(
        {
          kube: mcs.local,
          fieldManager,
          stores: [stores.imports, stores.services, stores.slices],
          have: world.imported(at),
          plan: (have) => planImport({ ...seen, have: sorted(have) }),
        },
        stop,
      )
    },
  })

  const everything = { name: 'everything' }
  const refusals = controller({
    name: 'mcs-refusals',
    log: mcs.log,
    sources: [stores.brokerServices, stores.brokerEndpoints, mcs.allocations].map((store: Store) =>
      source(store, () => [everything]),
    ),
    reconcile: async (_, stop) => {
      // What is not believed is often only early: the Allocation of a new member comes by another watch than its services.
      await pause(calm.refusalsMs, stop)
      if (!stop.aborted) mcs.rejected(world.refused())
      return settled
    },
  })

  await Promise.all([publish, status, imports, refusals].map((c) => c.run(signal)))
}

/** What the broker says about the very objects that were written; that it cannot be reached is the Membership's to tell. */
function refusalIn(error: unknown): string | undefined {
  const errors: readonly unknown[] = error instanceof AggregateError ? error.errors : [error]
  return errors.find((e): e is StatusError => e instanceof StatusError && [400, 403, 413, 422].includes(e.code))?.message
}

function watchAll({ local, broker }: Mcs, signal: AbortSignal) {
  const all = <T extends KubeObject>(kube: Kube, kind: Kind<T>): Store<T> => reflect(kube, kind, {}, signal).store
  return {
    namespaces: all(local, namespaces),
    exports: all(local, serviceExport),
    services: all(local, services),
    slices: all(local, endpointSlices),
    imports: all(local, serviceImport),
    brokerServices: all(broker, exportedService),
    brokerEndpoints: all(broker, exportedEndpoints),
  }
}

type Stores = ReturnType<typeof watchAll>

/** The stores as questions about one service, and what makes its answer another. */
function worldOf({ clusterID: self, allocations }: Mcs, stores: Stores) {
  const allocationOf = (clusterID: string) => allocations.get({ namespace: systemNamespace, name: clusterID })
  const believe = believer(allocationOf)
  addIndexes(stores, believe, self)
  const heard = [stores.brokerServices, stores.brokerEndpoints] as const
  const brokerHeard = () => heard.every((store) => store.synced)

  const offer = (key: ServiceKey): Offer =>
    offerOf({
      self,
      key,
      export: stores.exports.get(key),
      service: stores.services.get(key),
      slices: stores.slices.by('service', keyText(key)),
      allocation: allocationOf(self),
    })

  const others = (key: ServiceKey): readonly ExportedService[] =>
    stores.brokerServices
      .by('key', keyText(key))
      .flatMap((object) => believe.service(object).object ?? [])
      .filter(({ spec }) => spec.clusterID !== self)

  const merged = (key: ServiceKey, own: Offer): Merged | 'unheard' | undefined =>
    brokerHeard() ? merge([...others(key), ...(own.kind === 'offered' ? [own.service] : [])]) : 'unheard'

  function sources(key: ServiceKey, own: Offer): readonly SourceCluster[] {
    const endpoints = stores.brokerEndpoints.by('key', keyText(key)).flatMap((object) => believe.endpoints(object).object ?? [])
    return [
      ...others(key).map((service) => ({
        service,
        endpoints: endpoints.filter(({ spec }) => spec.clusterID === service.spec.clusterID),
        nodes: 'theirs' as const,
      })),
      ...(own.kind === 'offered' ? [{ service: own.service, endpoints: own.endpoints, nodes: 'ours' as const }] : []),
    ]
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

  function importing(key: ServiceKey): Omit<Importing, 'have'> {
    const own = offer(key)
    const space = stores.namespaces.get({ name: key.namespace })
    const admitted = allocationOf(self)
    return {
      self,
      key,
      namespace: space === undefined || space.metadata.deletionTimestamp !== undefined ? 'absent' : 'present',
      merged: merged(key, own),
      sources: sources(key, own),
      families: admitted === undefined ? undefined : [...new Set(admitted.spec.serviceCIDRs.map(familyOf))],
      now: new Date(),
    }
  }

  const refused = (): readonly string[] => [
    ...stores.brokerServices.list().flatMap((object) => believe.service(object).refused),
    ...stores.brokerEndpoints.list().flatMap((object) => believe.endpoints(object).refused),
  ]

  const isExported = (key: Key): readonly Key[] => (stores.exports.get(key) === undefined ? [] : [key])
  const about = (object: KubeObject): readonly Key[] => {
    const found = believe.about(object)
    return found === undefined ? [] : [found.key]
  }
  const everyExport = () => stores.exports.list().map(keyOf)

  return {
    offer,
    merged,
    importing,
    imported,
    refused,
    brokerHeard,
    /** Keys of our own objects at the broker. */
    ours: (object: KubeObject) => (object.metadata.namespace === memberNamespace(self) ? about(object) : []),
    exportSources: [
      source<ServiceExport>(stores.exports, (object) => [keyOf(object)]),
      source<Service>(stores.services, (object) => isExported(keyOf(object))),
      source<EndpointSlice>(stores.slices, (slice) => serviceKeys(slice).flatMap(isExported)),
      source(allocations, ({ spec }) => (spec.clusterID === self ? everyExport() : [])),
    ],
    importSources: [
      source<ServiceImport>(stores.imports, (object) => [keyOf(object)]),
      source<Service>(stores.services, importKeys),
      source<EndpointSlice>(stores.slices, importKeys),
      source<Namespace>(stores.namespaces, ({ metadata: { name } }) => [
        ...stores.brokerServices.by('namespace', name).flatMap(about),
        ...everyExport().filter(({ namespace }) => namespace === name),
      ]),
    ],
    /** The broker's word counts when it comes; nobody waits for it. */
    brokerSources: [
      ...heard.map((store: Store) => unawaited(source(store, about))),
      // Our own Allocation says which families we have, and that the door has brought in what we know of anybody.
      unawaited(
        source(allocations, ({ spec }) =>
          (spec.clusterID === self ? stores.brokerServices.list() : stores.brokerServices.by('cluster', spec.clusterID)).flatMap(
            about,
          ),
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
  stores.brokerServices.addIndex('namespace', (object) => [believe.about(object)?.key.namespace ?? ''])
  stores.brokerServices.addIndex('cluster', (object) => [believe.about(object)?.clusterID ?? ''])
  stores.slices.addIndex('service', (slice) => serviceKeys(slice).map(keyText))
  stores.slices.addIndex('import', (slice) => importKeys(slice).map(keyText))
}

/** The objects of one import, by what they are to it. */
const sorted = (have: readonly KubeObject[]): Importing['have'] => ({
  import: have.find((o) => o.kind === serviceImport.kind),
  service: have.find((o): o is Service => o.kind === services.kind),
  slices: have.filter((o): o is EndpointSlice => o.kind === endpointSlices.kind),
})

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
