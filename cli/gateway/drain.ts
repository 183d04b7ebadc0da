// Whether a gateway can be drained, and when that is done. Pure.
import { gatewayNodeLabel } from '#crds/places.ts'
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { activeOf, believed } from '#fleet/rows/announced.ts'
import { stateOf } from '#fleet/rows/gateways.ts'
import type { MemberView, Snapshot } from '#fleet/snapshot.ts'
import { refused } from '../problem.ts'
import type { Problem } from '../problem.ts'
import type { Probe } from '../cluster/until.ts'

/** The Node of a gateway of the cluster, or why it is none. */
export function gatewayNode({ platform }: Snapshot, node: string, context: string): Problem | undefined {
  const gateways = platform.nodes.filter((n) => n.gateway).map(({ name }) => name)
  const there = gateways.length === 0 ? 'There is none.' : `Gateways are on ${gateways.join(', ')}.`
  if (!platform.nodes.some(({ name }) => name === node))
    return refused(`There is no node "${node}" in context "${context}".`, there)
  return gateways.includes(node)
    ? undefined
    : refused(`Node "${node}" is no gateway: it has no label ${gatewayNodeLabel}=true.`, there)
}

/** What would be lost if it gave the lead up now; undefined: nothing. */
export function objection(member: MemberView, { platform }: Snapshot, node: string, context: string): Problem | undefined {
  const { clusterID } = member.membership.spec
  const able = platform.nodes.filter(
    ({ name, gateway, drained }) => name !== node && gateway && !drained && member.running.includes(name),
  )
  if (able.length === 0)
    return refused(
      `No other gateway of "${clusterID}" can take over from "${node}".`,
      `Make a second: kubectl --context ${context} label node NODE ${gatewayNodeLabel}=true; or undo a drain: tombolo gateway uncordon NODE. With --force it is drained all the same: it leads until another one can, and no more once its pod has ended.`,
    )
  const gateways = believed(member).filter(({ spec }) => spec.clusterID === clusterID)
  const lost = [...reached(gateways, [node])].filter(
    (id) =>
      !reached(
        gateways,
        able.map(({ name }) => name),
      ).has(id),
  )
  return lost.length === 0 || activeOf(gateways, clusterID)?.spec.node !== node
    ? undefined
    : refused(
        `${lost.join(', ')} ${lost.length === 1 ? 'is' : 'are'} reached by "${node}" alone: no other gateway of "${clusterID}" has a cable there that works.`,
        `tombolo show connections --context ${context} says why. With --force it is drained all the same.`,
      )
}

/** Whether the gateway knows of it and, where another can lead, has stood back for it. */
export function drained(member: MemberView, node: string, handsOver: boolean): Probe<GatewayEndpoint | undefined> {
  const { clusterID } = member.membership.spec
  const gateways = believed(member).filter(({ spec }) => spec.clusterID === clusterID)
  const own = gateways.find(({ spec }) => spec.node === node)
  const active = activeOf(gateways, clusterID)
  // One that does not run has nothing to give up.
  if (!member.running.includes(node) || own === undefined) return { done: active }
  if (stateOf(own) !== 'Drained') return { waiting: `the gateway on ${node} has not seen it yet` }
  return handsOver && (own.status?.role === 'Active' || active === undefined)
    ? { waiting: `${node} leads until another gateway has taken over` }
    : { done: active }
}

/** Clusters to which gateways on these nodes have a cable that works. */
const reached = (gateways: readonly GatewayEndpoint[], nodes: readonly string[]): ReadonlySet<string> =>
  new Set(
    gateways
      .filter(({ spec }) => nodes.includes(spec.node))
      .flatMap(({ status }) => (status?.connections ?? []).filter((c) => c.state === 'Connected').map((c) => c.clusterID)),
  )
