// When a gateway has begun anew with another WireGuard key. Pure.
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { activeOf, believed } from '#fleet/rows/announced.ts'
import type { MemberView } from '#fleet/snapshot.ts'
import type { Probe } from '../cluster/until.ts'

/** The GatewayEndpoint of the gateway on this node; undefined before it ever said a word. */
export const ownOn = (member: MemberView, node: string): GatewayEndpoint | undefined =>
  believed(member).find(({ spec }) => spec.clusterID === member.membership.spec.clusterID && spec.node === node)

/** The far gateways to which it has a cable that works. */
export const reachedBy = (gateway: GatewayEndpoint | undefined): readonly string[] =>
  (gateway?.status?.connections ?? []).filter((c) => c.state === 'Connected').map((c) => c.endpoint)

/** `before`: its key, and what it reached with that. Done when it reaches as much with another; then who leads is told. */
export function renewed(
  member: MemberView,
  node: string,
  before: { readonly publicKey: string; readonly reached: readonly string[] },
): Probe<string | undefined> {
  const now = ownOn(member, node)
  if (now === undefined || now.spec.wireguard.publicKey === before.publicKey)
    return { waiting: `the gateway on ${node} hands over, and begins anew` }
  const reached = reachedBy(now)
  const missing = before.reached.filter((endpoint) => !reached.includes(endpoint))
  if (missing.length > 0)
    return { waiting: `its cables with the new key come about: ${missing.length} of ${before.reached.length} do not yet` }
  return { done: activeOf(member.gateways, member.membership.spec.clusterID)?.spec.node }
}
