// The names of a headless service, which are its endpoints: all of them under its name, each under its own. Kept slice by slice, so that
// a slice that changes costs its own endpoints and not the service's, which may be those of a whole clusterset.
import { isDeepStrictEqual } from 'node:util'
import { mcsSourceClusterLabel } from '#crds/places.ts'
import type { Address, Offer, Port } from './offers.ts'
import { addressOf, isLabel, offered, srvOf } from './offers.ts'
import type { Entry, Node } from './tree.ts'
import type { Name } from './wire/name.ts'
import { fits } from './wire/name.ts'
import type { Data } from './wire/record.ts'

/** As much of an EndpointSlice as names are made of. Nothing in it is trusted to be well-formed: what is not makes no record. */
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
  // The ready pods of each that has any, in the order in which the slices were last put.
  const slices = new Map<string, readonly Pod[]>()
  const branches = new Map<string, { readonly entries: readonly []; readonly children: Map<string, Leaf> }>()

  const records = (all: readonly Data[]): readonly Entry[] => all.map((data) => ({ ttl, data }))
  const node: Node = {
    get entries() {
      return records([...addressesIn(slices.values()), ...srvOf(offersOf(flat(slices.values())), MOST_OF_A_TYPE)])
    },
    children: branches,
  }
  const ofPod = (pods: Iterable<Pod>) => records(addressesIn([[...pods]]))
  const ofPort = (path: Name) => {
    const text = path.join('.')
    const isIt = (offer: Offer) => offer.path?.join('.') === text
    return (pods: Iterable<Pod>) => records(srvOf(offersOf(pods).filter(isIt), MOST_OF_A_TYPE))
  }

  /** What each of them says at names below the service's own. */
  function change(pods: readonly Pod[], how: 'add' | 'delete'): void {
    for (const pod of pods) {
      changeAt(pod.path, pod, how, () => ofPod)
      for (const { path } of pod.offers) if (path !== undefined) changeAt(path, pod, how, () => ofPort(path))
    }
  }

  /** Of two labels: a pod's and its cluster's, or a port's and its protocol's. */
  function changeAt(path: Name, pod: Pod, how: 'add' | 'delete', make: () => Leaf['make']): void {
    if (!fits([...path, ...root])) return
    const [leaf = '', branch = ''] = path
    const under = branches.get(branch) ?? { entries: [], children: new Map<string, Leaf>() }
    const at = under.children.get(leaf) ?? new Leaf(make())
    at.pods[how](pod)
    keep(under.children, leaf, at, at.pods.size)
    keep(branches, branch, under, under.children.size)
  }

  return {
    get node() {
      return slices.size === 0 ? undefined : node
    },
    put: (key, slice) => {
      const [before, after] = [slices.get(key) ?? [], slice === undefined ? [] : podsOf(slice, root)]
      if (isDeepStrictEqual(before, after)) return false
      change(before, 'delete')
      change(after, 'add')
      slices.delete(key)
      keep(slices, key, after, after.length)
      return true
    },
  }
}

/** The name of a pod, or of a port. A class, as there are as many as endpoints, and a getter of an object's own has a price for each. */
class Leaf implements Node {
  readonly children = none
  readonly pods = new Set<Pod>()
  readonly make: (pods: Iterable<Pod>) => readonly Entry[]

  constructor(make: Leaf['make']) {
    this.make = make
  }

  get entries(): readonly Entry[] {
    return this.make(this.pods)
  }
}

const none: Node['children'] = new Map()

function keep<T>(map: Map<string, T>, key: string, value: T, size: number): void {
  if (size > 0) map.set(key, value)
  else map.delete(key)
}

/** A ready endpoint. All its addresses are of one family, its slice's. */
type Pod = { readonly path: Name; readonly addresses: readonly Address[]; readonly offers: readonly Offer[] }

/** The endpoints of a slice that take traffic; unknown readiness counts as ready. */
function podsOf(slice: Slice, root: Name): readonly Pod[] {
  const cluster = slice.metadata.labels?.[mcsSourceClusterLabel]?.toLowerCase() ?? ''
  if (!isLabel(cluster)) return []
  return (slice.endpoints ?? [])
    .filter((endpoint) => endpoint.conditions?.ready !== false)
    .flatMap((endpoint) => {
      const addresses = endpoint.addresses.flatMap((address) => addressOf(address, slice.addressType))
      const [first] = addresses
      if (first === undefined) return []
      const host = endpoint.hostname?.toLowerCase() ?? ''
      const path = [isLabel(host) ? host : hostOf(first.address), cluster]
      const target = [...path, ...root]
      return [{ path, addresses, offers: fits(target) ? (slice.ports ?? []).flatMap((port) => offered(port, target)) : [] }]
    })
}

/** The name of a pod that has none: its address with dashes. A label may neither begin nor end with one (`fd00::`). */
function hostOf(address: string): string {
  const dashed = address.replaceAll(/[.:]/g, '-')
  return `${dashed.startsWith('-') ? '0' : ''}${dashed}${dashed.endsWith('-') ? '0' : ''}`
}

/** Each once, in their order; of slices that have nothing new to say, as there are enough of their family, only the first pod is read. */
function addressesIn(slices: Iterable<readonly Pod[]>): readonly Address[] {
  const known = { A: new Set<string>(), AAAA: new Set<string>() }
  const all: Address[] = []
  for (const pods of slices) {
    const once = known[pods[0]?.addresses[0]?.type ?? 'A']
    if (once.size >= MOST_OF_A_TYPE) continue
    for (const address of pods.flatMap(({ addresses }) => addresses)) {
      if (once.has(address.address)) continue
      once.add(address.address)
      all.push(address)
    }
  }
  return all
}

function* offersOf(pods: Iterable<Pod>): Generator<Offer> {
  for (const { offers } of pods) yield* offers
}

function* flat<T>(groups: Iterable<readonly T[]>): Generator<T> {
  for (const group of groups) yield* group
}
