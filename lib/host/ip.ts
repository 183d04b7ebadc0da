// iproute2 as text in, facts out: `ip -j` is parsed, `ip -batch` lines are written. Nothing is decided here.
import type { IPFamily } from '#lib/net/ip.ts'

export type VxlanSettings = { readonly id: number; readonly port: number; readonly local: string; readonly underlay: string }
/** `mac` is there for devices that have one; `vxlan` for VXLAN devices; `xfrmNumber` for XFRM interfaces. */
export type Link = {
  readonly name: string
  readonly kind: string
  readonly mtu: number
  readonly up: boolean
  readonly mac?: string
  readonly vxlan?: VxlanSettings
  readonly xfrmNumber?: number
}
/** `address` with its prefix length, e.g. `fe80::1/64`. `scope` of IPv4: `link` is never the source of what the node itself sends. */
export type Address = { readonly dev: string; readonly address: string; readonly scope?: 'link' }
export type Neighbour = { readonly dev: string; readonly address: string; readonly mac: string }
/** Frames for `mac` leave the VXLAN device `dev` towards the node `to`. */
export type Forwarding = { readonly dev: string; readonly mac: string; readonly to: string }
/** `source` is the address that the node's own packets get. `mtu`: where it takes less than its device. */
export type RouteTarget =
  | { readonly kind: 'device'; readonly dev: string; readonly gateway?: string; readonly source?: string; readonly mtu?: number }
  | { readonly kind: 'unreachable' }
/** `to` in canonical CIDR text. Of two routes to the same block in a table the lower metric wins. */
export type Route = { readonly to: string; readonly table: number; readonly metric: number; readonly target: RouteTarget }
export type Rule = { readonly family: IPFamily; readonly priority: number; readonly table: number; readonly iif?: string }

/** Every route and rule that Tombolo makes carries this number, so that what is ours is known without remembering it. */
export const ourProtocol = 98

const familyOf = (address: string): IPFamily => (address.includes(':') ? 'IPv6' : 'IPv4')

// ── written ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

export function addLink(link: Link): readonly string[] {
  const { vxlan } = link
  const made =
    vxlan === undefined
      ? `link add ${link.name} type ${link.kind}`
      : `link add ${link.name} type vxlan id ${vxlan.id} dstport ${vxlan.port} local ${vxlan.local} dev ${vxlan.underlay} nolearning`
  return [made, ...setLink(link)]
}

/** Our devices get exactly the addresses we give them: the kernel is told to make up none, and that before it would, on coming up. */
export function setLink(link: Link): readonly string[] {
  const mac = link.mac === undefined ? '' : ` address ${link.mac}`
  return [`link set ${link.name}${mac} mtu ${link.mtu} addrgenmode none`, `link set ${link.name} ${link.up ? 'up' : 'down'}`]
}

export const dropLink = (name: string): string => `link del ${name}`
export const putAddress = (a: Address): string =>
  `address replace ${a.address} dev ${a.dev}${a.scope === undefined ? '' : ` scope ${a.scope}`}${familyOf(a.address) === 'IPv6' ? ' nodad' : ''}`
export const dropAddress = (a: Address): string => `address del ${a.address} dev ${a.dev}`
export const putNeighbour = (n: Neighbour): string => `neigh replace ${n.address} lladdr ${n.mac} dev ${n.dev} nud permanent`
export const dropNeighbour = (n: Neighbour): string => `neigh del ${n.address} dev ${n.dev}`
/** For `bridge -batch`, as the next one. */
export const putForwarding = (f: Forwarding): string => `fdb replace ${f.mac} dev ${f.dev} dst ${f.to} self permanent`
export const dropForwarding = (f: Forwarding): string => `fdb del ${f.mac} dev ${f.dev} dst ${f.to} self`
export const putRoute = (r: Route): string => `route replace ${routeText(r)}`
export const dropRoute = (r: Route): string => `route del ${routeText(r)}`
/** For `ip -4 -batch` or `ip -6 -batch`, by the family of the rule. */
export const putRule = (r: Rule): string => `rule add ${ruleText(r)}`
export const dropRule = (r: Rule): string => `rule del ${ruleText(r)}`

export function routeText({ to, table, metric, target }: Route): string {
  const marks = `table ${table} metric ${metric} proto ${ourProtocol}`
  if (target.kind === 'unreachable') return `unreachable ${to} ${marks}`
  const { dev, gateway, source, mtu } = target
  // An IPv4 route may have an IPv6 next hop (RFC 5549); `onlink` because our devices have no address the kernel could check it against.
  const via =
    gateway === undefined ? '' : ` via ${familyOf(to) === 'IPv4' && familyOf(gateway) === 'IPv6' ? 'inet6 ' : ''}${gateway}`
  return `${to}${via} dev ${dev}${gateway === undefined ? '' : ' onlink'}${source === undefined ? '' : ` src ${source}`} ${marks}${mtu === undefined ? '' : ` mtu ${mtu}`}`
}

export const ruleText = (r: Rule): string =>
  `priority ${r.priority}${r.iif === undefined ? '' : ` iif ${r.iif}`} lookup ${r.table} protocol ${ourProtocol}`

// ── parsed ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

type Json = Readonly<Record<string, unknown>>

/** `ip -j -d link show` */
export const parseLinks = (text: string): readonly Link[] => list(text).map(linkOf)

function linkOf(json: Json): Link {
  const info = record(json.linkinfo)
  const data = record(info.info_data)
  const kind = string(info.info_kind) ?? 'none'
  const mac = string(json.link_type) === 'ether' ? string(json.address) : undefined
  return {
    name: string(json.ifname) ?? '',
    kind,
    mtu: number(json.mtu) ?? 0,
    up: Array.isArray(json.flags) && json.flags.includes('UP'),
    ...(mac === undefined ? {} : { mac }),
    ...(kind === 'vxlan'
      ? {
          vxlan: {
            id: number(data.id) ?? 0,
            port: number(data.port) ?? 0,
            local: string(data.local) ?? string(data.local6) ?? '',
            underlay: string(data.link) ?? '',
          },
        }
      : {}),
    ...(kind === 'xfrm' ? { xfrmNumber: Number(data.if_id) } : {}),
  }
}

/** `ip -j addr show` */
export const parseAddresses = (text: string): readonly Address[] =>
  list(text).flatMap((link) =>
    (Array.isArray(link.addr_info) ? link.addr_info : []).map(record).map((info) => ({
      dev: string(link.ifname) ?? '',
      address: `${string(info.local) ?? ''}/${number(info.prefixlen) ?? 0}`,
      ...(string(info.family) === 'inet' && string(info.scope) === 'link' ? { scope: 'link' as const } : {}),
    })),
  )

/** `ip -j neigh show`; only entries that do not age, which are those that somebody set. */
export const parseNeighbours = (text: string, dev: string): readonly Neighbour[] =>
  list(text)
    .filter((json) => Array.isArray(json.state) && json.state.includes('PERMANENT'))
    .map((json) => ({ dev, address: string(json.dst) ?? '', mac: string(json.lladdr) ?? '' }))

/** `bridge -j fdb show dev DEV`; the entry for all-zeros is the default destination of a VXLAN device and is kept. */
export const parseForwardings = (text: string, dev: string): readonly Forwarding[] =>
  list(text).flatMap((json) => {
    const [mac, to] = [string(json.mac), string(json.dst)]
    return mac === undefined || to === undefined ? [] : [{ dev, mac, to }]
  })

/** `ip -4 -j route show table all proto 98`, or with -6. */
export const parseRoutes = (text: string, family: IPFamily): readonly Route[] => list(text).map((json) => routeOf(json, family))

function routeOf(json: Json, family: IPFamily): Route {
  const dst = string(json.dst) ?? 'default'
  const width = family === 'IPv4' ? 32 : 128
  const to = dst === 'default' ? (family === 'IPv4' ? '0.0.0.0/0' : '::/0') : dst.includes('/') ? dst : `${dst}/${width}`
  const gateway = string(json.gateway) ?? string(record(json.via).host)
  const source = string(json.prefsrc)
  const mtu = number(record(Array.isArray(json.metrics) ? json.metrics[0] : undefined).mtu)
  const target: RouteTarget =
    json.type === 'unreachable'
      ? { kind: 'unreachable' }
      : {
          kind: 'device',
          dev: string(json.dev) ?? '',
          ...(gateway === undefined ? {} : { gateway }),
          ...(source === undefined ? {} : { source }),
          ...(mtu === undefined ? {} : { mtu }),
        }
  return { to, table: tableNumber(string(json.table)), metric: number(json.metric) ?? 0, target }
}

/** `ip -4 -j rule show`, or with -6; only ours. */
export const parseRules = (text: string, family: IPFamily): readonly Rule[] =>
  list(text)
    .filter((json) => string(json.protocol) === String(ourProtocol))
    .map((json) => {
      const iif = string(json.iif)
      return {
        family,
        priority: number(json.priority) ?? 0,
        table: tableNumber(string(json.table)),
        ...(iif === undefined ? {} : { iif }),
      }
    })

/** iproute2 leaves the main table out and names the others by /etc/iproute2/rt_tables. */
function tableNumber(table: string | undefined): number {
  const named: Readonly<Record<string, number>> = { default: 253, main: 254, local: 255 }
  return table === undefined ? 254 : (named[table] ?? Number(table))
}

/** Some readings of nothing print nothing, others an empty list. */
function list(text: string): readonly Json[] {
  if (text.trim() === '') return []
  const parsed: unknown = JSON.parse(text)
  return Array.isArray(parsed) ? parsed.map(record) : []
}

const record = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {})
const string = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
const number = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined)
