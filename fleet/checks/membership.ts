// What the operator says of this cluster's membership, in its own words.
import { conditionOf } from '#lib/kube/conditions.ts'
import type { Check, Finding } from './check.ts'
import { pass } from './check.ts'

export const membership: Check = {
  name: 'membership',
  subject: 'deployment',
  asks: 'Does the operator call the cluster connected to its fleet?',
  run: ({ member }) => {
    if (member === undefined) return []
    const { metadata, spec, status } = member.membership
    const about = [`Membership ${metadata.namespace ?? ''}/${metadata.name}`]
    const not = (level: 'warn' | 'fail', says: string, remedy: string): readonly Finding[] => [{ level, about, says, remedy }]
    const logs = 'kubectl -n tombolo-system logs deployment/tombolo-operator says why.'
    if (metadata.deletionTimestamp !== undefined)
      return not(
        'warn',
        `${spec.clusterID} is leaving the fleet: ${conditionOf(status?.conditions, 'Leaving')?.message ?? 'the operator has not begun yet'}`,
        'tombolo uninstall finishes what was begun.',
      )
    const ready = conditionOf(status?.conditions, 'Ready')
    if (ready === undefined) return not('fail', 'the operator has not reported yet', logs)
    if ((status?.observedGeneration ?? 0) < (metadata.generation ?? 0))
      return not('warn', 'the operator has not looked at the newest Membership yet', logs)
    if (ready.status !== 'True')
      return not('fail', `${spec.clusterID} is not ready: ${ready.message}`, `The findings below say more; ${logs}`)
    return [pass(`${spec.clusterID} is connected to its fleet`)]
  },
}
