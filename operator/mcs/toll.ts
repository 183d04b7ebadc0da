// What is here of a service of one cluster, beside what the broker has of it (operator/door/removal.ts). Counted are the service and its
// EndpointSlices; whether they say the same is nothing to this.
import type { EndpointSlice } from '#lib/kube/kinds.ts'
import type { ServiceImport } from '#crds/service-import.ts'
import type { Toll } from '../door/removal.ts'
import { pack } from './pack.ts'
import { maxEndpointsPerSlice } from './slices.ts'
import { sourceOf } from './traffic.ts'

export type Here = {
  readonly import: Pick<ServiceImport, 'status'> | undefined
  /** Of all clusters. */
  readonly slices: readonly EndpointSlice[]
}

/** The clusters of which something is here. */
export const clustersIn = ({ import: object, slices }: Here): readonly string[] => [
  ...new Set([...(object?.status?.clusters ?? []).map(({ cluster }) => cluster), ...slices.map(sourceOf)]),
]

/** `said`: the addresses in each object of endpoints that the broker has; undefined without the service itself. */
export function tollOf(cluster: string, here: Here, said: readonly (readonly string[])[] | undefined): Toll {
  if (!clustersIn(here).includes(cluster)) return { here: 0, lost: 0 }
  const theirs = here.slices.filter((slice) => sourceOf(slice) === cluster)
  const all = 1 + theirs.length
  if (said === undefined) return { here: all, lost: all }
  // What was split stays so (pack.ts): two slices may be of what would now be made into one, and neither is lost.
  const known = new Set(said.flat())
  const strange = theirs.filter(({ endpoints }) => !(endpoints ?? []).some(({ addresses }) => known.has(addresses[0] ?? '')))
  return { here: all, lost: Math.min(strange.length, Math.max(0, theirs.length - slicesFor(said, theirs.length))) }
}

const cut = (addresses: readonly string[]): number =>
  pack(
    addresses,
    (address) => address,
    maxEndpointsPerSlice,
    () => false,
  ).size

/** How many slices they make; no more than `enough` are counted, as cutting costs a hash for each endpoint. */
function slicesFor(said: readonly (readonly string[])[], enough: number): number {
  const some = said.filter((addresses) => addresses.length > 0)
  if (some.length >= enough) return some.length
  return some.reduce((sum, addresses) => sum + cut(addresses), 0)
}
