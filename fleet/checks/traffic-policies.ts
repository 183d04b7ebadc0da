// Who chose among the clusters that answer gets what was chosen.
import { conditionOf } from '#lib/kube/conditions.ts'
import type { Check, Finding } from './check.ts'
import { orPass } from './check.ts'

export const trafficPolicies: Check = {
  name: 'traffic-policies',
  subject: 'services',
  asks: 'Does all of every ServiceTrafficPolicy hold?',
  run: ({ member }) => {
    if (member === undefined || member.trafficPolicies.length === 0) return []
    return orPass(
      member.trafficPolicies.flatMap(({ metadata: { namespace = '', name }, status }): readonly Finding[] => {
        const ready = conditionOf(status?.conditions, 'Ready')
        if (ready?.status === 'True') return []
        return [
          {
            // Nobody answers, or it is not known: otherwise the rest of it holds.
            level: ready?.reason === 'NoClusterLeft' ? 'fail' : 'warn',
            about: [`ServiceTrafficPolicy ${namespace}/${name}`],
            says: `${namespace}/${name}: ${ready?.message ?? 'the operator has not looked at its traffic policy yet'}`,
            remedy: `kubectl -n ${namespace} edit servicetrafficpolicy ${name}`,
          },
        ]
      }),
      'every traffic policy holds',
    )
  },
}
