// Pods of a node without an agent reach no other cluster.
import type { Check } from './check.ts'
import { counted, orPass } from './check.ts'

export const agentsEverywhere: Check = {
  name: 'agents-everywhere',
  subject: 'cni',
  asks: 'Has the agent set up every node?',
  run: ({ member, platform: { nodes } }) => {
    if (member === undefined || nodes.length === 0) return []
    const agents = member.pods.filter((p) => p.component === 'agent' && !p.going)
    return orPass(
      nodes
        .filter((n) => n.ready && !agents.some((a) => a.node === n.name && a.ready))
        .map((n) => {
          const agent = agents.find((a) => a.node === n.name)
          return {
            level: 'fail' as const,
            about: [`Node ${n.name}`],
            says:
              agent === undefined
                ? `no agent runs on ${n.name}: its pods reach no other cluster`
                : `the agent on ${n.name} has not set up its node: ${agent.trouble ?? 'it is not ready'}`,
            remedy:
              agent === undefined
                ? 'kubectl -n tombolo-system describe daemonset tombolo-agent says why there is no pod.'
                : `kubectl -n tombolo-system logs ${agent.name} says what it could not do.`,
          }
        }),
      `the agent has set up ${counted(nodes.length, 'node')}`,
    )
  },
}
