// Clusters that asked to be let in and were not.
import type { Check } from './check.ts'
import { orPass } from './check.ts'

export const joinRequests: Check = {
  name: 'join-requests',
  subject: 'broker',
  asks: 'Does a cluster wait to be let in, or was one refused?',
  run: ({ broker }) => {
    if (broker === undefined) return []
    return orPass(
      broker.requests
        .filter((r) => r.status?.state !== 'Admitted')
        .map(({ metadata, spec, status }) => ({
          level: 'warn' as const,
          about: [`JoinRequest ${metadata.namespace ?? ''}/${metadata.name}`],
          says:
            status?.state === 'Refused'
              ? `${spec.clusterID} was refused: ${status.message ?? ''}`
              : `${spec.clusterID} waits to be let in${status?.message === undefined ? '' : `: ${status.message}`}`,
          remedy:
            status?.state === 'Refused'
              ? 'Mend what is named in that cluster and run tombolo join there again.'
              : `tombolo approve ${spec.clusterID}, if it needs a person; else kubectl -n tombolo-broker logs deployment/tombolo-broker-controller says why.`,
        })),
      'nobody waits to be let in',
    )
  },
}
