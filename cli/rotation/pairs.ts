// How far the keys of the pairs with this cluster have been changed, by what its gateways and those of the others announce. Pure.
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { believed } from '#fleet/rows/announced.ts'
import type { MemberView } from '#fleet/snapshot.ts'
import type { Probe } from '../cluster/until.ts'

/** By other cluster: the id of the key that gateways of this cluster use first. Where the other cluster announces none there is nothing to change. */
export function pairsOf(member: MemberView): ReadonlyMap<string, string> {
  return new Map([...announced(member)].filter(([peer]) => announces(member, peer)))
}

/** Clusters with which a key is offered here and which announce none: it is not required yet, and not changed before it is. */
export const unanswered = (member: MemberView): readonly string[] =>
  [...announced(member).keys()].filter((peer) => !announces(member, peer)).toSorted()

const announced = (member: MemberView): ReadonlyMap<string, string> =>
  new Map(own(member).flatMap(({ spec }) => (spec.wireguard.pairKeys ?? []).map(({ clusterID, id }) => [clusterID, id])))

const announces = ({ membership, gateways }: MemberView, peer: string): boolean =>
  gateways.some((one) => one.spec.clusterID === peer && wordOf(one, membership.spec.clusterID) !== undefined)

/** Whether all gateways of this cluster use another key than `before`, and no former one is needed any more. */
export function changed(member: MemberView, before: ReadonlyMap<string, string>): Probe<undefined> {
  const waiting = [...before].flatMap(([peer, id]) => {
    const behind = own(member).filter((gateway) => {
      const word = wordOf(gateway, peer)
      return word !== undefined && (word.id === id || word.next !== undefined)
    })
    return behind.length === 0 ? [] : [`${peer}: ${whyOf(member, peer, behind)}`]
  })
  return waiting.length === 0 ? { done: undefined } : { waiting: waiting.join('; ') }
}

/** Both sides wait for every gateway of both. */
function whyOf(member: MemberView, peer: string, behind: readonly GatewayEndpoint[]): string {
  const next = behind.map((gateway) => wordOf(gateway, peer)?.next).find((id) => id !== undefined)
  const { clusterID } = member.membership.spec
  if (next === undefined) {
    const silent = [
      ...own(member).filter((gateway) => wordOf(gateway, peer) === undefined),
      ...member.gateways.filter((gateway) => gateway.spec.clusterID === peer && wordOf(gateway, clusterID) === undefined),
    ].map(({ spec }) => `the gateway on ${spec.node} of ${spec.clusterID}`)
    return silent.length === 0
      ? 'the operator has not seen it yet'
      : `not begun: no key of the pair is announced by ${silent.join(', ')}`
  }
  const holds = (gateway: GatewayEndpoint, to: string) => {
    const word = wordOf(gateway, to)
    return word?.id === next || word?.next === next
  }
  const without = [
    ...own(member).filter((gateway) => !holds(gateway, peer)),
    ...member.gateways.filter((gateway) => gateway.spec.clusterID === peer && !holds(gateway, clusterID)),
  ].map(({ spec }) => `the gateway on ${spec.node} of ${spec.clusterID}`)
  return without.length === 0
    ? 'all gateways hold the next key, and turn to it'
    : `${without.join(', ')} ${without.length === 1 ? 'does' : 'do'} not say yet that it holds the next key`
}

const own = (member: MemberView): readonly GatewayEndpoint[] =>
  believed(member).filter(({ spec }) => spec.clusterID === member.membership.spec.clusterID)

const wordOf = ({ spec }: GatewayEndpoint, peer: string) => spec.wireguard.pairKeys?.find((k) => k.clusterID === peer)
