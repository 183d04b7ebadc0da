// Which ways `tombolo benchmark` measures, and the comparison that each stands beside. Pure.
//
//   gateways   a pod on a gateway's node → one on a gateway's node of the other cluster
//   others     the same from and to other nodes, over the overlay on both sides
//   inside     two nodes of one cluster, which has nothing of Tombolo on its way: what the network between nodes gives
import type { Probe, Spot } from '../testbed/objects.ts'
import { addressFor } from '../testbed/objects.ts'

export const places = ['gateway', 'other'] as const
export type Place = (typeof places)[number]

type Node = { readonly name: string; readonly ready: boolean; readonly gateway: boolean }

/** A ready node, a gateway's if there is one, and another, if possible not a gateway's. */
export function spotsOf(nodes: readonly Node[]): readonly Spot<Place>[] {
  const ready = nodes.filter((n) => n.ready)
  const first = ready.find((n) => n.gateway) ?? ready[0]
  const others = ready.filter((n) => n !== first)
  const second = others.find((n) => !n.gateway) ?? others[0]
  return [
    ...(first === undefined ? [] : [{ place: 'gateway' as const, node: first.name }]),
    ...(second === undefined ? [] : [{ place: 'other' as const, node: second.name }]),
  ]
}

export const wayNames = ['gateways', 'others', 'inside'] as const
export type WayName = (typeof wayNames)[number]

type Side = { readonly cluster: string; readonly probes: readonly Probe<Place>[] }
/** `node` absent: the cluster has none for it. */
type End = { readonly cluster: string; readonly node?: string }

export type Way<S extends Side = Side> = {
  readonly name: WayName
  readonly from: End
  readonly to: End
} & (
  | { readonly side: S; readonly pod: Place; readonly host: string }
  /** Why it cannot be measured. */
  | { readonly skipped: string }
)

/** `inside` is of the first of the two that has two nodes. */
export function waysOf<S extends Side>(near: S, far: S): readonly Way<S>[] {
  const inside = [near, far].find((side) => side.probes.length > 1) ?? near
  return [
    wayOf('gateways', near, 'gateway', far, 'gateway'),
    wayOf('others', near, 'other', far, 'other'),
    wayOf('inside', inside, 'gateway', inside, 'other'),
  ]
}

function wayOf<S extends Side>(name: WayName, near: S, here: Place, far: S, there: Place): Way<S> {
  const [from, to] = [near.probes.find((p) => p.place === here), far.probes.find((p) => p.place === there)]
  const ends = { name, from: endOf(near, from), to: endOf(far, to) }
  const lacking = from === undefined ? near : to === undefined ? far : undefined
  if (from === undefined || to === undefined) return { ...ends, skipped: `${(lacking ?? near).cluster} has one ready node alone` }
  const host = addressFor(from, to)
  return host === undefined
    ? { ...ends, skipped: 'the pods have no address family in common' }
    : { ...ends, side: near, pod: from.place, host }
}

const endOf = ({ cluster }: Side, probe: Probe | undefined): End => ({
  cluster,
  ...(probe === undefined ? {} : { node: probe.node }),
})

export const nameOf = ({ cluster, node }: End): string => (node === undefined ? cluster : `${cluster}/${node}`)
