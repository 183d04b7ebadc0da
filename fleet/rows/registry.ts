// Every block of addresses that the broker knows of, with the state it is in there: the registry from which addresses are given.
import type { Member } from '#crds/member.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import type { BrokerView, Snapshot } from '../snapshot.ts'
import { by } from './order.ts'

export const registryStates = ['Requested', 'Admitted', 'Draining', 'Released'] as const

export type RegistryRow = {
  readonly cluster: string
  readonly cidr: CIDR
  /** Undefined of what a cluster left behind. */
  readonly use: 'Pods' | 'Services' | undefined
  /**
   * Requested: asked for by somebody who waits. Draining: given up, and believed of the member until then. Released: of a cluster that left,
   * or is leaving, and nobody else's until then.
   */
  readonly state: (typeof registryStates)[number]
  readonly until: string | undefined
}

/** Empty where there is no broker. */
export function registryOf({ broker, takenAt }: Snapshot): readonly RegistryRow[] {
  if (broker === undefined) return []
  const lasts = ({ until }: { readonly until: string }) => new Date(until) > takenAt
  const isGoing = ({ metadata }: Member) => metadata.deletionTimestamp !== undefined
  const released = (broker.fleet.status?.released ?? [])
    .filter(lasts)
    .map(({ cidr, clusterID, until }) => row(clusterID, cidr, undefined, 'Released', until))
  // Until it is on record, with its time.
  const going = broker.members.filter(isGoing).flatMap(({ spec }) => blocksOf(spec, 'Released'))
  const stays = broker.members.filter((member) => !isGoing(member))
  const admitted = stays.flatMap(({ spec }) => blocksOf(spec, 'Admitted'))
  const draining = stays.flatMap(({ spec, status }) =>
    (status?.draining ?? []).filter(lasts).map(({ cidr, use, until }) => row(spec.clusterID, cidr, use, 'Draining', until)),
  )
  return [
    ...admitted,
    ...draining,
    ...released,
    ...without(going, released),
    // A member that renews its credentials asks for what it has.
    ...without(waiting(broker), admitted),
  ].toSorted(by((r) => [r.cluster, r.cidr, r.state]))
}

/** What is asked for by those who have no answer yet. */
const waiting = ({ requests }: BrokerView): readonly RegistryRow[] =>
  requests
    .filter(({ spec, status }) => spec.intent === 'Join' && ['Pending', 'AwaitingApproval'].includes(status?.state ?? 'Pending'))
    .flatMap(({ spec }) => blocksOf(spec, 'Requested'))

const without = (rows: readonly RegistryRow[], known: readonly RegistryRow[]): readonly RegistryRow[] =>
  rows.filter((one) => !known.some(({ cluster, cidr }) => cluster === one.cluster && cidr === one.cidr))

const blocksOf = (
  spec: { readonly clusterID: string; readonly podCIDRs: readonly CIDR[]; readonly serviceCIDRs: readonly CIDR[] },
  state: RegistryRow['state'],
): readonly RegistryRow[] => [
  ...spec.podCIDRs.map((cidr) => row(spec.clusterID, cidr, 'Pods', state, undefined)),
  ...spec.serviceCIDRs.map((cidr) => row(spec.clusterID, cidr, 'Services', state, undefined)),
]

const row = (
  cluster: string,
  cidr: CIDR,
  use: RegistryRow['use'],
  state: RegistryRow['state'],
  until: string | undefined,
): RegistryRow => ({ cluster, cidr, use, state, until })
