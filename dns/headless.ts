// The names of a headless service, which are its endpoints: all of them under its name, each under its own. Kept slice by slice, so that
// a slice that changes costs its own endpoints and not the service's, which may be those of a whole clusterset; and the names are made
// when somebody asks, of what the slices say then.
import { hostIndex } from './host-index.ts'
import type { Address, Offer } from './offers.ts'
import { srvOf } from './offers.ts'
import type { Pods, Slice } from './pods.ts'
import { podsOf } from './pods.ts'
import type { Node } from './tree.ts'
import type { Name } from './wire/name.ts'
import type { Data } from './wire/record.ts'

/** The writing end: for one follower (follow.ts). */
export interface HeadlessNames {
  /** The service's own name; undefined while no endpoint is ready, as then it must not exist. */
  readonly node: Node | undefined
  /** Puts, replaces or (undefined) removes what one slice says; false when no name changes by that. */
  put(key: string, slice: Slice | undefined): boolean
}

/** More of one type than a message has room for: an address takes 16 of its 65,535 octets. */
const MOST_OF_A_TYPE = 4096

/** `root`: the service's own name, whole. `ttl` in seconds. */
export function headlessNames(root: Name, ttl: number): HeadlessNames {
  // Those that have a ready pod, in the order in which they were last put.
  const slices = new Map<string, Pods>()
  const index = hostIndex<Pods>()
  const all = (): readonly Pods[] => [...slices.values()]
  const leaf = (data: readonly Data[]): Node => ({ entries: data.map((one) => ({ ttl, data: one })), children: nothing })

  const node: Node = {
    get entries() {
      return leaf([...addressesIn(all()), ...srvOf(offersOf(all()), MOST_OF_A_TYPE)]).entries
    },
    children: {
      get: (label) => (label.startsWith('_') ? protocolAt(label) : clusterAt(label)),
      keys: () => keysOf(all().flatMap(({ cluster, ports }) => [cluster, ...ports.map(([, protocol = '']) => protocol)])),
    },
  }

  function clusterAt(cluster: string): Node | undefined {
    const isIts = (pods: Pods) => pods.cluster === cluster && pods.named
    const hosts = () => all().filter(isIts).flatMap(hostsOf)
    return slices.values().some(isIts)
      ? { entries: [], children: { get: (host) => podAt(host, cluster), keys: () => keysOf(hosts()) } }
      : undefined
  }

  function podAt(host: string, cluster: string): Node | undefined {
    const there = index.find(host).filter((pods) => pods.cluster === cluster)
    const found = there.flatMap((pods) => {
      const its = pods.list().filter(({ path }) => path?.[0] === host)
      return its.length === 0 ? [] : [{ type: pods.type, list: () => its }]
    })
    return found.length === 0 ? undefined : leaf(addressesIn(found))
  }

  /** Of two labels, as a pod's name is: a port's and its protocol's. */
  function protocolAt(protocol: string): Node | undefined {
    const there = all().filter(({ ports }) => ports.some((path) => path[1] === protocol))
    const names = () => there.flatMap(({ ports }) => ports.flatMap(([port = '', its]) => (its === protocol ? [port] : [])))
    return there.length === 0
      ? undefined
      : { entries: [], children: { get: (port) => portAt([port, protocol], there), keys: () => keysOf(names()) } }
  }

  function portAt(path: Name, there: readonly Pods[]): Node | undefined {
    const isIt = (other: Name | undefined) => other?.[0] === path[0] && other?.[1] === path[1]
    const serving = there.filter(({ ports }) => ports.some(isIt))
    const offers = offersOf(serving, (offer) => isIt(offer.path))
    return serving.length === 0 ? undefined : leaf(srvOf(offers, MOST_OF_A_TYPE))
  }

  return {
    get node() {
      return slices.size === 0 ? undefined : node
    },
    put: (key, slice) => {
      const [before, after] = [slices.get(key), slice === undefined ? undefined : podsOf(slice, root)]
      if (before === undefined ? after === undefined : before.equals(after)) return false
      slices.delete(key)
      if (before !== undefined) index.delete(hostsOf(before), before)
      if (after === undefined) return true
      slices.set(key, after)
      index.add(hostsOf(after), after)
      return true
    },
  }
}

const hostsOf = (pods: Pods): readonly string[] => pods.list().flatMap(({ path }) => path?.[0] ?? [])
const nothing: Node['children'] = new Map()
const keysOf = (labels: readonly string[]) => new Set(labels).values()

type Listed = Pick<Pods, 'type' | 'list'>

/** Each once, in their order; of slices that have nothing new to say, as there are enough of their family, none is unpacked. */
function addressesIn(groups: readonly Listed[]): readonly Address[] {
  const known = { A: new Set<string>(), AAAA: new Set<string>() }
  const found: Address[] = []
  for (const group of groups) {
    const once = known[group.type]
    if (once.size >= MOST_OF_A_TYPE) continue
    for (const address of group.list().flatMap(({ addresses }) => addresses)) {
      if (once.has(address.address)) continue
      once.add(address.address)
      found.push(address)
    }
  }
  return found
}

function* offersOf(groups: readonly Pods[], isIt: (offer: Offer) => boolean = () => true): Generator<Offer> {
  for (const group of groups) for (const { offers } of group.list()) yield* offers.filter(isIt)
}
