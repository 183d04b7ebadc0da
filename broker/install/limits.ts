// What one cluster may take of the broker: so many objects, and a level of its own at the apiserver. Whoever fills or floods hurts itself.
import { levelOfAMember, mostOfAMember, schemaPrecedence } from '#crds/limits.ts'
import {
  brokerNamespace,
  clusterIDLabel,
  controllerName,
  joinerAccount,
  joinNamespace,
  managedBy,
  memberAccount,
  memberNamespace,
} from '#crds/places.ts'
import type { FlowSchema, PriorityLevelConfiguration } from '#lib/kube/kinds.ts'

/**
 * In a member's namespace, by kind; what it exports is bounded by its names (crds/rules/numbered.ts), as many come at once. Where a cluster
 * asks to be let in there is no quota: one object has one possible name there (crds/rules).
 */
export const memberQuota: Readonly<Record<string, string>> = {
  'count/gatewayendpoints.tombolo.dev': quantity(mostOfAMember.gatewayendpoints),
  'count/gatewaycertificates.tombolo.dev': quantity(64),
  'count/leases.coordination.k8s.io': quantity(4),
  // Nothing runs there, and nothing of ours is secret there: the second line where a Secret would be a token (crds/rules/tokens.ts).
  'count/pods': quantity(0),
  'count/secrets': quantity(0),
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

const generalName = 'tombolo-members'
const flowVersion = 'flowcontrol.apiserver.k8s.io/v1'

/**
 * For requests about our kinds by accounts that are no member's: mostly of clusters that ask to be let in, each a flow of its own. The broker
 * controller is served beside them, not among them.
 */
export const flowControl = () => [
  level(generalName, managedBy, {
    type: 'Limited',
    limited: {
      // About 5 requests at once where the apiserver takes 600, and never more, for the reasons of a member's (crds/limits.ts).
      nominalConcurrencyShares: 2,
      borrowingLimitPercent: 0,
      // A flow is dealt 4 of 128 queues: that two flows share all of theirs has a chance of one in ten millions.
      limitResponse: { type: 'Queue', queuing: { queues: 128, handSize: 4, queueLengthLimit: 50 } },
    },
  }),
  schema(controllerName, managedBy, 'workload-high', 1000, {
    subjects: [account(brokerNamespace, controllerName)],
    resourceRules: ofOurKinds,
  }),
  schema(generalName, managedBy, generalName, 1100, {
    subjects: [{ kind: 'Group', group: { name: 'system:serviceaccounts' } }],
    resourceRules: ofOurKinds,
  }),
]

/** What a member floods is its own level; that it has one is nobody else's business, so its requests wait for each other alone. */
export const memberLevel = (clusterID: string) => level(memberNamespace(clusterID), labelsOf(clusterID), levelOfAMember)

/** Whatever its two accounts ask, also what they will be refused, and what is no object. */
export const memberSchema = (clusterID: string) =>
  schema(memberNamespace(clusterID), labelsOf(clusterID), memberNamespace(clusterID), schemaPrecedence, {
    subjects: [account(memberNamespace(clusterID), memberAccount), account(joinNamespace(clusterID), joinerAccount)],
    resourceRules: [{ ...anything, apiGroups: ['*'], resources: ['*'] }],
    nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
  })

const anything = { verbs: ['*'], namespaces: ['*'], clusterScope: true }
const ofOurKinds = [{ ...anything, apiGroups: ['tombolo.dev'], resources: ['*'] }]

const labelsOf = (clusterID: string) => ({ ...managedBy, [clusterIDLabel]: clusterID })
const account = (namespace: string, name: string) => ({ kind: 'ServiceAccount', serviceAccount: { namespace, name } })

const level = (name: string, labels: Record<string, string>, spec: NonNullable<PriorityLevelConfiguration['spec']>) => ({
  apiVersion: flowVersion,
  kind: 'PriorityLevelConfiguration',
  metadata: { name, labels },
  spec,
})

const schema = (
  name: string,
  labels: Record<string, string>,
  to: string,
  matchingPrecedence: number,
  rule: NonNullable<NonNullable<FlowSchema['spec']>['rules']>[number],
) => ({
  apiVersion: flowVersion,
  kind: 'FlowSchema',
  metadata: { name, labels },
  spec: {
    matchingPrecedence,
    priorityLevelConfiguration: { name: to },
    distinguisherMethod: { type: 'ByUser' },
    rules: [rule],
  },
})
