// Every node has a way to every other cluster, and a gateway's node one to every node for what comes back: the rule that looks our table up,
// and in it a route that leads somewhere.
import { remoteTable, returnTable } from '#gateway/data-plane.ts'
import { peersOf } from '../rows/clusters.ts'
import type { NodeFact } from '../facts/platform.ts'
import type { NodeNetwork } from '../probes/probed.ts'
import type { MemberView } from '../snapshot.ts'
import type { Check, Finding } from './check.ts'
import { counted, orPass } from './check.ts'

export const nodeRoutes: Check = {
  name: 'node-routes',
  subject: 'connections',
  asks: 'Has every node a route to the pods of every other cluster, and every gateway’s node one back to each node? (probed)',
  run: ({ member, platform: { nodes }, probed: { networks } }) => {
    if (member === undefined || networks.length === 0) return []
    const gateways = new Set(nodes.filter((n) => n.gateway).map((n) => n.name))
    return orPass(
      networks.flatMap((network) => [
        ...withoutWayOut(network, member),
        ...(gateways.has(network.node) ? withoutWayBack(network, nodes) : []),
      ]),
      `${counted(networks.length, 'node')} with routes to every cluster`,
    )
  },
}

const remedy = `The agent puts it back within half a minute; kubectl -n tombolo-system logs -l app.kubernetes.io/component=agent says what stops it.`

function withoutWayOut({ node, rules, routes }: NodeNetwork, member: MemberView): readonly Finding[] {
  const about = [`Node ${node}`]
  const remote = peersOf(member)
  if (remote.length > 0 && !rules.some((r) => r.table === remoteTable))
    return [{ level: 'fail', about, says: `the rule that looks up table ${remoteTable} is missing on ${node}`, remedy }]
  const leadsTo = (cidr: string) => routes.some((r) => r.table === remoteTable && r.to === cidr && r.target.kind === 'device')
  return remote.flatMap(({ spec }) => {
    const without = spec.podCIDRs.filter((cidr) => !leadsTo(cidr))
    return without.length === 0
      ? []
      : [
          {
            level: 'fail' as const,
            about: [...about, spec.clusterID],
            says: `${node} has no way to ${without.join(', ')} of ${spec.clusterID}`,
            remedy: `Without an active gateway there is none: see the findings on connections. Else: ${remedy}`,
          },
        ]
  })
}

/** A node without an address that it can be reached at is no matter of routes (node-addresses.ts). */
function withoutWayBack({ node, rules, routes }: NodeNetwork, nodes: readonly NodeFact[]): readonly Finding[] {
  const others = nodes.filter((n) => n.name !== node && n.addresses.length > 0)
  if (others.some((n) => n.podCIDRs.length > 0) && !rules.some((r) => r.table === returnTable))
    return [
      {
        level: 'fail',
        about: [`Node ${node}`],
        says: `the rule that looks up table ${returnTable} is missing on ${node}`,
        remedy,
      },
    ]
  return others.flatMap(({ name, podCIDRs }) => {
    const without = podCIDRs.filter((cidr) => !routes.some((r) => r.table === returnTable && r.to === cidr))
    return without.length === 0
      ? []
      : [
          {
            level: 'fail' as const,
            about: [`Node ${node}`, `Node ${name}`],
            says: `${node} does not know that ${without.join(', ')} is on ${name}: what other clusters answer its pods goes astray`,
            remedy,
          },
        ]
  })
}
