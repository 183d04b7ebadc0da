// Which endpoints of the clusters that answer are used where a policy has weights, and what share of the calls that gives each. Pure; what was
// used before is read from the EndpointSlices there are, as everything that a choice has to know of the past.
import type { Share } from '#crds/service-traffic-policy.ts'
import type { EndpointSlice } from '#lib/kube/kinds.ts'
import type { ClusterID } from '#lib/net/cluster-id.ts'
import { hash32 } from '#lib/std/hash.ts'
import { sum } from '#lib/std/sum.ts'
import type { TrafficPolicy } from './choice.ts'
import { weightOf } from './choice.ts'
import { countsOf } from './share.ts'

type SlicesOf = ReadonlyMap<string, readonly EndpointSlice[]>

/** `shares`: by cluster; of none while weights do not hold. */
export type Weighed = { readonly slices: readonly EndpointSlice[]; readonly shares: ReadonlyMap<string, Share> }

/**
 * `answering`: of each cluster that answers, its slices; `have`: those there are now. Each family has addresses of its own, and so its own
 * shares. What is not ready gets no calls, and stays.
 *
 * Of a cluster those endpoints are used that already are, then others by a rank that every `self` has its own of, so that callers of different
 * clusters use different ones. One that goes is replaced, and when it is back nothing moves. Chosen again, it is the same.
 */
export function weighed(policy: TrafficPolicy, self: ClusterID, answering: SlicesOf, have: SlicesOf): Weighed {
  const slices = [...answering.values()].flat()
  const families = [...new Set(slices.map(({ addressType }) => addressType))].map((family) => {
    const of = (all: SlicesOf) => (cluster: string) => readyIn((all.get(cluster) ?? []).filter((s) => s.addressType === family))
    return usedIn(policy, self, [...answering.keys()], of(answering), of(have))
  })
  const used = new Set(families.flatMap((family) => family.flatMap(({ addresses }) => addresses)))
  const isUsed = (endpoint: Endpoint): boolean => !isReady(endpoint) || used.has(addressOf(endpoint))
  const [told = []] = families.toSorted((a, b) => readyOf(b) - readyOf(a))
  return { slices: slices.flatMap((slice) => kept(slice, isUsed)), shares: sharesOf(policy, told) }
}

type Endpoint = NonNullable<EndpointSlice['endpoints']>[number]

/** Of a cluster and a family. */
type Used = { readonly cluster: string; readonly ready: number; readonly addresses: readonly string[] }

function usedIn(
  policy: TrafficPolicy,
  self: ClusterID,
  clusters: readonly string[],
  readyOf: (cluster: string) => ReadonlySet<string>,
  haveOf: (cluster: string) => ReadonlySet<string>,
): readonly Used[] {
  const able = clusters.map((cluster) => ({ cluster, ready: readyOf(cluster) })).filter(({ ready }) => ready.size > 0)
  const parts = able.map(({ cluster, ready }) => ({ cluster, weight: weightOf(policy, cluster), ready: ready.size }))
  // Who helps without a weight does so as there are too few of the others.
  const counts = parts.some(({ weight }) => weight === 0) ? undefined : countsOf(parts, policy.minReadyEndpoints)
  return able.map(({ cluster, ready }) => {
    const had = haveOf(cluster)
    const rank = (address: string) => [Number(!had.has(address)), hash32(`${self} ${address}`)] as const
    return { cluster, ready: ready.size, addresses: firstBy(rank, [...ready].toSorted(), counts?.get(cluster) ?? ready.size) }
  })
}

/** Those used before first; within these the order is its own in every cluster. */
function firstBy(rank: (address: string) => readonly [number, number], addresses: readonly string[], count: number) {
  const ranked = addresses.map((address) => ({ address, rank: rank(address) }))
  return ranked
    .toSorted((a, b) => a.rank[0] - b.rank[0] || a.rank[1] - b.rank[1])
    .slice(0, count)
    .map(({ address }) => address)
}

function kept(slice: EndpointSlice, isUsed: (endpoint: Endpoint) => boolean): readonly EndpointSlice[] {
  const endpoints = (slice.endpoints ?? []).filter(isUsed)
  return endpoints.length === 0 ? [] : [{ ...slice, endpoints }]
}

function sharesOf(policy: TrafficPolicy, all: readonly Used[]): Weighed['shares'] {
  const weights = sum(all.map(({ cluster }) => weightOf(policy, cluster)))
  const total = sum(all.map(({ addresses }) => addresses.length))
  if (all.some(({ cluster }) => weightOf(policy, cluster) === 0)) return new Map()
  return new Map(
    all.map(({ cluster, ready, addresses }) => [
      cluster,
      {
        wantedPercent: Math.round((100 * weightOf(policy, cluster)) / weights),
        gotPercent: Math.round((100 * addresses.length) / total),
        readyEndpoints: ready,
        usedEndpoints: addresses.length,
      },
    ]),
  )
}

const isReady = ({ conditions }: Endpoint): boolean => conditions?.ready !== false
const addressOf = ({ addresses: [first = ''] }: Endpoint): string => first
const readyIn = (slices: readonly EndpointSlice[]): ReadonlySet<string> =>
  new Set(slices.flatMap(({ endpoints }) => (endpoints ?? []).filter(isReady).map(addressOf)))
const readyOf = (all: readonly Used[]): number => sum(all.map(({ ready }) => ready))
