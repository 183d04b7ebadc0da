// What this cluster makes of one service of the clusterset: a ServiceImport, the Service that gives it an address, and the
// EndpointSlices behind it. The plan names only what can be written now; what it brings back makes room for the next.
//
//   derived Service ──clusterIP──► ServiceImport      ──► status, what is no longer wanted
//                   ──uid────────► its EndpointSlices
//
// The address comes first, because a name that resolves waits for it and for nothing else. So the Service has no owner, which would be the
// import, and a second write: whatever is left without an export is taken away here. Where there is no Service the import owns the slices.
import type { ExportedService, ServicePort } from '#crds/exported-service.ts'
import type { ServiceImport } from '#crds/service-import.ts'
import { serviceImport } from '#crds/service-import.ts'
import type { NewCondition } from '#lib/kube/conditions.ts'
import { setConditions } from '#lib/kube/conditions.ts'
import { again, blocked, settled } from '#lib/kube/controller.ts'
import { same } from '#lib/kube/differs.ts'
import type { EndpointSlice, Service } from '#lib/kube/kinds.ts'
import { endpointSlices, services } from '#lib/kube/kinds.ts'
import type { Kind, KubeObject, Wanted } from '#lib/kube/object.ts'
import { keyOf, ownedBy } from '#lib/kube/object.ts'
import type { Plan, Step } from '#lib/kube/plan.ts'
import { changes, deleteStep } from '#lib/kube/plan.ts'
import type { ClusterID } from '#lib/net/cluster-id.ts'
import type { IPFamily } from '#lib/net/ip.ts'
import { fieldManager } from '../install/install.ts'
import type { Choice } from './choice.ts'
import { derivedService, importObject } from './import-objects.ts'
import type { Merged } from './merge.ts'
import type { ServiceKey } from './names.ts'
import { isOurs } from './names.ts'
import type { SourceCluster } from './slices.ts'
import { slicesOf } from './slices.ts'
import type { Chosen, Traffic } from './traffic.ts'
import { chosenOf, nextChoiceMs, sourceOf } from './traffic.ts'

/** Upstream's schema lets the spec be absent. */
type HadImport = KubeObject & Partial<Pick<ServiceImport, 'spec'>> & Pick<ServiceImport, 'status'>

export type Importing = {
  readonly self: ClusterID
  readonly key: ServiceKey
  /** Where an import may be: only in a namespace that exists and stays. */
  readonly namespace: 'present' | 'absent'
  /** `unheard`: of some of the others we know only what was written here before. */
  readonly merged: Merged | 'unheard' | undefined
  /** While it is unheard: whether what is here of this cluster stays until it is heard. The others are known. */
  readonly isAwaited: (cluster: string) => boolean
  /** What each cluster offers under this name, as far as it is believed. */
  readonly sources: readonly SourceCluster[]
  /** Families of this cluster's Services, the first one first; undefined while nothing is known of who was admitted. */
  readonly families: readonly IPFamily[] | undefined
  /** Families of its pods, which call those of a headless service themselves. */
  readonly podFamilies: readonly IPFamily[]
  /** What says which of the sources answer. */
  readonly traffic: Traffic
  readonly have: {
    readonly import: HadImport | undefined
    /** The Service of the derived name. */
    readonly service: Service | undefined
    readonly slices: readonly EndpointSlice[]
  }
  readonly now: Date
}

export function planImport(seen: Importing): Plan {
  const { key, namespace, merged, have } = seen
  if (namespace === 'absent' || seen.families === undefined) return nothing
  const foreign = [have.import, have.service].find((object) => object !== undefined && !isOurs(object))
  if (merged === 'unheard') return foreign === undefined ? planUnheard(seen) : nothing
  if (merged === undefined) return drop([have.import, have.service, ...have.slices].filter((o) => o !== undefined && isOurs(o)))
  if (foreign !== undefined)
    return {
      steps: [],
      next: blocked(
        'ForeignObject',
        `${foreign.kind} ${key.namespace}/${foreign.metadata.name} was not made by Tombolo: delete it, so that ${key.namespace}/${key.name} can be imported`,
      ),
    }
  return waiting(seen, merged.type === 'Headless' ? planHeadless(seen, merged) : planClusterSetIP(seen, merged))
}

/** With the look at it that is due when a cluster has been back for long enough. */
function waiting({ traffic, sources, have }: Importing, plan: Plan): Plan {
  const clusters = sources.map(({ service }) => service.spec.clusterID)
  const ms = nextChoiceMs(traffic, clusters, have.slices)
  return ms === undefined ? plan : { ...plan, next: again(ms, 'a cluster is back, but not for long yet') }
}

const nothing: Plan = { steps: [], next: settled }

/** The first of the stages that would write something. */
function firstOf(...stages: readonly (() => readonly Step[])[]): Plan {
  for (const stage of stages) {
    const steps = stage().filter((step) => changes(step, fieldManager))
    if (steps.length > 0) return { steps, next: settled }
  }
  return nothing
}

function drop(objects: readonly (KubeObject | undefined)[]): Plan {
  return { steps: objects.flatMap((object) => (object === undefined ? [] : [dropStep(object)])), next: settled }
}

const kinds: readonly Kind[] = [serviceImport, services, endpointSlices]

function dropStep(object: KubeObject): Step {
  const kind = kinds.find((k) => k.kind === object.kind)
  if (kind === undefined) throw new Error(`${object.kind} is no kind of an import`)
  return deleteStep(kind, object)
}

function planHeadless(seen: Importing, merged: Merged): Plan {
  const { have, podFamilies } = seen
  if (!merged.global.ipFamilies.some((family) => podFamilies.includes(family)))
    return planNoFamily(seen, merged, `pods have ${podFamilies.join(' and ')}`)
  const { choices, slices } = chosenHere(seen)
  return firstOf(
    () => [apply(serviceImport, importObject(seen.key, merged, { ipFamilies: merged.global.ipFamilies }), have.import)],
    () => putSlices(slices, have.slices),
    () => [
      ...(have.service === undefined ? [] : [dropStep(have.service)]),
      ...dropSlices(slices, have.slices),
      ...status(seen, merged, {
        status: 'True',
        reason: 'Ready',
        message: `the endpoints are in EndpointSlices${byFleet(seen, choices)}`,
      }),
    ],
  )
}

function planClusterSetIP(seen: Importing, merged: Merged): Plan {
  const { key, have, families = [] } = seen
  const ipFamilies = familiesOf(merged.global.ipFamilies, families, have.service)
  const [primary] = ipFamilies
  if (primary === undefined) return planNoFamily(seen, merged, `Services have ${families.join(' and ')}`)
  // A Service keeps the family it was made with, so one of another family is another Service.
  if (have.service !== undefined && (have.service.spec?.ipFamilies?.[0] ?? primary) !== primary) return drop([have.service])
  const ips = have.service?.spec?.clusterIPs ?? []
  if (have.service !== undefined && ips.length === 0) return nothing
  const service = apply(services, derivedService(key, merged.global, ipFamilies), have.service)
  const { choices, slices } = chosenHere(seen)
  return firstOf(
    // Its addresses are what the import says: as many as there are families.
    () => (same(ipFamilies, have.service?.spec?.ipFamilies) ? [] : [service]),
    () => [
      apply(serviceImport, importObject(key, merged, { ipFamilies, ips }), have.import),
      ...putSlices(slices, have.slices),
      service,
    ],
    () => [
      ...dropSlices(slices, have.slices),
      ...status(seen, merged, {
        status: 'True',
        reason: 'Ready',
        message: `reachable at ${ips.join(' and ')} from this cluster${byFleet(seen, choices)}`,
      }),
    ],
  )
}

/** Nobody here could reach it: the import says so, and stands for nothing else. */
function planNoFamily(seen: Importing, merged: Merged, what: string): Plan {
  const { have } = seen
  const { ipFamilies } = merged.global
  const addresses = merged.type === 'Headless' ? { ipFamilies } : { ipFamilies, ips: [] }
  return firstOf(
    () => [apply(serviceImport, importObject(seen.key, merged, addresses), have.import)],
    () => [
      ...[have.service, ...have.slices].flatMap((object) => (object === undefined ? [] : [dropStep(object)])),
      ...status(seen, merged, {
        status: 'False',
        reason: 'IPFamilyNotSupported',
        message: `the service is exported for ${ipFamilies.join(' and ')}, and this cluster’s ${what}: export it from a cluster of that family, or make its Service dual-stack`,
      }),
    ],
  )
}

/**
 * Without the word of some the import stays as it is, and so do their endpoints, unless they cannot answer: another cluster does instead.
 * The endpoints of all others move, and those of a cluster that was thrown out go.
 */
function planUnheard(seen: Importing): Plan {
  const { have, isAwaited, traffic } = seen
  if (have.import === undefined) return nothing
  const { choices, slices: wanted } = chosenHere(seen)
  const out = new Set(
    choices.flatMap(({ cluster, state }) =>
      state === 'Denied' || (state === 'Unready' && traffic.pathTo(cluster).kind === 'dead') ? [cluster] : [],
    ),
  )
  const movable = have.slices.filter((slice) => !isAwaited(sourceOf(slice)) || out.has(sourceOf(slice)))
  return firstOf(
    () => putSlices(wanted, movable),
    () => dropSlices(wanted, movable),
  )
}

/** In the order of the import, but the first one of a Service that exists stays the first. */
function familiesOf(wanted: readonly IPFamily[], here: readonly IPFamily[], service: Service | undefined): IPFamily[] {
  const possible = wanted.filter((family) => here.includes(family))
  const first = service?.spec?.ipFamilies?.[0]
  return possible.toSorted((a, b) => Number(b === first) - Number(a === first))
}

function apply<T extends KubeObject>(kind: Kind<T>, object: Wanted<NoInfer<T>>, have: KubeObject | undefined): Step {
  return { do: 'apply', kind, object, have }
}

/** Who answers, and what is put behind the import for it. While the broker is not heard, the others stay as they are. */
function chosenHere(seen: Importing): Chosen {
  const offered = offeredSlices(seen)
  const { choices, slices } = chosenAmong(seen, offered)
  return { choices, slices: slices.filter((slice) => offered.has(sourceOf(slice))) }
}

/** Which clusters answer, and why. */
export const choicesIn = (seen: Importing): readonly Choice[] => chosenHere(seen).choices

/** Where no policy says who answers, there is none either that would tell. */
function byFleet({ traffic: { policy, fleets } }: Importing, choices: readonly Choice[]): string {
  if (policy !== undefined || fleets === undefined) return ''
  const answering = choices.flatMap(({ cluster, state }) => (state === 'Answers' ? [cluster] : []))
  const some = `${answering.slice(0, 5).join(', ')}${answering.length > 5 ? ', …' : ''}`
  return `; by the fleet’s traffic default, ${fleets.locality}, ${some} ${answering.length === 1 ? 'answers' : 'answer'}`
}

/** Who is not heard offers what is here of it. */
function chosenAmong({ self, merged, isAwaited, traffic, have }: Importing, offered: Offered): Chosen {
  const here = merged === 'unheard' ? have.slices.filter((slice) => isAwaited(sourceOf(slice))) : []
  return chosenOf(self, traffic, new Map([...Map.groupBy(here, sourceOf), ...offered]), have.slices)
}

type Offered = ReadonlyMap<string, readonly EndpointSlice[]>

/** By cluster, of those that are heard. */
function offeredSlices({ merged, isAwaited, key, sources, traffic, have }: Importing): Offered {
  const imported =
    merged === undefined || merged === 'unheard' ? knownBefore(have.import) : { ...merged.global, type: merged.type }
  const owner = imported?.type === 'Headless' ? have.import : have.service
  if (imported === undefined || owner === undefined) return new Map()
  const { type, ports } = imported
  // Weights want every endpoint called alike, and hints would have some zones call some alone.
  const trafficDistribution = traffic.policy?.weights === undefined ? imported.trafficDistribution : undefined
  const there = new Set(have.slices.map(({ metadata }) => metadata.name))
  const isThere = (name: string) => there.has(name)
  const as = { key, type, ports, trafficDistribution, owner: ownedBy(owner), isThere }
  return new Map(
    sources
      .filter(({ service: { spec } }) => spec.type === type && (merged !== 'unheard' || !isAwaited(spec.clusterID)))
      .map((source) => [source.service.spec.clusterID, slicesOf(as, source)]),
  )
}

/** The service as it was imported. */
function knownBefore(object: HadImport | undefined) {
  if (object?.spec === undefined) return undefined
  const ports = object.spec.ports.map(({ name, protocol, port }): ServicePort => {
    const known = protocol === 'UDP' || protocol === 'SCTP' ? protocol : 'TCP'
    return { ...(name === undefined || name === '' ? {} : { name }), protocol: known, port }
  })
  return { ...object.spec, ports }
}

function putSlices(wanted: readonly EndpointSlice[], there: readonly EndpointSlice[]): readonly Step[] {
  const have = new Map(there.map((slice) => [slice.metadata.name, slice]))
  return wanted.map((slice) => apply(endpointSlices, slice, have.get(slice.metadata.name)))
}

function dropSlices(wanted: readonly EndpointSlice[], there: readonly EndpointSlice[]): readonly Step[] {
  const names = new Set(wanted.map((slice) => slice.metadata.name))
  return there.filter((slice) => !names.has(slice.metadata.name)).map(dropStep)
}

type Verdict = Pick<NewCondition, 'status' | 'reason' | 'message'>

function status({ have, now }: Importing, { contributors }: Merged, ready: Verdict): readonly Step[] {
  if (have.import === undefined) return []
  const { generation: observedGeneration } = have.import.metadata
  const condition = { type: 'Ready', ...ready, ...(observedGeneration === undefined ? {} : { observedGeneration }) }
  const clusters = contributors.map((service: ExportedService) => service.spec.clusterID).sort()
  return [
    {
      do: 'status',
      kind: serviceImport,
      key: keyOf(have.import),
      status: {
        clusters: clusters.map((cluster) => ({ cluster })),
        endpointSliceObjects: 'Present',
        conditions: setConditions(have.import.status?.conditions, [condition], now),
      },
      have: have.import,
    },
  ]
}
