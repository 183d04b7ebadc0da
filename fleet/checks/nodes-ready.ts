// A node that is not ready runs nothing of ours, and a gateway on it carries nothing.
import type { Check } from './check.ts'
import { counted, orPass } from './check.ts'

export const nodesReady: Check = {
  name: 'nodes-ready',
  subject: 'deployment',
  asks: 'Are the nodes ready?',
  run: ({ member, platform: { nodes } }) => {
    if (member === undefined || nodes.length === 0) return []
    return orPass(
      nodes
        .filter((n) => !n.ready)
        .map((n) => ({
          level: n.gateway ? ('fail' as const) : ('warn' as const),
          about: [`Node ${n.name}`],
          says: `${n.gateway ? 'gateway node' : 'node'} ${n.name} is not ready`,
          remedy: `kubectl describe node ${n.name} says why.`,
        })),
      `${counted(nodes.length, 'node')} ready`,
    )
  },
}
