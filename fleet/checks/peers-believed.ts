// Objects of other members that this cluster does not take: what they announce is not routed.
import { conditionOf } from '#lib/kube/conditions.ts'
import type { Check, Finding } from './check.ts'
import { orPass } from './check.ts'

export const peersBelieved: Check = {
  name: 'peers-believed',
  subject: 'connections',
  asks: 'Is everything that other clusters announce taken?',
  run: ({ member, ignored }) => {
    if (member === undefined) return []
    const own = member.membership
    const refused = [
      ...['PeersValid', 'PeersInBudget'].map((type) => ({
        from: 'the operator',
        condition: conditionOf(own.status?.conditions, type),
      })),
      ...member.gateways
        .filter((g) => g.spec.clusterID === own.spec.clusterID)
        .map((g) => ({
          from: `the gateway on ${g.spec.node}`,
          condition: conditionOf(g.status?.conditions, 'PeersAccepted'),
        })),
    ].flatMap(({ from, condition }): readonly Finding[] =>
      condition?.status === 'False'
        ? [
            {
              level: 'fail',
              about: [condition.type],
              says: `${from} does not take all that others announce: ${condition.message}`,
              remedy:
                'The administrator of the broker looks at the member that is named: tombolo diagnose broker --context BROKER; tombolo quarantine takes a member out that does not mend.',
            },
          ]
        : [],
    )
    const malformed = ignored.map(({ object, why }) => ({
      level: 'warn' as const,
      about: [object],
      says: `${object} is malformed and left out: ${why}`,
      remedy: 'Correct or delete it; if its writer runs another version of Tombolo: tombolo show versions.',
    }))
    return orPass([...refused, ...malformed], 'everything that other clusters announce is taken')
  },
}
