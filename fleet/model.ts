// From a snapshot to what people ask for: clusters, gateways, connections, services. Pure; the CLI and the console show the same rows.
import type { Condition } from '#crds/fields.ts'
import type { Connection, GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import type { ExportedService } from '#crds/exported-service.ts'
import { clustersetZone, memberNamespace } from '#crds/places.ts'
import type { ServiceExport } from '#crds/service-export.ts'
import type { ServiceImport } from '#crds/service-import.ts'
import { merge } from '#operator/mcs/merge.ts'
import type { BrokerView, MemberView, Slice, Snapshot } from './snapshot.ts'

export type ClusterRow = {
  readonly id: string
  /** Local: the cluster asked. Peer: another member, as the local one sees it. Member: as the broker sees it. */
  readonly view: 'Local' | 'Peer' | 'Member'
  readonly state: 'Ready' | 'NotReady' | 'Leaving' | 'Silent' | 'NoGateway' | Connection['state']
  /** Node of the active gateway. */
  readonly gateway: string | undefined
  /** Through the cable between the active gateways. */
  readonly rttMs: number | undefined
  readonly podCIDRs: readonly string[]
  readonly serviceCIDRs: readonly string[]
  readonly message: string | undefined
}

export type GatewayRow = {
  readonly cluster: string
  readonly node: string
  readonly role: 'Active' | 'Standby' | 'Unknown'
  /** Where the others send to first, `address:port`. */
  readonly address: string | undefined
  readonly driver: string | undefined
  readonly connected: number
  readonly connections: number
  readonly publicKey: string
}

export type ConnectionRow = {
  readonly cluster: string
  readonly node: string
  readonly remoteCluster: string
  readonly remoteNode: string
  /** Active: traffic goes this way, as both ends are the active gateways of their clusters. */
  readonly role: 'Active' | 'Standby'
  readonly driver: string | undefined
  readonly state: Connection['state']
  readonly rttMs: number | undefined
  /** Where the far gateway's packets come from, `address:port`. */
  readonly address: string | undefined
  readonly since: string | undefined
  readonly message: string | undefined
}

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
  /** Whether the cluster asked exports it; undefined as the broker sees it. */
  readonly exportedHere: boolean | undefined
  readonly endpoints: number
  readonly readyEndpoints: number
  readonly state: 'Ready' | 'NoEndpoints' | 'Conflict' | 'Invalid' | 'Pending'
  readonly message: string | undefined
}

export function clustersOf({ member, broker, takenAt }: Snapshot): readonly ClusterRow[] {
  const rows =
    member !== undefined
      ? [localCluster(member), ...peers(member)]
      : (broker?.members.map((m) => memberCluster(m, broker, takenAt)) ?? [])
  return rows.toSorted(by((row) => [row.id]))
}

function localCluster(view: MemberView): ClusterRow {
  const { spec, status, metadata } = view.membership
  const ready = conditionOf(status?.conditions, 'Ready')
  const leaving = metadata.deletionTimestamp !== undefined
  const state = leaving ? 'Leaving' : ready?.status === 'True' ? 'Ready' : 'NotReady'
  return {
    id: spec.clusterID,
    view: 'Local',
    state,
    gateway: activeOf(believed(view), spec.clusterID)?.spec.node,
    rttMs: undefined,
    podCIDRs: spec.podCIDRs,
    serviceCIDRs: spec.serviceCIDRs,
    message: {
      Ready: complaintOf(status?.conditions),
      NotReady: ready?.message ?? 'the operator has not reported yet',
      Leaving: conditionOf(status?.conditions, 'Leaving')?.reason ?? 'the operator has not begun yet',
    }[state],
  }
}

/** What does not make a cluster unready and is worth knowing: a broker that does not answer, peers that are not believed. */
const complaintOf = (conditions: readonly Condition[] | undefined): string | undefined =>
  ['BrokerReachable', 'PeersValid']
    .map((type) => conditionOf(conditions, type))
    .flatMap((condition) => (condition?.status === 'False' ? condition.message : []))
    .join('; ') || undefined

function peers(view: MemberView): readonly ClusterRow[] {
  const { membership, allocations } = view
  const gateways = believed(view)
  const own = activeOf(gateways, membership.spec.clusterID)
  return allocations
    .filter((a) => a.spec.clusterID !== membership.spec.clusterID)
    .map(({ spec }) => {
      const far = activeOf(gateways, spec.clusterID)
      const link = (own?.status?.connections ?? []).find((c) => c.endpoint === far?.metadata.name)
      return {
        id: spec.clusterID,
        view: 'Peer',
        state: far === undefined ? 'NoGateway' : (link?.state ?? 'Connecting'),
        gateway: far?.spec.node,
        rttMs: millis(link),
        podCIDRs: spec.podCIDRs,
        serviceCIDRs: spec.serviceCIDRs,
        message:
          far === undefined
            ? 'it has announced no active gateway'
            : own === undefined
              ? 'no gateway is active here'
              : link?.message,
      }
    })
}

function memberCluster(
  { spec, status, metadata }: BrokerView['members'][number],
  { gateways, heartbeats }: BrokerView,
  now: Date,
): ClusterRow {
  const ready = conditionOf(status?.conditions, 'Ready')
  const active = activeOf(gateways, spec.clusterID)
  const heard = heartbeats.find((beat) => beat.namespace === memberNamespace(spec.clusterID))
  const silent = heard === undefined || now.getTime() - heard.heardAt.getTime() > 2000 * heard.goodForSeconds
  const [state, message] =
    metadata.deletionTimestamp !== undefined
      ? (['Leaving', 'its namespace is being removed'] as const)
      : ready?.status !== 'True'
        ? (['NotReady', ready?.message ?? 'the broker controller has not reported yet'] as const)
        : silent
          ? (['Silent', heard === undefined ? 'never heard' : `last heard at ${heard.heardAt.toISOString()}`] as const)
          : active === undefined
            ? (['NoGateway', 'it has announced no active gateway'] as const)
            : (['Ready', undefined] as const)
  return {
    id: spec.clusterID,
    view: 'Member',
    state,
    gateway: active?.spec.node,
    rttMs: undefined,
    podCIDRs: spec.podCIDRs,
    serviceCIDRs: spec.serviceCIDRs,
    message,
  }
}

export const gatewaysOf = (snapshot: Snapshot): readonly GatewayRow[] =>
  endpointsOf(snapshot)
    .map(({ spec, status }) => {
      const [first] = spec.candidates
      const connections = status?.connections ?? []
      return {
        cluster: spec.clusterID,
        node: spec.node,
        role: status?.role ?? ('Unknown' as const),
        address: first === undefined ? undefined : hostPort(first.address, first.port),
        driver: status?.driver,
        connected: connections.filter((c) => c.state === 'Connected').length,
        connections: connections.length,
        publicKey: spec.wireguard.publicKey,
      }
    })
    .toSorted(by((row) => [row.cluster, row.node]))

/** A member tells of its own connections; the broker of everybody's. */
export function connectionsOf(snapshot: Snapshot): readonly ConnectionRow[] {
  const all = endpointsOf(snapshot)
  const self = snapshot.member?.membership.spec.clusterID
  const isActive = (name: string, clusterID: string) => activeOf(all, clusterID)?.metadata.name === name
  return all
    .filter(({ spec }) => self === undefined || spec.clusterID === self)
    .flatMap(({ metadata, spec, status }) =>
      (status?.connections ?? []).map((c) => ({
        cluster: spec.clusterID,
        node: spec.node,
        remoteCluster: c.clusterID,
        remoteNode: c.node,
        role:
          isActive(metadata.name, spec.clusterID) && isActive(c.endpoint, c.clusterID)
            ? ('Active' as const)
            : ('Standby' as const),
        driver: status?.driver,
        state: c.state,
        rttMs: millis(c),
        address: c.address,
        since: c.since,
        message: c.message,
      })),
    )
    .toSorted(by((row) => [row.cluster, row.node, row.remoteCluster, row.remoteNode]))
}

export function servicesOf({ member, broker }: Snapshot): readonly ServiceRow[] {
  const rows =
    member !== undefined ? [...imported(member), ...notImported(member)] : broker === undefined ? [] : published(broker)
  return rows.toSorted(by((row) => [row.namespace, row.name]))
}

function imported({ imports, exports, slices }: MemberView): readonly ServiceRow[] {
  return imports.map((item) => {
    const { name, namespace = '' } = item.metadata
    const own = exports.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name)
    const sources = slices.filter((slice) => slice.namespace === namespace && slice.service === name)
    const counted = count(sources)
    const said = (item.status?.clusters ?? []).map(({ cluster }) => cluster)
    return {
      ...named(namespace, name),
      type: item.spec.type,
      ips: item.spec.ips ?? [],
      ports: item.spec.ports.map((p) => `${p.port}/${p.protocol ?? 'TCP'}`),
      clusters: [...new Set(said.length > 0 ? said : sources.map((s) => s.cluster))].toSorted(),
      exportedHere: own !== undefined,
      ...counted,
      ...stateOf(own, item, counted.readyEndpoints),
    }
  })
}

/** Exports that have led to nothing yet: the service is missing or of the wrong type, or the operator has not come to it. */
const notImported = ({ exports, imports }: MemberView): readonly ServiceRow[] =>
  exports
    .filter(({ metadata: e }) => !imports.some(({ metadata: i }) => i.namespace === e.namespace && i.name === e.name))
    .map((item) => ({
      ...named(item.metadata.namespace ?? '', item.metadata.name),
      type: undefined,
      ips: [],
      ports: [],
      clusters: [],
      exportedHere: true,
      endpoints: 0,
      readyEndpoints: 0,
      ...stateOf(item, undefined, 0),
    }))

type State = Pick<ServiceRow, 'state' | 'message'>

/** The first of these that is so: what a person must mend comes before what mends itself. */
function stateOf(own: ServiceExport | undefined, item: ServiceImport | undefined, readyEndpoints: number): State {
  const of = (object: ServiceExport | ServiceImport | undefined, type: string, status: Condition['status']) =>
    [conditionOf(object?.status?.conditions, type)].find((condition) => condition?.status === status)
  const conflict = of(own, 'Conflict', 'True') ?? of(item, 'Conflict', 'True')
  if (conflict !== undefined) return { state: 'Conflict', message: conflict.message }
  const invalid = of(own, 'Valid', 'False')
  if (invalid !== undefined) return { state: 'Invalid', message: invalid.message }
  const unready = of(own, 'Ready', 'False') ?? of(own, 'Ready', 'Unknown') ?? of(item, 'Ready', 'False')
  if (unready !== undefined) return { state: 'Pending', message: unready.message }
  if (item === undefined) return { state: 'Pending', message: 'the operator has not imported it yet' }
  return readyEndpoints === 0 ? { state: 'NoEndpoints', message: 'no endpoint is ready' } : { state: 'Ready', message: undefined }
}

/** The same merge as in every member, so the broker tells of the same conflicts. */
function published({ services, endpoints }: BrokerView): readonly ServiceRow[] {
  const byName = Map.groupBy(services, ({ spec }) => `${spec.namespace}/${spec.name}`)
  return [...byName.values()].flatMap((constituents) => {
    const merged = merge(constituents)
    return merged === undefined ? [] : [publishedService(merged, constituents, endpoints)]
  })
}

function publishedService(
  { type, global, contributors, conflict }: Exclude<ReturnType<typeof merge>, undefined>,
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
    exportedHere: undefined,
    ...counted,
    state: conflict !== undefined ? 'Conflict' : counted.readyEndpoints === 0 ? 'NoEndpoints' : 'Ready',
    message: conflict?.message ?? (counted.readyEndpoints === 0 ? 'no endpoint is ready' : undefined),
  }
}

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

/** Nothing that a person would have to look at. */
export const isWell = (row: ClusterRow | ConnectionRow | ServiceRow): boolean =>
  row.state === 'Ready' || row.state === 'Connected'

const named = (namespace: string, name: string) => ({ namespace, name, dnsName: `${name}.${namespace}.svc.${clustersetZone}` })

const endpointsOf = ({ member, broker }: Snapshot): readonly GatewayEndpoint[] =>
  member !== undefined ? believed(member) : (broker?.gateways ?? [])

/** What gateways of this cluster say that do not run is from before; those of others are judged by the cables that end here. */
function believed({ membership, gateways, running }: MemberView): readonly GatewayEndpoint[] {
  return gateways.map((endpoint) => {
    const { spec, status } = endpoint
    if (spec.clusterID !== membership.spec.clusterID || running.includes(spec.node) || status === undefined) return endpoint
    const { role: _, ...rest } = status
    const message = `no gateway runs on ${spec.node} now`
    return {
      ...endpoint,
      status: { ...rest, connections: (rest.connections ?? []).map((c) => ({ ...c, state: 'Error' as const, message })) },
    }
  })
}

/** Of two that say Active, the one with the higher term is right. */
const activeOf = (gateways: readonly GatewayEndpoint[], clusterID: string): GatewayEndpoint | undefined =>
  gateways
    .filter((g) => g.spec.clusterID === clusterID && g.status?.role === 'Active')
    .toSorted((a, b) => (b.status?.term ?? 0) - (a.status?.term ?? 0))[0]

const conditionOf = (conditions: readonly Condition[] | undefined, type: string): Condition | undefined =>
  conditions?.find((c) => c.type === type)

/** A figure from before the cable broke says nothing now. */
const millis = (connection: Connection | undefined): number | undefined =>
  connection?.state !== 'Connected' || connection.rttMicros === undefined ? undefined : connection.rttMicros / 1000

const hostPort = (address: string, port: number): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`

/** Byte order, the same on every machine. */
const by =
  <Row>(parts: (row: Row) => readonly string[]) =>
  (a: Row, b: Row): number => {
    const [x, y] = [parts(a).join('\0'), parts(b).join('\0')]
    return x < y ? -1 : x > y ? 1 : 0
  }
