// Every member renews its heartbeat on the broker, and the controller has made what a member needs.
import type { ClusterRow } from '../rows/clusters.ts'
import { clustersOf } from '../rows/clusters.ts'
import type { Check, Finding } from './check.ts'
import { counted, orPass } from './check.ts'

export const membersHeard: Check = {
  name: 'members-heard',
  subject: 'broker',
  asks: 'Is every member provisioned and heard?',
  run: (seen) => {
    if (seen.broker === undefined) return []
    const rows = clustersOf({ ...seen, member: undefined })
    return orPass(
      rows.flatMap(({ id, state, message }): readonly Finding[] => {
        const about = [`Member ${id}`]
        const says = `${id} is ${state}${message === undefined ? '' : `: ${message}`}`
        if (state === 'Ready') return []
        return [
          { level: state === 'Leaving' || state === 'Quarantined' ? 'warn' : 'fail', about, says, remedy: remedyOf(id, state) },
        ]
      }),
      `${counted(rows.length, 'member')} heard`,
    )
  },
}

function remedyOf(id: string, state: ClusterRow['state']): string {
  if (state === 'Silent') return `Ask there: tombolo diagnose broker --context ${id}. Its traffic goes on from what is known.`
  if (state === 'Quarantined')
    return 'Nothing of it is routed or imported until a person lifts it; tombolo revoke ends its membership.'
  if (state === 'NoGateway') return `Ask there: tombolo diagnose connections --context ${id}.`
  if (state === 'Leaving') return `kubectl get namespace tombolo-m-${id} -o yaml says what holds it, if it stays.`
  return 'kubectl -n tombolo-broker logs deployment/tombolo-broker-controller says why.'
}
