// From a snapshot to what people ask for: clusters, gateways, connections, services. Pure; the CLI and the console show the same rows.
import type { Connection, GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import type { Condition } from '#crds/fields.ts'
import { clustersetZone, mcsServiceNameLabel, mcsSourceClusterLabel } from '#crds/places.ts'
import type { BrokerView, MemberView, Snapshot } from './snapshot.ts'

export type ClusterRow = {
  readonly id: string
  /** Local: the cluster asked. Peer: another member, as the local one sees it. Member: as the broker sees it. */
  readonly view: 'Local' | 'Peer' | 'Member'
  readonly state: 'Ready' | 'NotReady' | 'Connected' | 'Connecting' | 'Error' | 'NoGateway'
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
  /** Whether traffic goes this way: both ends are active. */
  readonly path: 'Active' | 'Standby'
  readonly address: string | undefined
  readonly driver: string | undefined
  readonly state: Connection['state']
  readonly rttMs: number | undefined
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
  /** Which clusters export it. */
  readonly clusters: readonly string[]
  readonly endpoints: number
  readonly readyEndpoints: number
  readonly state: 'Ready' | 'NoEndpoints' | 'Conflict' | 'Invalid' | 'Pending'
  readonly message: string | undefined
}

export function clustersOf({ member, broker }: Snapshot): readonly ClusterRow[] {
  if (member !== undefined) return [localCluster(member), ...peers(member)].toSorted(by((row) => row.id))
  return broker === undefined ? [] : broker.members.map((m) => memberCluster(m, broker)).toSorted(by((row) => row.id))
}

function localCluster({ membership, gateways }: MemberView): ClusterRow {
  const { spec, status } = membership
  const ready = conditionOf(status?.conditions, 'Ready')
  return {
    id: spec.clusterID,
    view: 'Local',
    state: ready?.status === 'True' ? 'Ready' : 'NotReady',
    gateway: activeOf(gateways, spec.clusterID)?.spec.node,
    rttMs: undefined,
    podCIDRs: spec.podCIDRs,
    serviceCIDRs: spec.serviceCIDRs,
    message: ready?.status === 'True' ? undefined : (ready?.message ?? 'the operator has not reported yet'),
  }
}

function peers({ membership, allocations, gateways }: MemberView): readonly ClusterRow[] {
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
        rttMs: millis(link?.rttMicros),
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

function memberCluster({ spec, status }: BrokerView['members'][number], { gateways }: BrokerView): ClusterRow {
  const ready = conditionOf(status?.conditions, 'Ready')
  const active = activeOf(gateways, spec.clusterID)
  return {
    id: spec.clusterID,
    view: 'Member',
    state: ready?.status !== 'True' ? 'NotReady' : active === undefined ? 'NoGateway' : 'Ready',
    gateway: active?.spec.node,
    rttMs: undefined,
    podCIDRs: spec.podCIDRs,
    serviceCIDRs: spec.serviceCIDRs,
    message: ready?.status === 'True' ? undefined : ready?.message,
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
    .toSorted(by((row) => `${row.cluster}/${row.node}`))

/** A member tells of its own connections; the broker of everybody's. */
export function connectionsOf(snapshot: Snapshot): readonly ConnectionRow[] {
  const all = endpointsOf(snapshot)
  const self = snapshot.member?.membership.spec.clusterID
  const roleOf = (name: string) => all.find((e) => e.metadata.name === name)?.status?.role
  return all
    .filter(({ spec }) => self === undefined || spec.clusterID === self)
    .flatMap(({ spec, status }) =>
      (status?.connections ?? []).map((c) => ({
        cluster: spec.clusterID,
        node: spec.node,
        remoteCluster: c.clusterID,
        remoteNode: c.node,
        path: status?.role === 'Active' && roleOf(c.endpoint) === 'Active' ? ('Active' as const) : ('Standby' as const),
        address: c.address,
        driver: status?.driver,
        state: c.state,
        rttMs: millis(c.rttMicros),
        since: c.since,
        message: c.message,
      })),
    )
    .toSorted(by((row) => [row.cluster, row.node, row.remoteCluster, row.remoteNode].join('/')))
}

export function servicesOf({ member, broker }: Snapshot): readonly ServiceRow[] {
  const rows =
    member !== undefined ? [...imported(member), ...notImported(member)] : broker === undefined ? [] : published(broker)
  return rows.toSorted(by((row) => `${row.namespace}/${row.name}`))
}

function imported({ imports, exports, slices }: MemberView): readonly ServiceRow[] {
  return imports.map((item) => {
    const { name, namespace = '' } = item.metadata
    const endpoints = slices
      .filter((s) => s.metadata.namespace === namespace && s.metadata.labels?.[mcsServiceNameLabel] === name)
      .flatMap((s) => s.endpoints)
    const ready = endpoints.filter((e) => e.conditions?.ready !== false).length
    const sources = slices
      .filter((s) => s.metadata.namespace === namespace && s.metadata.labels?.[mcsServiceNameLabel] === name)
      .flatMap((s) => s.metadata.labels?.[mcsSourceClusterLabel] ?? [])
    const clusters = (item.status?.clusters ?? []).map((c) => c.cluster)
    const own = exports.find((e) => e.metadata.namespace === namespace && e.metadata.name === name)
    const conflict = [conditionOf(own?.status?.conditions, 'Conflict'), conditionOf(item.status?.conditions, 'Conflict')].find(
      (c) => c?.status === 'True',
    )
    return {
      ...named(namespace, name),
      type: item.spec.type,
      ips: item.spec.ips ?? [],
      ports: item.spec.ports.map((p) => `${p.port}/${p.protocol ?? 'TCP'}`),
      clusters: [...new Set(clusters.length > 0 ? clusters : sources)].toSorted(),
      endpoints: endpoints.length,
      readyEndpoints: ready,
      state: conflict !== undefined ? 'Conflict' : ready === 0 ? 'NoEndpoints' : 'Ready',
      message: conflict?.message,
    }
  })
}

/** Exports that have led to nothing: the service is missing, of the wrong type, or the operator has not come to it. */
const notImported = ({ exports, imports }: MemberView): readonly ServiceRow[] =>
  exports
    .filter(({ metadata: e }) => !imports.some(({ metadata: i }) => i.namespace === e.namespace && i.name === e.name))
    .map(({ metadata, status }) => {
      const valid = conditionOf(status?.conditions, 'Valid')
      const ready = conditionOf(status?.conditions, 'Ready')
      return {
        ...named(metadata.namespace ?? '', metadata.name),
        type: undefined,
        ips: [],
        ports: [],
        clusters: [],
        endpoints: 0,
        readyEndpoints: 0,
        state: valid?.status === 'False' ? 'Invalid' : 'Pending',
        message: valid?.status === 'False' ? valid.message : ready?.message,
      }
    })

function published({ services, endpoints }: BrokerView): readonly ServiceRow[] {
  const names = new Map(services.map(({ spec }) => [`${spec.namespace}/${spec.name}`, spec]))
  return [...names.values()].map(({ namespace, name, type, ports }) => {
    const of = <T extends { readonly spec: { readonly namespace: string; readonly name: string } }>(objects: readonly T[]) =>
      objects.filter(({ spec }) => spec.namespace === namespace && spec.name === name)
    const all = of(endpoints).flatMap(({ spec }) => spec.endpoints)
    const ready = all.filter((e) => e.ready).length
    return {
      ...named(namespace, name),
      type,
      ips: [],
      ports: ports.map((p) => `${p.port}/${p.protocol}`),
      clusters: of(services)
        .map(({ spec }) => spec.clusterID)
        .toSorted(),
      endpoints: all.length,
      readyEndpoints: ready,
      state: ready === 0 ? 'NoEndpoints' : 'Ready',
      message: undefined,
    }
  })
}

const named = (namespace: string, name: string) => ({ namespace, name, dnsName: `${name}.${namespace}.svc.${clustersetZone}` })

const endpointsOf = ({ member, broker }: Snapshot): readonly GatewayEndpoint[] => member?.gateways ?? broker?.gateways ?? []

/** Of two that say Active, the one with the higher term is right. */
const activeOf = (gateways: readonly GatewayEndpoint[], clusterID: string): GatewayEndpoint | undefined =>
  gateways
    .filter((g) => g.spec.clusterID === clusterID && g.status?.role === 'Active')
    .toSorted((a, b) => (b.status?.term ?? 0) - (a.status?.term ?? 0))[0]

const conditionOf = (conditions: readonly Condition[] | undefined, type: string): Condition | undefined =>
  conditions?.find((c) => c.type === type)

const millis = (micros: number | undefined): number | undefined => (micros === undefined ? undefined : micros / 1000)

const hostPort = (address: string, port: number): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`

const by =
  <Row>(key: (row: Row) => string) =>
  (a: Row, b: Row): number =>
    key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0
