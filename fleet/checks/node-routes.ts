// Every node has a way to every other cluster: the rule that looks our table up, and in it a route that leads somewhere.
import { remoteTable } from '#gateway/data-plane.ts'
import { peersOf } from '../rows/clusters.ts'
import type { NodeNetwork } from '../probes/probed.ts'
import type { MemberView } from '../snapshot.ts'
import type { Check, Finding } from './check.ts'
import { counted, orPass } from './check.ts'

export const nodeRoutes: Check = {
  name: 'node-routes',
  subject: 'connections',
  asks: 'Has every node a route to the pods of every other cluster? (probed)',
  run: ({ member, probed: { networks } }) => {
    if (member === undefined || networks.length === 0) return []
    return orPass(
      networks.flatMap((network) => lacking(network, member)),
      `${counted(networks.length, 'node')} with routes to every cluster`,
    )
  },
}

function lacking({ node, rules, routes }: NodeNetwork, member: MemberView): readonly Finding[] {
  const about = [`Node ${node}`]
  const remedy = `The agent puts it back within half a minute; kubectl -n tombolo-system logs -l app.kubernetes.io/component=agent says what stops it.`
  const remote = peersOf(member)
  if (remote.length > 0 && !rules.some((r) => r.table === remoteTable))
    return [{ level: 'fail', about, says: `the rule that looks up table ${remoteTable} is missing on ${node}`, remedy }]
  return remote.flatMap(({ spec }) => {
    const without = spec.podCIDRs.filter((cidr) => !routes.some((r) => r.to === cidr && r.target.kind === 'device'))
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
