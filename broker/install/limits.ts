// What one cluster may take of the broker: so many objects, and its own queue at the apiserver. Whoever fills or floods hurts itself.
import { brokerNamespace, managedBy } from '#crds/places.ts'
import { controllerName } from './rbac.ts'

/**
 * In a member's namespace, by kind. Of endpoints an object holds 200. Where a cluster asks to be let in there is no quota: one object
 * has one possible name there (crds/rules).
 */
export const memberQuota: Readonly<Record<string, string>> = {
  'count/gatewayendpoints.tombolo.dev': '64',
  'count/gatewaycertificates.tombolo.dev': '64',
  'count/exportedservices.tombolo.dev': '2000',
  'count/exportedendpoints.tombolo.dev': '4000',
  'count/leases.coordination.k8s.io': '4',
  // Nothing runs there.
  'count/pods': '0',
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
