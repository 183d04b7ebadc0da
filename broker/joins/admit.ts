// Who may become a member, and with which addresses. Pure: the whole question is in the arguments, so the answer can be
// tested, printed and repeated. Routes, allowed IPs and admission policies all follow from what is decided here.
import type { JoinRequest } from '#crds/join-request.ts'
import type { Member } from '#crds/member.ts'
import { identityAnnotation, systemNamespace } from '#crds/places.ts'
import { fingerprint } from '#lib/identity/identity.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import { contains, overlaps } from '#lib/net/cidr.ts'
import { reservedIn } from '#lib/net/reserved.ts'

/** Why not, for programs: the reason of the conditions. `Overlap`: somebody else has, or had lately, the same addresses. */
export const obstacles = [
  'ReservedAddresses',
  'OverlapsItself',
  'OutsideFleet',
  'BrokerAddresses',
  'Overlap',
  'GatewayAddress',
  'Incompatible',
] as const
type Obstacle = (typeof obstacles)[number]

/** Why not yet. `GroundUnknown`: the broker cannot tell which addresses are to be kept free. */
export const delays = ['AddressesKept', 'GroundUnknown'] as const
type Delay = (typeof delays)[number]

export type Refusal = { readonly reason: Obstacle; readonly message: string }

export type Decision =
  | { readonly state: 'Admitted'; readonly spec: Granted }
  | ({ readonly state: 'Refused' } & Refusal)
  /** Time alone lets it in, or what the broker does not know yet. */
  | { readonly state: 'Pending'; readonly reason: Delay; readonly message: string }

/** Of those who may join, and of those who may once they are approved. */
export type Decisions = ReadonlyMap<JoinRequest, Decision>

export type Asked = Pick<JoinRequest['spec'], 'clusterID' | 'clusterUID' | 'podCIDRs' | 'serviceCIDRs' | 'identity'>
/** What the controller says of a member; the rest of its spec is the administrator's. */
export type Granted = Omit<Member['spec'], 'state' | 'relay' | 'requestedAt'>

/** Addresses that somebody has, gets or had lately, and what to call them. */
export type Taken = {
  readonly cidr: CIDR
  readonly by: { readonly clusterID: string; readonly clusterUID: string }
  readonly as: string
} & (
  | { readonly since: 'held' }
  /** Perhaps it never gets them: then they are free in a while. */
  | { readonly since: 'reserved' }
  /** `identity`: the fingerprint of who left; undefined where an earlier version did not write it down. */
  | { readonly since: 'released'; readonly identity: string | undefined }
)
/** What the broker's own cluster cannot do without, and what to call it. */
export type BrokerAddress = { readonly cidr: CIDR; readonly as: string }

/** An address at which a gateway of a member is reached. */
export type GatewayAddress = { readonly clusterID: string; readonly address: string }

export type Ground = {
  /** Of members, what drains among it, of clusters that are being let in, and of those that left lately. */
  readonly taken: readonly Taken[]
  readonly gateways: readonly GatewayAddress[]
  /** `identity`: fingerprint of the cluster that the broker runs in, if that is a member: it may have its own addresses. */
  readonly broker: { readonly identity: string | undefined; readonly addresses: readonly BrokerAddress[] }
  /** If given, all addresses must lie in these. */
  readonly pools: readonly CIDR[] | undefined
}

/**
 * One request, whose signature holds (judge.ts), against what there is. What the asking cluster has or had itself is no obstacle: `join` may
 * be repeated, and changed. That it had them before it left its identity proves; with other keys it waits until they are anybody's.
 */
export function admit(asked: Asked, { taken, gateways, broker, pools }: Ground): Decision {
  const { clusterID } = asked
  const others = taken.filter((t) => !isOwn(t, asked))
  const obstacle =
    unusable(asked) ??
    overlapsItself(asked) ??
    outside(asked, pools) ??
    overlapsAnother(
      asked,
      others.filter((t) => t.since !== 'reserved' && !isSaidToBeOwn(t, asked)),
    ) ??
    (fingerprint(asked.identity) === broker.identity ? undefined : coversBroker(asked, broker.addresses)) ??
    coversGateway(
      asked,
      gateways.filter((g) => g.clusterID !== clusterID),
    )
  if (obstacle !== undefined) return { state: 'Refused', ...obstacle }
  const kept = blocksOf(asked).flatMap(({ cidr }) => others.find((t) => overlaps(t.cidr, cidr)) ?? [])[0]
  return kept === undefined
    ? { state: 'Admitted', spec: grantedBy(asked) }
    : {
        state: 'Pending',
        reason: 'AddressesKept',
        message:
          kept.since === 'reserved'
            ? `It waits for ${kept.as}. If that does not become a member with it, this one is let in, without anybody's doing.`
            : `It waits for ${kept.as}: it may be the same cluster, and its keys, which would prove it, are others. After that it is let in, without anybody's doing.`,
      }
}

export const grantedBy = ({ clusterID, clusterUID, podCIDRs, serviceCIDRs, identity }: Asked): Granted => ({
  clusterID,
  clusterUID,
  podCIDRs,
  serviceCIDRs,
  identity,
})

/**
 * All requests of one moment, in the order in which they are to be judged: each against what there is and against those admitted
 * before it, so of two that overlap exactly one gets in, whatever order they were listed in. Who waits for an administrator is told
 * whether it would get in, and takes nothing from anybody: it is judged again when it is approved.
 */
export function admitAll<R extends { readonly spec: Asked }>(
  requests: readonly R[],
  waiting: readonly R[],
  ground: Ground,
): ReadonlyMap<R, Decision> {
  const taken = [...ground.taken]
  const decisions = new Map<R, Decision>()
  for (const request of requests) {
    const decision = admit(request.spec, { ...ground, taken })
    if (decision.state === 'Admitted') taken.push(...takenBy(decision.spec))
    decisions.set(request, decision)
  }
  for (const request of waiting) decisions.set(request, admit(request.spec, { ...ground, taken }))
  return decisions
}

/** A cluster that left may come back under another id. While it is a member, the same cluster under another id is a copy of it. */
const isOwn = (taken: Taken, { clusterID, clusterUID, identity }: Asked): boolean =>
  taken.by.clusterUID === clusterUID &&
  (taken.since === 'released' ? taken.identity === fingerprint(identity) : taken.by.clusterID === clusterID)

/** Anybody may say so: the UID is no secret. */
const isSaidToBeOwn = ({ by, since }: Taken, { clusterUID }: Asked): boolean =>
  since === 'released' && by.clusterUID === clusterUID

export const takenBy = (spec: Omit<Granted, 'identity'>): readonly Taken[] =>
  blocksOf(spec).map(({ cidr, use }) => ({
    cidr,
    by: { clusterID: spec.clusterID, clusterUID: spec.clusterUID },
    since: 'held',
    as: `${use} ${cidr} of member "${spec.clusterID}"`,
  }))

/** The oldest first, by name where two are equally old. */
export function byAge(a: JoinRequest, b: JoinRequest): number {
  const age = (a.metadata.creationTimestamp ?? '').localeCompare(b.metadata.creationTimestamp ?? '')
  return age === 0 ? a.metadata.name.localeCompare(b.metadata.name) : age
}

type Block = { readonly cidr: CIDR; readonly use: 'pod CIDR' | 'service CIDR' }

function unusable(asked: Asked): Refusal | undefined {
  for (const { cidr, use } of blocksOf(asked)) {
    const found = reservedIn(cidr)
    if (found !== undefined)
      return refusal(
        'ReservedAddresses',
        `${use} ${cidr} of "${asked.clusterID}" contains ${found.cidr} (${found.what}), which no cluster may announce. Join with its real range: --pod-cidr, --service-cidr.`,
      )
  }
  return undefined
}

function overlapsItself(asked: Asked): Refusal | undefined {
  const blocks = blocksOf(asked)
  for (const [i, a] of blocks.entries())
    for (const b of blocks.slice(i + 1))
      if (overlaps(a.cidr, b.cidr))
        return refusal(
          'OverlapsItself',
          `${a.use} ${a.cidr} and ${b.use} ${b.cidr} of "${asked.clusterID}" overlap each other. Give its real ranges: --pod-cidr, --service-cidr.`,
        )
  return undefined
}

function outside(asked: Asked, pools: readonly CIDR[] | undefined): Refusal | undefined {
  const found = pools === undefined ? undefined : blocksOf(asked).find(({ cidr }) => !pools.some((pool) => contains(pool, cidr)))
  return found === undefined
    ? undefined
    : refusal(
        'OutsideFleet',
        `${found.use} ${found.cidr} of "${asked.clusterID}" lies outside the addresses of this fleet, ${pools?.join(', ') ?? ''} (spec.join.addresses of the Fleet). Renumber, or widen that.`,
      )
}

/** Every other member would send what it has to say to the broker into a cable. */
function coversBroker(asked: Asked, addresses: readonly BrokerAddress[]): Refusal | undefined {
  for (const { cidr, use } of blocksOf(asked)) {
    const found = addresses.find((own) => overlaps(cidr, own.cidr))
    if (found !== undefined)
      return refusal(
        'BrokerAddresses',
        `${use} ${cidr} of "${asked.clusterID}" contains ${found.as}, which is the broker's: the members' way to it must stay free. Renumber, or, if the range was detected wrongly, join with --pod-cidr or --service-cidr. The broker's own cluster may have it: tombolo join shows that it is that one by marking its namespace ${systemNamespace} (${identityAnnotation}).`,
      )
  }
  return undefined
}

function overlapsAnother(asked: Asked, taken: readonly Taken[]): Refusal | undefined {
  for (const mine of blocksOf(asked)) {
    const theirs = taken.find(({ cidr }) => overlaps(mine.cidr, cidr))
    if (theirs !== undefined)
      return refusal(
        'Overlap',
        `${mine.use} ${mine.cidr} of "${asked.clusterID}" overlaps ${theirs.as}. Two members cannot have the same addresses: renumber one of them, or, if the range was detected wrongly, join with --pod-cidr or --service-cidr.`,
      )
  }
  return undefined
}

/** Packets to it would be routed into the very cable that they should carry. */
function coversGateway(asked: Asked, gateways: readonly GatewayAddress[]): Refusal | undefined {
  for (const { cidr, use } of blocksOf(asked)) {
    const found = gateways.find(({ address }) => contains(cidr, address))
    if (found !== undefined)
      return refusal(
        'GatewayAddress',
        `${use} ${cidr} of "${asked.clusterID}" contains ${found.address}, where a gateway of member "${found.clusterID}" is reached: its cables would break. Renumber, or, if the range was detected wrongly, join with --pod-cidr or --service-cidr.`,
      )
  }
  return undefined
}

const refusal = (reason: Obstacle, message: string): Refusal => ({ reason, message })

const blocksOf = (of: Pick<Asked, 'podCIDRs' | 'serviceCIDRs'>): readonly Block[] => [
  ...of.podCIDRs.map((cidr) => ({ cidr, use: 'pod CIDR' as const })),
  ...of.serviceCIDRs.map((cidr) => ({ cidr, use: 'service CIDR' as const })),
]
