// The part of a node's network that is ours, as one value: read from the kernel, compared with what is wanted, changed by what differs.
// The order of changes is what keeps traffic whole: devices and neighbours before routes that need them, new routes before old ones go.
import { isDeepStrictEqual } from 'node:util'
import type { IPFamily } from '#lib/net/ip.ts'
import type { Host } from './host.ts'
import type { Address, Forwarding, Link, Neighbour, Route, Rule } from './ip.ts'
import {
  addLink,
  dropAddress,
  dropForwarding,
  dropLink,
  dropNeighbour,
  dropRoute,
  dropRule,
  ourProtocol,
  parseAddresses,
  parseForwardings,
  parseLinks,
  parseNeighbours,
  parseRoutes,
  parseRules,
  putAddress,
  putForwarding,
  putNeighbour,
  putRoute,
  putRule,
  setLink,
} from './ip.ts'
import type { FoundTable, NftTable } from './nft.ts'
import { digestOf, dropTable, parseTable, replaceTable } from './nft.ts'
import type { Sysctl } from './sysctl.ts'
import { readSysctl, writeSysctl } from './sysctl.ts'

/** What should be there. One table of nft a program. */
export type Network = {
  readonly links: readonly Link[]
  readonly addresses: readonly Address[]
  readonly neighbours: readonly Neighbour[]
  readonly forwardings: readonly Forwarding[]
  readonly rules: readonly Rule[]
  readonly routes: readonly Route[]
  readonly sysctls: readonly Sysctl[]
  readonly nft: readonly NftTable[]
}

/** What is there. */
export type FoundNetwork = Omit<Network, 'nft'> & { readonly nft: readonly FoundTable[] }

/** What a program calls its own: nothing else is ever removed or read. */
export type Ownership = {
  readonly links: readonly string[]
  readonly tables: readonly string[]
  /** Which of the routes and rules with our protocol number. */
  readonly route: (route: Route) => boolean
  readonly rule: (rule: Rule) => boolean
}

export type NetworkChange =
  | { readonly with: 'ip -4' | 'ip -6' | 'bridge'; readonly lines: readonly string[] }
  | { readonly with: 'nft'; readonly does: 'replace' | 'drop'; readonly table: string; readonly scripts: readonly string[] }
  | { readonly with: 'sysctl'; readonly sysctl: Sysctl }

export const nothing: Network = {
  links: [],
  addresses: [],
  neighbours: [],
  forwardings: [],
  rules: [],
  routes: [],
  sysctls: [],
  nft: [],
}

/** Reads what `owned` covers. `sysctls` names the settings to read; ones the kernel does not have are left out. */
export async function readNetwork(
  host: Pick<Host, 'run' | 'read'>,
  owned: Ownership,
  sysctls: readonly string[],
  signal: AbortSignal,
): Promise<FoundNetwork> {
  const show = (...args: string[]) => host.run('ip', args, {}, signal)
  const links = parseLinks(await show('-j', '-d', 'link', 'show')).filter((l) => owned.links.includes(l.name))
  const vxlans = links.filter((l) => l.kind === 'vxlan').map((l) => l.name)
  const each = async <T>(names: readonly string[], read: (name: string) => Promise<readonly T[]>) =>
    (await Promise.all(names.map(read))).flat()
  const routes = async (flag: '-4' | '-6', family: IPFamily) =>
    parseRoutes(await show(flag, '-j', 'route', 'show', 'table', 'all', 'proto', String(ourProtocol)), family)
  const rules = async (flag: '-4' | '-6', family: IPFamily) => parseRules(await show(flag, '-j', 'rule', 'show'), family)
  return {
    links,
    addresses: await each(
      links.map((l) => l.name),
      async (dev) => parseAddresses(await show('-j', 'addr', 'show', 'dev', dev)),
    ),
    neighbours: await each(vxlans, async (dev) =>
      parseNeighbours(await show('-6', '-j', 'neigh', 'show', 'dev', dev, 'nud', 'permanent'), dev),
    ),
    forwardings: await each(vxlans, async (dev) =>
      parseForwardings(await host.run('bridge', ['-j', 'fdb', 'show', 'dev', dev], {}, signal), dev),
    ),
    routes: [...(await routes('-4', 'IPv4')), ...(await routes('-6', 'IPv6'))].filter(owned.route),
    rules: [...(await rules('-4', 'IPv4')), ...(await rules('-6', 'IPv6'))].filter(owned.rule),
    sysctls: await each(sysctls, async (key) => {
      const value = await readSysctl(host, key, signal)
      return value === undefined ? [] : [{ key, value }]
    }),
    nft: await each(owned.tables, async (name) => {
      const text = await host.run('nft', ['-t', 'list', 'table', 'inet', name], {}, signal).catch(() => undefined)
      return text === undefined ? [] : [parseTable(name, text)]
    }),
  }
}

/** What to do, in order, so that `have` becomes `want`. Empty when they are equal. */
export function planNetwork(have: FoundNetwork, want: Network): readonly NetworkChange[] {
  const remade = want.links.flatMap((w) => have.links.filter((h) => h.name === w.name && !sameMaking(h, w)).map((h) => h.name))
  const gone = [...remade, ...have.links.filter((h) => !want.links.some((w) => w.name === h.name)).map((h) => h.name)]
  const left = withoutDevices(have, remade)
  const lost = withoutDevices(have, gone)

  const addresses = compare(left.addresses, want.addresses, lost.addresses, putAddress)
  const neighbours = compare(left.neighbours, want.neighbours, lost.neighbours, putNeighbour, (n) => `${n.dev} ${n.address}`)
  const forwardings = compare(left.forwardings, want.forwardings, lost.forwardings, putForwarding)
  const routes = compare(left.routes, want.routes, left.routes, putRoute, (r) => `${r.to} ${r.table} ${r.metric}`)
  const rules = compare(left.rules, want.rules, left.rules, putRule)

  return [
    ...ip('ip -4', remade.map(dropLink)),
    ...ip(
      'ip -4',
      want.links.flatMap((w) => linkLines(left.links, w)),
    ),
    ...want.sysctls
      .filter((w) => !have.sysctls.some((h) => isDeepStrictEqual(h, w)) || remade.some((dev) => w.key.includes(`/${dev}/`)))
      .map((sysctl) => ({ with: 'sysctl', sysctl }) as const),
    ...want.nft.flatMap((w) => {
      const found = have.nft.find((h) => h.name === w.name)
      const scripts = found?.digest === digestOf(w) ? [] : replaceTable(w, found)
      return scripts.length === 0 ? [] : [{ with: 'nft', does: 'replace', table: w.name, scripts } as const]
    }),
    ...byFamily(addresses.put, (a) => a.address, putAddress),
    ...byFamily(neighbours.put, (n) => n.address, putNeighbour),
    ...ip('bridge', forwardings.put.map(putForwarding)),
    ...byFamily(routes.put, (r) => r.to, putRoute),
    ...byFamily(rules.put, ruleFamily, putRule),
    ...byFamily(rules.drop, ruleFamily, dropRule),
    ...byFamily(routes.drop, (r) => r.to, dropRoute),
    ...ip('bridge', forwardings.drop.map(dropForwarding)),
    ...byFamily(neighbours.drop, (n) => n.address, dropNeighbour),
    ...byFamily(addresses.drop, (a) => a.address, dropAddress),
    ...ip('ip -4', gone.filter((name) => !remade.includes(name)).map(dropLink)),
    ...have.nft
      .filter((h) => !want.nft.some((w) => w.name === h.name))
      .map(({ name }) => ({ with: 'nft', does: 'drop', table: name, scripts: [dropTable(name)] }) as const),
  ]
}

/** Does all of it, also what comes after a change that failed; throws what failed, together. */
export async function applyNetwork(
  host: Pick<Host, 'run' | 'write'>,
  changes: readonly NetworkChange[],
  signal: AbortSignal,
): Promise<void> {
  const failures: unknown[] = []
  for (const change of changes) await applyChange(host, change, signal).catch((error: unknown) => failures.push(error))
  if (failures.length > 0)
    throw new AggregateError(failures, failures.map((f) => (f instanceof Error ? f.message : String(f))).join('; '))
}

/**
 * Routes alone, from what was last made to what is wanted now: for packets that wait, as reading the node first takes longer than all else.
 * A full pass must follow, which mends whatever was otherwise than remembered, and what failed here. Does nothing where packet filters
 * are to change too: those come first.
 */
export async function moveRoutes(
  host: Pick<Host, 'run' | 'write'>,
  made: Network,
  want: Network,
  signal: AbortSignal,
): Promise<readonly NetworkChange[]> {
  if (!isDeepStrictEqual(made.nft, want.nft)) return []
  const changes = planNetwork({ ...nothing, nft: [], routes: made.routes }, { ...nothing, routes: want.routes })
  return applyNetwork(host, changes, signal).then(
    () => changes,
    () => [],
  )
}

/** For a log: a change in few words. */
export function describeChange(change: NetworkChange): string {
  switch (change.with) {
    case 'nft':
      return `nft: ${change.does} table inet ${change.table}`
    case 'sysctl':
      return `sysctl: ${change.sysctl.key}=${change.sysctl.value}`
    case 'bridge':
    case 'ip -4':
    case 'ip -6':
      return `${change.with}: ${change.lines.slice(0, 8).join('; ')}${change.lines.length > 8 ? `; and ${change.lines.length - 8} more` : ''}`
  }
}

async function applyChange(host: Pick<Host, 'run' | 'write'>, change: NetworkChange, signal: AbortSignal): Promise<void> {
  switch (change.with) {
    case 'sysctl':
      return writeSysctl(host, change.sysctl, signal)
    case 'nft':
      // Each stands on the one before.
      for (const stdin of change.scripts) await host.run('nft', ['-f', '-'], { stdin }, signal)
      return
    case 'bridge':
    case 'ip -4':
    case 'ip -6': {
      const [program = '', ...flags] = change.with.split(' ')
      await host.run(program, [...flags, '-force', '-batch', '-'], { stdin: `${change.lines.join('\n')}\n` }, signal)
      return
    }
  }
}

/** Whether the device can stay: what it was made with cannot be changed afterwards. */
const sameMaking = (have: Link, want: Link): boolean => have.kind === want.kind && isDeepStrictEqual(have.vxlan, want.vxlan)

function linkLines(have: readonly Link[], want: Link): readonly string[] {
  const there = have.find((h) => h.name === want.name)
  if (there === undefined) return addLink(want)
  return isDeepStrictEqual(there, want) ? [] : setLink(want)
}

/** What is left when these devices go: the kernel takes along all that hangs on them. */
function withoutDevices(network: FoundNetwork, names: readonly string[]): FoundNetwork {
  const stays = ({ dev }: { readonly dev: string }) => !names.includes(dev)
  return {
    ...network,
    links: network.links.filter((l) => !names.includes(l.name)),
    addresses: network.addresses.filter(stays),
    neighbours: network.neighbours.filter(stays),
    forwardings: network.forwardings.filter(stays),
    routes: network.routes.filter((r) => r.target.kind !== 'device' || stays(r.target)),
  }
}

/**
 * What to put, and what of `droppable` to drop. Two entries are the same if the same line would make them; one that takes the place of
 * another by being put needs no drop.
 */
function compare<T>(
  have: readonly T[],
  want: readonly T[],
  droppable: readonly T[],
  line: (item: T) => string,
  place: (item: T) => string = line,
): { readonly put: readonly T[]; readonly drop: readonly T[] } {
  const lines = new Set(have.map(line))
  const places = new Set(want.map(place))
  return { put: want.filter((w) => !lines.has(line(w))), drop: droppable.filter((h) => !places.has(place(h))) }
}

const ruleFamily = (rule: Rule): string => (rule.family === 'IPv6' ? '::' : '0.0.0.0')

function byFamily<T>(items: readonly T[], address: (item: T) => string, line: (item: T) => string): readonly NetworkChange[] {
  const v6 = (item: T) => address(item).includes(':')
  return [...ip('ip -4', items.filter((i) => !v6(i)).map(line)), ...ip('ip -6', items.filter(v6).map(line))]
}

const ip = (program: 'ip -4' | 'ip -6' | 'bridge', lines: readonly string[]): readonly NetworkChange[] =>
  lines.length === 0 ? [] : [{ with: program, lines }]
