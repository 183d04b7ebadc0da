// Who may become a member, and with which addresses. Pure: the whole question is in the arguments, so the answer can be
// tested, printed and repeated. Routes, allowed IPs and admission policies all follow from what is decided here.
import type { JoinRequest } from '#crds/join-request.ts'
import { joinRequest } from '#crds/join-request.ts'
import type { Member } from '#crds/member.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import { overlaps } from '#lib/net/cidr.ts'
import { tunnelNetwork } from '#lib/net/keys.ts'
import { explain } from '#lib/std/result.ts'

export type Decision =
  { readonly state: 'Admitted'; readonly spec: Member['spec'] } | { readonly state: 'Refused'; readonly message: string }

type Asked = JoinRequest['spec']
type Block = { readonly cidr: CIDR; readonly use: 'pod CIDR' | 'service CIDR' }

/** One request against the members there are. The same cluster asking for the same again is admitted again: `join` may be repeated. */
export function admit(asked: Asked, members: readonly Member['spec'][]): Decision {
  const spec: Member['spec'] = {
    clusterID: asked.clusterID,
    clusterUID: asked.clusterUID,
    podCIDRs: asked.podCIDRs,
    serviceCIDRs: asked.serviceCIDRs,
  }
  const others = members.filter((m) => m.clusterID !== asked.clusterID)
  const message =
    identityTaken(
      asked,
      members.find((m) => m.clusterID === asked.clusterID),
    ) ??
    unusable(asked) ??
    overlapsItself(asked) ??
    overlapsAnother(asked, others)
  return message === undefined ? { state: 'Admitted', spec } : { state: 'Refused', message }
}

/**
 * All requests of one moment, the oldest first and by name where two are equally old: each is judged against the members and
 * against those admitted before it, so of two that overlap exactly one gets in, whatever order they were listed in.
 */
export function admitAll(
  requests: readonly JoinRequest[],
  members: readonly Member['spec'][],
): readonly { readonly request: JoinRequest; readonly decision: Decision }[] {
  const taken = [...members]
  return requests.toSorted(byAge).map((request) => {
    const decision = judge(request, taken)
    if (decision.state === 'Admitted') taken.push(decision.spec)
    return { request, decision }
  })
}

/** The apiserver checked the schema; what a schema cannot say, such as host bits in a CIDR, is checked here. */
function judge(request: JoinRequest, taken: readonly Member['spec'][]): Decision {
  const parsed = joinRequest.parse(request)
  if (!parsed.ok) return refused(`The request is malformed: ${explain(parsed.error)}. Correct it and join again.`)
  const { spec, metadata } = parsed.value
  if (metadata.name !== spec.clusterID)
    return refused(
      `The request is named "${metadata.name}" but asks for cluster id "${spec.clusterID}". Name it after the cluster id.`,
    )
  return admit(spec, taken)
}

const refused = (message: string): Decision => ({ state: 'Refused', message })

function identityTaken(asked: Asked, holder: Member['spec'] | undefined): string | undefined {
  if (holder === undefined) return undefined
  if (holder.clusterUID !== asked.clusterUID)
    return `Cluster id "${asked.clusterID}" belongs to another cluster (its kube-system has uid ${holder.clusterUID}, this one ${asked.clusterUID}). Choose another id, or remove that member first: tombolo uninstall in that cluster.`
  if (same(holder.podCIDRs, asked.podCIDRs) && same(holder.serviceCIDRs, asked.serviceCIDRs)) return undefined
  return `Cluster "${asked.clusterID}" is a member with pod CIDRs ${list(holder.podCIDRs)} and service CIDRs ${list(holder.serviceCIDRs)}, and now asks for ${list(asked.podCIDRs)} and ${list(asked.serviceCIDRs)}. Join with the addresses it has, or leave first: tombolo uninstall.`
}

/** Addresses that mean something else on every machine, or inside our own cables. */
const reserved: readonly (readonly [CIDR, string])[] = [
  ['0.0.0.0/8' as CIDR, 'this host'],
  ['127.0.0.0/8' as CIDR, 'loopback'],
  ['169.254.0.0/16' as CIDR, 'link-local'],
  ['224.0.0.0/4' as CIDR, 'multicast'],
  ['255.255.255.255/32' as CIDR, 'broadcast'],
  ['::/127' as CIDR, 'loopback'],
  ['fe80::/10' as CIDR, 'link-local'],
  ['ff00::/8' as CIDR, 'multicast'],
  [tunnelNetwork, 'Tombolo’s own tunnel addresses'],
]

function unusable(asked: Asked): string | undefined {
  for (const { cidr, use } of blocksOf(asked)) {
    const found = reserved.find(([block]) => overlaps(block, cidr))
    if (found !== undefined)
      return `${use} ${cidr} of "${asked.clusterID}" contains ${found[0]} (${found[1]}), which no cluster may announce. Join with its real range: --pod-cidr, --service-cidr.`
  }
  return undefined
}

function overlapsItself(asked: Asked): string | undefined {
  const blocks = blocksOf(asked)
  for (const [i, a] of blocks.entries())
    for (const b of blocks.slice(i + 1))
      if (overlaps(a.cidr, b.cidr))
        return `${a.use} ${a.cidr} and ${b.use} ${b.cidr} of "${asked.clusterID}" overlap each other. Give its real ranges: --pod-cidr, --service-cidr.`
  return undefined
}

function overlapsAnother(asked: Asked, members: readonly Member['spec'][]): string | undefined {
  for (const mine of blocksOf(asked))
    for (const member of members)
      for (const theirs of blocksOf(member))
        if (overlaps(mine.cidr, theirs.cidr))
          return `${mine.use} ${mine.cidr} of "${asked.clusterID}" overlaps ${theirs.use} ${theirs.cidr} of member "${member.clusterID}". Two members cannot have the same addresses: renumber one of them, or, if the range was detected wrongly, join with --pod-cidr or --service-cidr.`
  return undefined
}

const blocksOf = (of: Pick<Asked, 'podCIDRs' | 'serviceCIDRs'>): readonly Block[] => [
  ...of.podCIDRs.map((cidr) => ({ cidr, use: 'pod CIDR' as const })),
  ...of.serviceCIDRs.map((cidr) => ({ cidr, use: 'service CIDR' as const })),
]

const list = (cidrs: readonly CIDR[]): string => cidrs.join(', ')
const same = (a: readonly CIDR[], b: readonly CIDR[]): boolean => list(a.toSorted()) === list(b.toSorted())

function byAge(a: JoinRequest, b: JoinRequest): number {
  const age = (a.metadata.creationTimestamp ?? '').localeCompare(b.metadata.creationTimestamp ?? '')
  return age === 0 ? a.metadata.name.localeCompare(b.metadata.name) : age
}
