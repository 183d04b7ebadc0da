// What one cluster may take of the broker: so many objects, and its own queue at the apiserver. Whoever fills or floods hurts itself.
import { mostOfAMember } from '#crds/limits.ts'
import { brokerNamespace, managedBy } from '#crds/places.ts'
import { controllerName } from './rbac.ts'

/** In a member's namespace, by kind. Where a cluster asks to be let in there is no quota: one object has one possible name there (crds/rules). */
export const memberQuota: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.entries(mostOfAMember).map(([kind, most]) => [`count/${kind}.tombolo.dev`, quantity(most)])),
  'count/gatewaycertificates.tombolo.dev': quantity(64),
  'count/leases.coordination.k8s.io': quantity(4),
  // Nothing runs there.
  'count/pods': quantity(0),
}

/**
 * A whole number as the apiserver gives it back (resource.Quantity, canonical form): 2000 is `2k` there, and whoever wants `2000` finds
 * that it differs, and writes it again whenever anything of the quota changes, which is at every object that is counted.
 */
export function quantity(count: number): string {
  const units = ['', 'k', 'M', 'G']
  const thousands = units.findLastIndex((_, power) => count % 1000 ** power === 0)
  return count === 0 ? '0' : `${count / 1000 ** thousands}${units[thousands] ?? ''}`
}

const level = 'tombolo-members'
const schema = 'tombolo-members'
const ownSchema = 'tombolo-broker-controller'
const flowVersion = 'flowcontrol.apiserver.k8s.io/v1'

/**
 * Requests for our kinds by accounts, each account a flow of its own: of a flood the flooder's own requests wait and are turned away, and
 * everybody else's find a queue that is empty. The broker controller is served beside them, not among them.
 */
export const flowControl = () => [
  {
    apiVersion: flowVersion,
    kind: 'PriorityLevelConfiguration',
    metadata: { name: level, labels: managedBy },
    spec: {
      type: 'Limited',
      limited: {
        // About 20 requests at once where the apiserver takes 600, and never more: what runs side by side shares the processors, and is not
        // queued fairly any more.
        nominalConcurrencyShares: 10,
        borrowingLimitPercent: 0,
        // A flow is dealt 4 of 128 queues: that two flows share all of theirs has a chance of one in ten millions.
        limitResponse: { type: 'Queue', queuing: { queues: 128, handSize: 4, queueLengthLimit: 50 } },
      },
    },
  },
  flowSchema(ownSchema, 1000, 'workload-high', {
    kind: 'ServiceAccount',
    serviceAccount: { name: controllerName, namespace: brokerNamespace },
  }),
  flowSchema(schema, 1100, level, { kind: 'Group', group: { name: 'system:serviceaccounts' } }),
]

const flowSchema = (name: string, matchingPrecedence: number, priorityLevel: string, subject: object) => ({
  apiVersion: flowVersion,
  kind: 'FlowSchema',
  metadata: { name, labels: managedBy },
  spec: {
    matchingPrecedence,
    priorityLevelConfiguration: { name: priorityLevel },
    distinguisherMethod: { type: 'ByUser' },
    rules: [
      {
        subjects: [subject],
        resourceRules: [{ apiGroups: ['tombolo.dev'], resources: ['*'], verbs: ['*'], namespaces: ['*'], clusterScope: true }],
      },
    ],
  },
})
