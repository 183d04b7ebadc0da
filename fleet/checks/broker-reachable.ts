// The operator reaches the broker. Without it traffic and names go on; what changes elsewhere is not heard.
import { conditionOf } from '#lib/kube/conditions.ts'
import type { Check } from './check.ts'
import { pass } from './check.ts'

export const brokerReachable: Check = {
  name: 'broker-reachable',
  subject: 'broker',
  asks: 'Does the operator reach the broker, and is it let in?',
  run: ({ member }) => {
    if (member === undefined) return []
    const found = conditionOf(member.membership.status?.conditions, 'BrokerReachable')
    if (found?.status === 'True') return [pass('the broker answers')]
    const refused = ['Unauthorized', 'BadCredentials'].includes(found?.reason ?? '')
    return [
      {
        level: found?.status === 'False' ? 'fail' : 'warn',
        about: ['broker'],
        says: found === undefined ? 'the operator has not said whether it reaches the broker' : found.message,
        remedy: refused
          ? `Join again: tombolo join ${member.membership.spec.clusterID}.`
          : 'From a node of this cluster, try the apiserver of the broker: its address is in Secret tombolo-system/tombolo-broker, key server.',
      },
    ]
  },
}
