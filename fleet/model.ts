// From a snapshot to what people ask for: clusters, gateways, connections, services. Pure; the CLI and the console show the same rows.
import type { Allocation } from '#crds/allocation.ts'
import type { Condition } from '#crds/fields.ts'
import type { Connection, GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import type { ExportedService } from '#crds/exported-service.ts'
import { clustersetZone, memberNamespace } from '#crds/places.ts'
import type { ServiceExport } from '#crds/service-export.ts'
import type { ServiceImport } from '#crds/service-import.ts'
import { fingerprint } from '#lib/identity/identity.ts'
import { cableMtu } from '#gateway/data-plane.ts'
import { merge } from '#operator/mcs/merge.ts'
import { cniOf } from './cni.ts'
import type { BrokerView, MemberView, Slice, Snapshot } from './snapshot.ts'

export type ClusterRow = {
  readonly id: string
  /** Local: the cluster asked. Peer: another member, as the local one sees it. Member: as the broker sees it. */
  readonly view: 'Local' | 'Peer' | 'Member'
  readonly state: 'Ready' | 'NotReady' | 'Leaving' | 'Quarantined' | 'Silent' | 'NoGateway' | Connection['state']
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
  /** When the certificate that it holds ends; undefined: it holds none, or is of another cluster, which tells nobody but the broker. */
  readonly certificateUntil: string | undefined
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
  /** Whether the key of the two clusters is mixed in; undefined: the gateway is of a version that does not say. */
  readonly pairKey: Connection['pairKey']
  readonly message: string | undefined
}

/** A member, as the broker knows it. */
export type MemberRow = {
  readonly id: string
  readonly state: ClusterRow['state']
  readonly podCIDRs: readonly string[]
  readonly serviceCIDRs: readonly string[]
  /** Active gateway’s node. */
  readonly gateway: string | undefined
  readonly heardAt: string | undefined
  /** Since its last heartbeat. */
  readonly silentSeconds: number | undefined
  readonly clusterUID: string
  /** Of its identity, to be compared by two people; undefined for one that joined without. */
  readonly fingerprint: string | undefined
  readonly message: string | undefined
}

/** Where a gateway can be sent to. */
export type EndpointRow = {
  readonly cluster: string
  readonly node: string
  readonly name: string
  /** `type address:port`, best first. */
  readonly candidates: readonly string[]
  readonly driver: string | undefined
  /** Whether other clusters hear it under another address than it names; undefined while nobody says. */
  readonly behindNAT: boolean | undefined
  readonly publicKey: string
}

export type NetworkRow = {
  readonly cluster: string
  readonly view: 'Local' | 'Peer' | 'Member'
  readonly podCIDRs: readonly string[]
  readonly serviceCIDRs: readonly string[]
  readonly families: readonly string[]
  /** Of the cluster asked: what was found of its CNI and its kube-proxy, and how many nodes it has. */
  readonly cni: string | undefined
  readonly kubeProxy: string | undefined
  readonly nodes: number | undefined
  /** The largest packet that passes between pods of two clusters, where the nodes’ network has 1500 bytes. */
  readonly mtu: number
}

export type VersionRow = {
  readonly component: string
  readonly namespace: string
  /** The image it is to run. */
  readonly configured: string | undefined
  /** The images that its pods run. */
  readonly running: readonly string[]
  readonly pods: number
  /** Of the nodes that it runs on. */
  readonly arch: readonly string[]
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
      if (spec.state === 'Quarantined') return quarantined(spec, 'Peer')
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

const quarantined = ({ clusterID, podCIDRs, serviceCIDRs }: Allocation['spec'], view: ClusterRow['view']): ClusterRow => ({
  id: clusterID,
  view,
  state: 'Quarantined',
  gateway: undefined,
  rttMs: undefined,
  podCIDRs,
  serviceCIDRs,
  message: 'nothing of it is routed or imported',
})

/** The other clusters that are to be reached. */
export const peersOf = ({ membership, allocations }: MemberView): readonly Allocation[] =>
  allocations.filter((a) => a.spec.clusterID !== membership.spec.clusterID && a.spec.state !== 'Quarantined')

function memberCluster(
  { spec, status, metadata }: BrokerView['members'][number],
  { gateways, heartbeats, allocations }: BrokerView,
  now: Date,
): ClusterRow {
  const held = allocations.find((a) => a.spec.clusterID === spec.clusterID && a.spec.state === 'Quarantined')
  if (held !== undefined) return quarantined(held.spec, 'Member')
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

/** Empty where there is no broker. */
export function membersOf({ broker, takenAt }: Snapshot): readonly MemberRow[] {
  if (broker === undefined) return []
  return broker.members
    .map((m) => {
      const { id, state, podCIDRs, serviceCIDRs, gateway, message } = memberCluster(m, broker, takenAt)
      const heard = broker.heartbeats.find((beat) => beat.namespace === memberNamespace(id))?.heardAt
      return {
        id,
        state,
        podCIDRs,
        serviceCIDRs,
        gateway,
        heardAt: heard?.toISOString(),
        silentSeconds: heard === undefined ? undefined : Math.max(0, Math.round((takenAt.getTime() - heard.getTime()) / 1000)),
        clusterUID: m.spec.clusterUID,
        fingerprint: fingerprintOf(broker.allocations.find((a) => a.spec.clusterID === id)),
        message,
      }
    })
    .toSorted(by((row) => [row.id]))
}

const fingerprintOf = (allocation: Allocation | undefined): string | undefined =>
  allocation?.spec.identity === undefined ? undefined : fingerprint(allocation.spec.identity)

export function addressesOf(snapshot: Snapshot): readonly EndpointRow[] {
  const all = endpointsOf(snapshot)
  return all
    .map(({ metadata, spec, status }) => ({
      cluster: spec.clusterID,
      node: spec.node,
      name: metadata.name,
      candidates: spec.candidates.map((c) => `${c.type} ${hostPort(c.address, c.port)}`),
      driver: status?.driver,
      behindNAT: behindNAT(metadata.name, spec, all),
      publicKey: spec.wireguard.publicKey,
    }))
    .toSorted(by((row) => [row.cluster, row.node]))
}

/** Others say from where its packets come: an address that it does not name itself is that of something in between. */
function behindNAT(name: string, { candidates }: GatewayEndpoint['spec'], all: readonly GatewayEndpoint[]): boolean | undefined {
  const heardFrom = all.flatMap((g) =>
    (g.status?.connections ?? []).flatMap((c) => (c.endpoint === name && c.state === 'Connected' ? (c.address ?? []) : [])),
  )
  return heardFrom.length === 0
    ? undefined
    : heardFrom.some((from) => !candidates.some((c) => from === hostPort(c.address, c.port)))
}

export function networksOf({ member, broker, platform, probed }: Snapshot): readonly NetworkRow[] {
  const row = (cluster: string, view: NetworkRow['view'], spec: Pick<NetworkRow, 'podCIDRs' | 'serviceCIDRs'>): NetworkRow => ({
    cluster,
    view,
    podCIDRs: spec.podCIDRs,
    serviceCIDRs: spec.serviceCIDRs,
    families: [...new Set(spec.podCIDRs.map((c) => (c.includes(':') ? 'IPv6' : 'IPv4')))],
    cni: view === 'Local' ? cniOf(platform)?.name : undefined,
    kubeProxy: view === 'Local' ? (probed.networks[0]?.proxyMode ?? platform.kubeProxy?.mode) : undefined,
    nodes: view === 'Local' ? platform.nodes.length : undefined,
    mtu: cableMtu,
  })
  const rows =
    member !== undefined
      ? [
          row(member.membership.spec.clusterID, 'Local', member.membership.spec),
          ...member.allocations
            .filter((a) => a.spec.clusterID !== member.membership.spec.clusterID)
            .map((a) => row(a.spec.clusterID, 'Peer', a.spec)),
        ]
      : (broker?.members ?? []).map((m) => row(m.spec.clusterID, 'Member', m.spec))
  return rows.toSorted(by((r) => [r.cluster]))
}

export function versionsOf({ member, broker, platform }: Snapshot): readonly VersionRow[] {
  return [member, broker]
    .flatMap((view) =>
      (view?.workloads ?? []).map((workload) => {
        const pods = view?.pods.filter((p) => p.component === workload.component && !p.going) ?? []
        const nodes = new Set(pods.map((p) => p.node))
        return {
          component: workload.component,
          namespace: workload.namespace,
          configured: workload.image,
          running: [...new Set(pods.flatMap((p) => p.image ?? []))].toSorted(),
          pods: pods.length,
          arch: [...new Set(platform.nodes.flatMap((n) => (nodes.has(n.name) && n.arch !== '' ? n.arch : [])))].toSorted(),
        }
      }),
    )
    .toSorted(by((row) => [row.namespace, row.component]))
}

export function gatewaysOf(snapshot: Snapshot): readonly GatewayRow[] {
  const certificates = snapshot.member?.certificates ?? snapshot.broker?.certificates ?? []
  return endpointsOf(snapshot)
    .map(({ metadata, spec, status }) => {
      const [first] = spec.candidates
      const connections = status?.connections ?? []
      const certificate = certificates.find((c) => c.metadata.name === metadata.name && c.spec.clusterID === spec.clusterID)
      return {
        cluster: spec.clusterID,
        node: spec.node,
        role: status?.role ?? ('Unknown' as const),
        address: first === undefined ? undefined : hostPort(first.address, first.port),
        driver: status?.driver,
        connected: connections.filter((c) => c.state === 'Connected').length,
        connections: connections.length,
        publicKey: spec.wireguard.publicKey,
        certificateUntil: certificate?.spec.inUse === undefined ? undefined : certificate.status?.notAfter,
      }
    })
    .toSorted(by((row) => [row.cluster, row.node]))
}

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
        pairKey: c.pairKey,
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
export function believed({ membership, gateways, running }: MemberView): readonly GatewayEndpoint[] {
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

export const conditionOf = (conditions: readonly Condition[] | undefined, type: string): Condition | undefined =>
  conditions?.find((c) => c.type === type)

/** A figure from before the cable broke says nothing now. */
const millis = (connection: Connection | undefined): number | undefined =>
  connection?.state !== 'Connected' || connection.rttMicros === undefined ? undefined : connection.rttMicros / 1000

export const hostPort = (address: string, port: number): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`

/** Byte order, the same on every machine. */
const by =
  <Row>(parts: (row: Row) => readonly string[]) =>
  (a: Row, b: Row): number => {
    const [x, y] = [parts(a).join('\0'), parts(b).join('\0')]
    return x < y ? -1 : x > y ? 1 : 0
  }
