// The packet filters that keep traffic between clusters inside the cables are there, on every node.
import { agentTable, gatewayTable } from '#gateway/data-plane.ts'
import type { Check } from './check.ts'
import { counted, orPass } from './check.ts'

export const guardInPlace: Check = {
  name: 'guard-in-place',
  subject: 'firewall',
  asks: 'Are our packet filters in place on every node? (probed)',
  run: ({ probed: { networks }, platform: { nodes } }) =>
    networks.length === 0
      ? []
      : orPass(
          networks.flatMap(({ node, nftTables }) => {
            const isGateway = nodes.some((n) => n.name === node && n.gateway)
            return (isGateway ? [agentTable, gatewayTable] : [agentTable])
              .filter((table) => !nftTables.includes(table))
              .map((table) => ({
                level: 'fail' as const,
                about: [`Node ${node}`],
                says: `the nft table ${table} is missing on ${node}: packets may leave in clear or be masqueraded`,
                remedy: `${table === agentTable ? 'The agent' : 'The gateway'} puts it back within half a minute. If it goes again, another program on the node flushes the ruleset: let it leave tables of others alone.`,
              }))
          }),
          `our packet filters are in place on ${counted(networks.length, 'node')}`,
        ),
}
