// Every cable mixes the key in that only its two clusters have. Without it a cable is WireGuard's all the same, and rests on what a
// GatewayEndpoint says: whoever has a member's token for the broker could write that.
import { connectionsOf } from '../rows/connections.ts'
import type { Check } from './check.ts'
import { counted, orPass } from './check.ts'

export const pairKeys: Check = {
  name: 'pair-keys',
  subject: 'connections',
  asks: 'Does every cable use the key that only its two clusters have?',
  run: (seen) => {
    const { member } = seen
    if (member === undefined) return []
    const self = member.membership.spec.clusterID
    const cables = connectionsOf(seen).filter((c) => c.state === 'Connected' && c.pairKey !== undefined)
    const announces = (of: string, to: string) =>
      member.gateways.some((g) => g.spec.clusterID === of && g.spec.wireguard.pairKeys?.some((k) => k.clusterID === to) === true)
    return orPass(
      cables
        .filter((c) => c.pairKey === 'None')
        .map((c) => {
          const silent = announces(c.remoteCluster, self) ? self : c.remoteCluster
          return {
            level: 'warn',
            about: [c.remoteCluster, `Node ${c.node}`],
            says: `${c.node} to ${c.remoteCluster}/${c.remoteNode} goes without the key of the two clusters`,
            remedy: `Is ${silent} of this version (tombolo show versions)? Then: kubectl --context ${silent} -n tombolo-system logs deployment/tombolo-operator | grep pair-keys.`,
          }
        }),
      `${counted(cables.length, 'cable')} with a key of the two clusters`,
    )
  },
}
