// Which role a gateway plays, from what the Lease says. Two rules beyond "the leader is Active":
//   - a gateway that was Active and sees nobody else in the lead goes on: when the apiserver is away, traffic is not;
//   - the lead of an earlier process on this node counts as ours, so that a restart does not withdraw routes for the rest of its term.
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import type { Leadership } from '#lib/kube/lease.ts'
import type { Claim } from '../engine.ts'

export const leaseName = 'tombolo-gateway'

/** A Lease's identity: the node, then what makes this process different from the last one. */
export const identityOf = (node: string, bootID: string): string => `${node}/${bootID}`

export function splitIdentity(identity: string): readonly [node: string, bootID: string] {
  const at = identity.lastIndexOf('/')
  return [identity.slice(0, at), identity.slice(at + 1)]
}

export function claimAfter(before: Claim, node: string, now: Leadership): Claim {
  const ours =
    now.role === 'leader' || now.holder?.startsWith(`${node}/`) === true || (now.holder === undefined && before.role === 'Active')
  return { role: ours ? 'Active' : 'Standby', term: now.term }
}

/**
 * Of a Lease that somebody deleted: above every term that gateways of this cluster have published. Peers remember the highest one they
 * heard, and would take whoever began again at 0 for an old leader.
 */
export const firstTerm = (own: readonly GatewayEndpoint[]): number => Math.max(0, ...own.map((e) => (e.status?.term ?? -1) + 1))
