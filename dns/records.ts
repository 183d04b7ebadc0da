// One imported service → the names below it (KEP-1645, specification.md "DNS"). Pure, so that a change of one service costs one service.
import type { IPFamily } from '#lib/net/ip.ts'
import { formatIP, parseIP } from '#lib/net/ip.ts'
import { mcsSourceClusterLabel } from '#crds/places.ts'
import type { Entry, Node } from './tree.ts'
import { tree } from './tree.ts'
import type { Name } from './wire/name.ts'
import { fits } from './wire/name.ts'
import type { Data } from './wire/record.ts'

/** As much of a ServiceImport as names are made of. Nothing in it is trusted to be well-formed: what is not makes no record. */
export type Service = {
  readonly metadata: { readonly name: string; readonly namespace?: string }
  /** Upstream's schema lets it be absent. */
  readonly spec?: {
    readonly type: 'ClusterSetIP' | 'Headless'
    readonly ports: readonly Port[]
    readonly ips?: readonly string[] | undefined
  }
}

/** As much of an EndpointSlice. */
export type Slice = {
  readonly metadata: { readonly labels?: Readonly<Record<string, string>> }
  readonly addressType: string
  readonly ports?: readonly Port[]
  readonly endpoints?:
    | readonly {
        readonly addresses: readonly string[]
        readonly hostname?: string
        readonly conditions?: { readonly ready?: boolean }
      }[]
    | null
}

type Port = { readonly name?: string | undefined; readonly protocol?: string | undefined; readonly port?: number }

/** Of the records: `zone` in lower case, `ttl` in seconds. */
export type Settings = { readonly zone: Name; readonly ttl: number }

/**
 * The tree whose root is the service's own name. Undefined when the name must not exist: a headless service with no ready endpoint,
 * or a name that no query can spell. A ClusterSetIP service exists from the start, also while it has no address yet: a resolver
 * that asks too early must not remember that there is no such name.
 */
export function serviceTree(service: Service, slices: readonly Slice[], settings: Settings): Node | undefined {
  const { name, namespace } = service.metadata
  if (!isLabel(name) || namespace === undefined || !isLabel(namespace)) return undefined
  const root = [name, namespace, 'svc', ...settings.zone]
  const rows = service.spec?.type === 'Headless' ? headless(root, slices) : virtual(root, service.spec)
  if (rows === undefined || !fits(root)) return undefined
  return tree(
    rows
      .filter(([path, data]) => fits([...path, ...root]) && (data.type !== 'SRV' || fits(data.target)))
      .map(([path, data]): [Name, Entry] => [path, { ttl: settings.ttl, data }]),
  )
}

type Row = readonly [path: Name, data: Data]

/** A service with an address of its own. */
function virtual(root: Name, spec: Service['spec']): readonly Row[] {
  const addresses = (spec?.ips ?? []).flatMap((ip) => addressOf(ip))
  const targets = (spec?.ports ?? []).flatMap((port) => offered(port, root))
  return [...addresses.map((data): Row => [[], data]), ...services(targets)]
}

/** A service that is its endpoints: all of them under its name, each under its own. */
function headless(root: Name, slices: readonly Slice[]): readonly Row[] | undefined {
  const pods = slices.flatMap(podsOf)
  if (pods.length === 0) return undefined
  const addresses = distinct(
    pods.flatMap((pod) =>
      pod.addresses.flatMap((data): Row[] => [
        [[], data],
        [pod.path, data],
      ]),
    ),
    // No label has a dot or a blank in it.
    ([path, data]) => `${path.join('.')} ${'address' in data ? data.address : ''}`,
  )
  return [...addresses, ...services(pods.flatMap((pod) => pod.ports.flatMap((port) => offered(port, [...pod.path, ...root]))))]
}

type Pod = { readonly path: Name; readonly addresses: readonly Data[]; readonly ports: readonly Port[] }

/** The endpoints of a slice that take traffic; unknown readiness counts as ready. */
function podsOf(slice: Slice): readonly Pod[] {
  const cluster = slice.metadata.labels?.[mcsSourceClusterLabel]?.toLowerCase() ?? ''
  if (!isLabel(cluster)) return []
  return (slice.endpoints ?? [])
    .filter((endpoint) => endpoint.conditions?.ready !== false)
    .flatMap((endpoint) => {
      const addresses = endpoint.addresses.flatMap((address) => addressOf(address, slice.addressType))
      const [first] = addresses
      if (first?.type !== 'A' && first?.type !== 'AAAA') return []
      const host = endpoint.hostname?.toLowerCase() ?? ''
      return [{ path: [isLabel(host) ? host : hostOf(first.address), cluster], addresses, ports: slice.ports ?? [] }]
    })
}

/** The name of a pod that has none: its address with dashes. A label may neither begin nor end with one (`fd00::`). */
function hostOf(address: string): string {
  const dashed = address.replaceAll(/[.:]/g, '-')
  return `${dashed.startsWith('-') ? '0' : ''}${dashed}${dashed.endsWith('-') ? '0' : ''}`
}

/** That a port is served at a name; `path` is undefined for a port without a name, which only the bare name lists. */
type Offer = { readonly path: Name | undefined; readonly port: number; readonly target: Name }

function offered({ name, protocol, port }: Port, target: Name): readonly Offer[] {
  if (port === undefined || port < 1 || port > 0xffff) return []
  const labels = [name?.toLowerCase() ?? '', (protocol ?? 'TCP').toLowerCase()]
  return [{ path: labels.every(isLabel) ? labels.map((label) => `_${label}`) : undefined, port, target }]
}

/** SRV records: under each port's name what serves it, and under the bare name everything, a target and port once. */
function services(offers: readonly Offer[]): readonly Row[] {
  const named = Map.groupBy(
    offers.filter((offer) => offer.path !== undefined),
    (offer) => offer.path?.join('.'),
  )
  return [[[], offers] as const, ...[...named.values()].map((group) => [group[0]?.path ?? [], group] as const)].flatMap(
    ([path, group]) => {
      const once = distinct(group, ({ port, target }) => `${port} ${target.join('.')}`)
      // Equal shares of a hundred, so that an answer cut short still says how much of the whole each one takes.
      const weight = Math.max(1, Math.floor(100 / once.length))
      return once.map(({ port, target }): Row => [path, { type: 'SRV', priority: 0, weight, port, target }])
    },
  )
}

function addressOf(text: string, family?: string): readonly Data[] {
  const ip = parseIP(text)
  if (!ip.ok || (family !== undefined && family !== ip.value.family)) return []
  return [{ type: typeOf[ip.value.family], address: formatIP(ip.value) }]
}

const typeOf = { IPv4: 'A', IPv6: 'AAAA' } as const satisfies Record<IPFamily, Data['type']>

/** A DNS-1123 label. What names are made of comes from other clusters too, and a label with a dot in it would lie about its place. */
const isLabel = (text: string): boolean => /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(text)

/** By what tells them apart, in the order of the first ones. */
const distinct = <T>(values: readonly T[], keyOf: (value: T) => string): readonly T[] => [
  ...new Map(values.map((value) => [keyOf(value), value])).values(),
]
