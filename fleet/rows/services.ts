// The services of the clusterset: what is exported, imported, and answered by whom.
import type { Condition } from '#crds/fields.ts'
import type { ExportedService } from '#crds/exported-service.ts'
import { exportToOf, isSharedWith } from '#crds/export-to.ts'
import { clustersetZone } from '#crds/places.ts'
import { whyNotExported } from '#crds/rules/export-name.ts'
import type { ServiceExport } from '#crds/service-export.ts'
import type { ServiceImport } from '#crds/service-import.ts'
import type { ServiceTrafficPolicy } from '#crds/service-traffic-policy.ts'
import { conditionOf } from '#lib/kube/conditions.ts'
import type { Merged } from '#operator/mcs/merge.ts'
import { merge } from '#operator/mcs/merge.ts'
import { trafficDefaultOf } from '#operator/mcs/traffic-default.ts'
import type { BrokerView, MemberView, Slice, Snapshot } from '../snapshot.ts'
import { by } from './order.ts'

/** `to`: the clusters that may import what `from` exports. */
export type ExportedTo = { readonly from: string; readonly to: readonly string[] }

export type ServiceRow = {
  readonly namespace: string
  readonly name: string
  /** `web.shop.svc.clusterset.local`. */
  readonly dnsName: string
  readonly type: string | undefined
  readonly ips: readonly string[]
  /** `80/TCP`. */
  readonly ports: readonly string[]
  /** Whose endpoints it has. */
  readonly clusters: readonly string[]
  /** Those of them that answer the cluster asked, where not all do: its ServiceTrafficPolicy chooses, or some have no endpoint here. */
  readonly answering: readonly string[] | undefined
  /** What chose them: its ServiceTrafficPolicy, or the Fleet, by whose default those answer that have endpoints here. */
  readonly chosenBy: 'ServiceTrafficPolicy' | 'Fleet' | undefined
  /** Of clusters that export it to some alone, as far as the cluster asked tells: a member of itself, the broker of all. */
  readonly exportedTo: readonly ExportedTo[]
  /** Of the calls from the cluster asked, in percent, where a ServiceTrafficPolicy has weights that hold. */
  readonly shares: readonly { readonly cluster: string; readonly wanted: number; readonly got: number }[] | undefined
  /** Whether the cluster asked exports it; undefined as the broker sees it. */
  readonly exportedHere: boolean | undefined
  readonly endpoints: number
  readonly readyEndpoints: number
  readonly state: 'Ready' | 'NoEndpoints' | 'Conflict' | 'Invalid' | 'NotGranted' | 'Pending'
  readonly message: string | undefined
}

export function servicesOf({ member, broker }: Snapshot): readonly ServiceRow[] {
  const rows =
    member !== undefined ? [...imported(member), ...notImported(member)] : broker === undefined ? [] : published(broker)
  return rows.toSorted(by((row) => [row.namespace, row.name]))
}

function imported({ membership, allocations, imports, exports, trafficPolicies, slices }: MemberView): readonly ServiceRow[] {
  const allocation = allocations.find(({ spec }) => spec.clusterID === membership.spec.clusterID)
  const byDefault = trafficDefaultOf(membership.spec, allocation) === undefined ? undefined : 'Fleet'
  return imports.map((item) => {
    const { name, namespace = '' } = item.metadata
    const own = exports.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name)
    const policy = trafficPolicies.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name)
    const sources = slices.filter((slice) => slice.namespace === namespace && slice.service === name)
    const counted = count(sources)
    const said = (item.status?.clusters ?? []).map(({ cluster }) => cluster)
    const clusters = [...new Set(said.length > 0 ? said : sources.map((s) => s.cluster))].toSorted()
    return {
      ...named(namespace, name),
      type: item.spec.type,
      ips: item.spec.ips ?? [],
      ports: item.spec.ports.map((p) => `${p.port}/${p.protocol ?? 'TCP'}`),
      clusters,
      answering:
        policy?.status?.clusters?.flatMap(({ cluster, state }) => (state === 'Answers' ? [cluster] : [])) ??
        havingEndpoints(clusters, sources),
      chosenBy: policy === undefined ? byDefault : 'ServiceTrafficPolicy',
      exportedTo: exportedTo(membership, own),
      shares: sharesIn(policy),
      exportedHere: own !== undefined,
      ...counted,
      ...stateOf(own, item, policy, counted.readyEndpoints),
    }
  })
}

function sharesIn(policy: ServiceTrafficPolicy | undefined): ServiceRow['shares'] {
  const shares = (policy?.status?.clusters ?? []).flatMap(({ cluster, share }) =>
    share === undefined ? [] : [{ cluster, wanted: share.wantedPercent, got: share.gotPercent }],
  )
  return shares.length === 0 ? undefined : shares
}

/** Without a policy one that is cut off is left out of the slices while another has an endpoint. Undefined where it is all of them, or none. */
function havingEndpoints(clusters: readonly string[], slices: readonly Slice[]): readonly string[] | undefined {
  const having = clusters.filter((cluster) => slices.some((slice) => slice.cluster === cluster && slice.endpoints > 0))
  return having.length === 0 || having.length === clusters.length ? undefined : having
}

/** What is not understood is exported to nobody, and says so. */
function exportedTo({ spec }: MemberView['membership'], own: ServiceExport | undefined): readonly ExportedTo[] {
  const read = own === undefined ? undefined : exportToOf(own)
  return read?.ok === true && read.value !== undefined ? [{ from: spec.clusterID, to: read.value }] : []
}

/** Exports that have led to nothing yet: the service is missing or of the wrong type, or the operator has not come to it. */
const notImported = ({ membership, exports, imports }: MemberView): readonly ServiceRow[] =>
  exports
    .filter(({ metadata: e }) => !imports.some(({ metadata: i }) => i.namespace === e.namespace && i.name === e.name))
    .map((item) => ({
      ...named(item.metadata.namespace ?? '', item.metadata.name),
      type: undefined,
      ips: [],
      ports: [],
      clusters: [],
      answering: undefined,
      chosenBy: undefined,
      exportedTo: exportedTo(membership, item),
      shares: undefined,
      exportedHere: true,
      endpoints: 0,
      readyEndpoints: 0,
      ...stateOf(item, undefined, undefined, 0),
    }))

type State = Pick<ServiceRow, 'state' | 'message'>

/** The first of these that is so: what a person must mend comes before what mends itself. */
function stateOf(
  own: ServiceExport | undefined,
  item: ServiceImport | undefined,
  policy: ServiceTrafficPolicy | undefined,
  readyEndpoints: number,
): State {
  const of = (
    object: ServiceExport | ServiceImport | ServiceTrafficPolicy | undefined,
    type: string,
    status: Condition['status'],
  ) => [conditionOf(object?.status?.conditions, type)].find((condition) => condition?.status === status)
  const conflict = of(own, 'Conflict', 'True') ?? of(item, 'Conflict', 'True')
  if (conflict !== undefined) return { state: 'Conflict', message: conflict.message }
  const invalid = of(own, 'Valid', 'False')
  if (invalid !== undefined)
    return { state: invalid.reason === 'NotGranted' ? 'NotGranted' : 'Invalid', message: invalid.message }
  const unready = of(own, 'Ready', 'False') ?? of(own, 'Ready', 'Unknown') ?? of(item, 'Ready', 'False')
  if (unready !== undefined) return { state: 'Pending', message: unready.message }
  if (item === undefined) return { state: 'Pending', message: 'the operator has not imported it yet' }
  const fault = of(policy, 'Ready', 'False')
  const unknown = of(own, 'ImportersKnown', 'False')
  const said = fault === undefined ? unknown?.message : `traffic policy: ${fault.message}`
  return readyEndpoints === 0
    ? { state: 'NoEndpoints', message: said ?? 'no endpoint is ready' }
    : { state: 'Ready', message: said }
}

/** The same rule and the same merge as in every member, so the broker tells of the same refusals and conflicts. */
function published({ services, endpoints, allocations }: BrokerView): readonly ServiceRow[] {
  const isGranted = ({ spec }: ExportedService) => {
    const allocated = allocations.find((a) => a.spec.clusterID === spec.clusterID)
    return allocated === undefined || whyNotExported(allocated.spec.exports, spec) === undefined
  }
  const byName = Map.groupBy(services, ({ spec }) => `${spec.namespace}/${spec.name}`)
  return [...byName.values()].flatMap((constituents) => {
    const { granted = [], not = [] } = Object.groupBy(constituents, (one) => (isGranted(one) ? 'granted' : 'not'))
    const merged = merge(granted)
    const seen = merged === undefined ? [] : [publishedService({ ...merged, conflict: conflictOf(granted) }, granted, endpoints)]
    return [...seen, ...not.map(notGranted)]
  })
}

/** Of what is not exported to every member, only clusters that import both of two exports see that they differ. */
function conflictOf(constituents: readonly ExportedService[]): Merged['conflict'] {
  const named = constituents.flatMap(({ spec }) => [spec.clusterID, ...(spec.exportTo ?? [])])
  // One that nobody names stands for all of these.
  const viewers = new Set<string>([...named, ''])
  return [...viewers]
    .map((viewer) => merge(constituents.filter(({ spec }) => isSharedWith(spec, viewer)))?.conflict)
    .find((conflict) => conflict !== undefined)
}

/** A member takes back what it may not export, so this one does not keep to the rules, or its operator is away. */
const notGranted = ({ spec }: ExportedService): ServiceRow => ({
  ...named(spec.namespace, spec.name),
  type: spec.type,
  ips: [],
  ports: [],
  clusters: [spec.clusterID],
  answering: undefined,
  chosenBy: undefined,
  exportedTo: toldBy([spec]),
  shares: undefined,
  exportedHere: undefined,
  endpoints: 0,
  readyEndpoints: 0,
  state: 'NotGranted',
  message: `${spec.clusterID} publishes it, and no ExportGrant lets it: no cluster imports it from there`,
})

function publishedService(
  { type, global, contributors, conflict }: Merged,
  constituents: readonly ExportedService[],
  endpoints: BrokerView['endpoints'],
): ServiceRow {
  const { namespace, name } = constituents[0]?.spec ?? { namespace: '', name: '' }
  const clusters = contributors.map(({ spec }) => spec.clusterID as string).toSorted()
  const counted = count(
    endpoints
      .filter(({ spec }) => spec.namespace === namespace && spec.name === name && clusters.includes(spec.clusterID))
      .map(({ spec }) => ({
        cluster: spec.clusterID,
        addressType: spec.addressType,
        endpoints: spec.endpoints.length,
        ready: spec.endpoints.filter((e) => e.ready).length,
      })),
  )
  return {
    ...named(namespace, name),
    type,
    ips: [],
    ports: global.ports.map((p) => `${p.port}/${p.protocol}`),
    clusters,
    answering: undefined,
    chosenBy: undefined,
    exportedTo: toldBy(constituents.map(({ spec }) => spec)),
    shares: undefined,
    exportedHere: undefined,
    ...counted,
    state: conflict !== undefined ? 'Conflict' : counted.readyEndpoints === 0 ? 'NoEndpoints' : 'Ready',
    message: conflict?.message ?? (counted.readyEndpoints === 0 ? 'no endpoint is ready' : undefined),
  }
}

const toldBy = (specs: readonly ExportedService['spec'][]): readonly ExportedTo[] =>
  specs.flatMap(({ clusterID, exportTo }) => (exportTo === undefined ? [] : [{ from: clusterID, to: exportTo }]))

/** A dual-stack endpoint is in a slice of each family: of each cluster the family that has more counts. */
function count(
  slices: readonly Pick<Slice, 'cluster' | 'addressType' | 'endpoints' | 'ready'>[],
): Pick<ServiceRow, 'endpoints' | 'readyEndpoints'> {
  const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0)
  const most = (pick: (slice: (typeof slices)[number]) => number) =>
    sum(
      [...Map.groupBy(slices, (s) => s.cluster).values()].map((ofCluster) =>
        Math.max(...[...Map.groupBy(ofCluster, (s) => s.addressType).values()].map((family) => sum(family.map(pick)))),
      ),
    )
  return { endpoints: most((s) => s.endpoints), readyEndpoints: most((s) => s.ready) }
}

const named = (namespace: string, name: string) => ({ namespace, name, dnsName: `${name}.${namespace}.svc.${clustersetZone}` })
