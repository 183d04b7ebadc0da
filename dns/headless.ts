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
  /** Slices with a named pod, by cluster: how many. A question of a name looks at no slice but its own, however many there are. */
  const named = new Map<string, number>()
  /** Slices that serve a port, by protocol, then by port. */
  const ports = new Map<string, Map<string, Set<Pods>>>()
  const all = (): readonly Pods[] => [...slices.values()]
  const leaf = (data: readonly Data[]): Node => ({ entries: data.map((one) => ({ ttl, data: one })), children: nothing })

  const node: Node = {
    get entries() {
      return leaf([...addressesIn(all()), ...srvOf(offersOf(all()), MOST_OF_A_TYPE)]).entries
    },
    children: {
      get: (label) => (label.startsWith('_') ? protocolAt(label) : clusterAt(label)),
      keys: () => keysOf([...named.keys(), ...ports.keys()]),
    },
  }

  function clusterAt(cluster: string): Node | undefined {
    const isIts = (pods: Pods) => pods.cluster === cluster && pods.named
    const hosts = () => all().filter(isIts).flatMap(hostsOf)
    return named.has(cluster)
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
    const there = ports.get(protocol)
    const get = (port: string) => portAt([port, protocol], there?.get(port))
    return there === undefined ? undefined : { entries: [], children: { get, keys: () => there.keys() } }
  }

  function portAt(path: Name, serving: ReadonlySet<Pods> | undefined): Node | undefined {
    const isIt = (other: Name | undefined) => other?.[0] === path[0] && other?.[1] === path[1]
    return serving === undefined
      ? undefined
      : leaf(
          srvOf(
            offersOf(serving, (offer) => isIt(offer.path)),
            MOST_OF_A_TYPE,
          ),
        )
  }

  function enter(pods: Pods): void {
    index.add(hostsOf(pods), pods)
    if (pods.named) named.set(pods.cluster, (named.get(pods.cluster) ?? 0) + 1)
    for (const [port = '', protocol = ''] of pods.ports) {
      const its = ports.get(protocol) ?? new Map<string, Set<Pods>>()
      ports.set(protocol, its.set(port, (its.get(port) ?? new Set()).add(pods)))
    }
  }

  function leave(pods: Pods): void {
    index.delete(hostsOf(pods), pods)
    const left = (named.get(pods.cluster) ?? 0) - 1
    if (pods.named && left > 0) named.set(pods.cluster, left)
    else if (pods.named) named.delete(pods.cluster)
    for (const [port = '', protocol = ''] of pods.ports) {
      const its = ports.get(protocol)
      const serving = its?.get(port)
      serving?.delete(pods)
      if (serving?.size === 0) its?.delete(port)
      if (its?.size === 0) ports.delete(protocol)
    }
  }

  return {
    get node() {
      return slices.size === 0 ? undefined : node
    },
    put: (key, slice) => {
      const [before, after] = [slices.get(key), slice === undefined ? undefined : podsOf(slice, root)]
      if (before === undefined ? after === undefined : before.equals(after)) return false
      slices.delete(key)
      if (before !== undefined) leave(before)
      if (after === undefined) return true
      slices.set(key, after)
      enter(after)
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

function* offersOf(groups: Iterable<Pods>, isIt: (offer: Offer) => boolean = () => true): Generator<Offer> {
  for (const group of groups) for (const { offers } of group.list()) yield* offers.filter(isIt)
}
