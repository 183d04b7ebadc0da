// What the account of a cluster may write on the broker, and the broker controller where RBAC cannot say it, as one list:
// broker/install/policy.ts makes ValidatingAdmissionPolicies of it, `evaluate` is the same list in TypeScript. Of one write at most one
// policy has anything to say, so both name the same rule.
//
// What a policy cannot tell, because it sees one object and one Allocation: whether the name of a gateway is the hash of
// what it says (operator/door), whether two objects say the same (operator/mcs), whether a candidate lies in another member's addresses
// (gateway/engine.ts), what is in a certificate request (broker/pki), and anything that is read: admission is asked about writes alone. Nor is
// it asked about admission policies.
import { mostOfAMember } from '../limits.ts'
import type { Whom } from './account.ts'
import { accountVariables, anyCluster, brokerController, forACluster, joinerAtHome, memberAtHome } from './account.ts'
import { bindingVariables, controllersPlace, fixedRole, fixedSubject } from './controller.ts'
import { endpointAdmitted, endpointFamily, endpointReserved, endpointVariables } from './endpoint-address.ts'
import { exportGranted, exportVariables } from './export-name.ts'
import { candidateForm, candidateOutside, candidateReserved, gatewayName, gatewayVariables } from './gateway-candidates.ts'
import { oneLease } from './heartbeat.ts'
import { levelShape, schemaShape, schemaVariables } from './member-level.ts'
import { metadataRules } from './metadata.ts'
import { numbered } from './numbered.ts'
import { fixedIdentity, joinersID, ownID } from './own-id.ts'
import type { Policy } from './policy.ts'
import { applies } from './policy.ts'
import { markedNamespace, ownAccount, ownKinds, ownNamespace } from './reach.ts'
import type { Operation, Review } from './rule.ts'
import { noLastingToken, noPodsToken, shortToken } from './tokens.ts'

const written: readonly Operation[] = ['CREATE', 'UPDATE']
const ours = (resources: readonly string[]) => ({ groups: ['tombolo.dev'], resources, operations: written })
const changed: readonly Operation[] = [...written, 'DELETE']
const queues = (resource: string) => ({ groups: ['flowcontrol.apiserver.k8s.io'], resources: [resource], operations: changed })
const content = (whom: Whom) => ({ whom, allocation: whom === memberAtHome, variables: accountVariables })

export const policies: readonly Policy[] = [
  {
    name: 'tombolo-member-identity',
    about: { groups: ['*'], resources: ['*/*'], operations: ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'] },
    // Asking what oneself may do changes nothing.
    except: {
      groups: ['authentication.k8s.io', 'authorization.k8s.io'],
      resources: ['selfsubjectreviews', 'selfsubjectaccessreviews', 'selfsubjectrulesreviews'],
    },
    whom: anyCluster,
    allocation: false,
    variables: accountVariables,
    rules: [ownAccount, ownNamespace, ownKinds, markedNamespace],
  },
  {
    name: 'tombolo-member-gateways',
    about: ours(['gatewayendpoints', 'gatewayendpoints/status']),
    ...content(memberAtHome),
    variables: [...accountVariables, ...gatewayVariables],
    rules: [
      ownID,
      // The key too: an object is as old as its claim to it, by which others tell whose it is (gateway/engine.ts).
      fixedIdentity('clusterID', 'node', 'wireguard.publicKey'),
      ...metadataRules,
      gatewayName,
      candidateForm,
      candidateReserved,
      candidateOutside,
    ],
  },
  {
    name: 'tombolo-member-certificates',
    about: ours(['gatewaycertificates']),
    ...content(memberAtHome),
    rules: [ownID, fixedIdentity('clusterID', 'node'), ...metadataRules],
  },
  {
    name: 'tombolo-member-services',
    about: ours(['exportedservices', 'exportedservices/status']),
    ...content(memberAtHome),
    variables: [...accountVariables, ...exportVariables],
    rules: [
      ownID,
      fixedIdentity('clusterID', 'namespace', 'name'),
      numbered(mostOfAMember.exportedservices),
      ...metadataRules,
      exportGranted,
    ],
  },
  {
    name: 'tombolo-member-endpoints',
    about: ours(['exportedendpoints', 'exportedendpoints/status']),
    ...content(memberAtHome),
    variables: [...accountVariables, ...exportVariables, ...endpointVariables],
    rules: [
      ownID,
      fixedIdentity('clusterID', 'namespace', 'name', 'addressType'),
      numbered(mostOfAMember.exportedendpoints),
      ...metadataRules,
      exportGranted,
      endpointFamily,
      endpointAdmitted,
      endpointReserved,
    ],
  },
  {
    name: 'tombolo-member-heartbeat',
    about: { groups: ['coordination.k8s.io'], resources: ['leases'], operations: written },
    ...content(memberAtHome),
    allocation: false,
    rules: [oneLease, ...metadataRules],
  },
  {
    name: 'tombolo-joiner-requests',
    about: ours(['joinrequests']),
    ...content(joinerAtHome),
    rules: [joinersID, ...metadataRules],
  },
  {
    name: 'tombolo-tokens',
    about: { groups: [''], resources: ['serviceaccounts/token'], operations: ['CREATE'] },
    whom: forACluster,
    allocation: false,
    variables: [],
    rules: [noPodsToken, shortToken],
  },
  {
    name: 'tombolo-lasting-tokens',
    about: { groups: [''], resources: ['secrets'], operations: written },
    whom: forACluster,
    allocation: false,
    variables: [],
    rules: [noLastingToken],
  },
  {
    name: 'tombolo-controller-places',
    about: {
      groups: ['', 'tombolo.dev'],
      resources: [
        ...['namespaces', 'serviceaccounts', 'serviceaccounts/token', 'resourcequotas'],
        ...['allocations', 'gatewaycertificates/status', 'joinrequests/status'],
      ],
      operations: changed,
    },
    whom: brokerController,
    allocation: false,
    variables: [],
    rules: [controllersPlace],
  },
  {
    name: 'tombolo-controller-bindings',
    about: { groups: ['rbac.authorization.k8s.io'], resources: ['rolebindings', 'clusterrolebindings'], operations: changed },
    whom: brokerController,
    allocation: false,
    variables: bindingVariables,
    rules: [controllersPlace, fixedRole, fixedSubject],
  },
  {
    name: 'tombolo-controller-levels',
    about: queues('prioritylevelconfigurations'),
    whom: brokerController,
    allocation: false,
    variables: [],
    rules: [controllersPlace, levelShape],
  },
  {
    name: 'tombolo-controller-schemas',
    about: queues('flowschemas'),
    whom: brokerController,
    allocation: false,
    variables: schemaVariables,
    rules: [controllersPlace, schemaShape],
  },
]

export type Verdict =
  { readonly allowed: true } | { readonly allowed: false; readonly policy: string; readonly rule: string; readonly says: string }

/** Of a policy that needs an Allocation where there is none. */
export const noAllocation = 'no-allocation'

export function evaluate(review: Review): Verdict {
  for (const policy of policies.filter((p) => applies(p, review.request))) {
    if (policy.allocation && review.params === undefined)
      return { allowed: false, policy: policy.name, rule: noAllocation, says: 'the cluster was not admitted' }
    const broken = policy.rules.find((rule) => !rule.holds(review))
    if (broken !== undefined) return { allowed: false, policy: policy.name, rule: broken.name, says: broken.says }
  }
  return { allowed: true }
}
