// Clusters that asked to be let in and were not, and what the broker remarked of those that were.
import type { JoinRequest } from '#crds/join-request.ts'
import { conditionOf } from '#lib/kube/conditions.ts'
import type { Check, Finding } from './check.ts'
import { orPass } from './check.ts'

export const joinRequests: Check = {
  name: 'join-requests',
  subject: 'broker',
  asks: 'Does a cluster wait to be let in, was one refused, or should it be told something?',
  run: ({ broker }) => {
    if (broker === undefined) return []
    return orPass(
      broker.requests.flatMap((r) => (r.status?.state === 'Admitted' ? remarksOf(r) : [unanswered(r)])),
      'nobody waits to be let in',
    )
  },
}

const about = ({ metadata }: JoinRequest): readonly string[] => [`JoinRequest ${metadata.namespace ?? ''}/${metadata.name}`]

function unanswered(request: JoinRequest): Finding {
  const { spec, status } = request
  const warning = (says: string, remedy: string): Finding => ({ level: 'warn', about: about(request), says, remedy })
  if (status?.state !== 'Refused')
    return warning(
      `${spec.clusterID} waits to be let in${status?.message === undefined ? '' : `: ${status.message}`}`,
      `tombolo approve ${spec.clusterID}, if it needs a person; else kubectl -n tombolo-broker logs deployment/tombolo-broker-controller says why.`,
    )
  return conditionOf(status.conditions, 'Overlap')?.status === 'True'
    ? warning(
        `${spec.clusterID} overlaps: ${status.message ?? ''}`,
        `Renumber one of the two, or run tombolo join in ${spec.clusterID} again with its real --pod-cidr or --service-cidr; addresses of a cluster that left are free after a while.`,
      )
    : warning(
        `${spec.clusterID} was refused: ${status.message ?? ''}`,
        'Mend what is named in that cluster and run tombolo join there again.',
      )
}

/** What the broker says of a request whatever its answer, and what to do: each a condition that is True while it is so. */
const remedies = {
  ClockSkewed: 'Let the nodes of that cluster follow NTP: timedatectl.',
  VersionSkewed: 'tombolo upgrade brings broker and members together, the broker first.',
  ShortCredentials: 'Raise --service-account-max-token-expiration of the broker’s apiserver to 336h or more.',
  BrokerNameUnknown:
    'Let the pods of the broker’s cluster resolve that name, or make grants with --broker-server and an address.',
} as const

const remarksOf = (request: JoinRequest): readonly Finding[] =>
  Object.entries(remedies).flatMap(([type, remedy]): readonly Finding[] => {
    const said = conditionOf(request.status?.conditions, type)
    return said?.status === 'True'
      ? [{ level: 'warn', about: about(request), says: `${request.spec.clusterID}: ${said.message}`, remedy }]
      : []
  })
