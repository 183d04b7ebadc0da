// What the gateways of other clusters publish about their cables to ours. The pulse proves both directions, so where the two ends
// differ one of them is out of date or does not tell the truth.
import { believed } from '../rows/announced.ts'
import type { Check } from './check.ts'
import { orPass } from './check.ts'

export const bothDirections: Check = {
  name: 'both-directions',
  subject: 'connections',
  asks: 'Do the other ends of the cables say the same?',
  run: ({ member }) => {
    if (member === undefined) return []
    const all = believed(member)
    const ours = all.filter((g) => g.spec.clusterID === member.membership.spec.clusterID)
    const differing = ours.flatMap((own) =>
      (own.status?.connections ?? [])
        .filter((c) => c.state === 'Connected')
        .flatMap((here) => {
          const far = all.find((g) => g.metadata.name === here.endpoint)
          const there = far?.status?.connections?.find((c) => c.endpoint === own.metadata.name)
          if (far === undefined || there?.state === 'Connected') return []
          return [
            {
              level: 'warn' as const,
              about: [here.clusterID, `Node ${own.spec.node}`],
              says: `${own.spec.node} is connected to ${here.clusterID}/${here.node}, which says ${there === undefined ? 'nothing of it' : `${there.state}${there.message === undefined ? '' : `: ${there.message}`}`}`,
              remedy: `It passes when ${here.clusterID} reaches the broker again. If it stays, ask there: tombolo diagnose connections --context ${here.clusterID}.`,
            },
          ]
        }),
    )
    return ours.some((g) => (g.status?.connections ?? []).length > 0)
      ? orPass(differing, 'both ends of every cable say the same')
      : []
  },
}
