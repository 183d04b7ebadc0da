// What a member may write is decided by the broker's apiserver itself: ValidatingAdmissionPolicies whose parameter is the
// member's own Allocation. No webhook can be down, and a member that was taken over can announce nothing but its own addresses.
import { allocationName, managedBy, memberLabel } from '#crds/places.ts'
import { memberAccount } from './rbac.ts'

type Validation = { readonly expression: string; readonly message?: string; readonly messageExpression?: string }
type Policy = {
  readonly name: string
  readonly resources: readonly string[]
  readonly variables?: readonly { readonly name: string; readonly expression: string }[]
  readonly validations: readonly Validation[]
}

const ownKinds = ['gatewayendpoints', 'exportedservices', 'exportedendpoints'] as const
const withStatus = (kinds: readonly string[]) => kinds.flatMap((kind) => [kind, `${kind}/status`])

// CEL knows these of an address: 'fe80::1' is not global unicast, '10.0.0.1' is.
const policies: readonly Policy[] = [
  {
    name: 'tombolo-member-identity',
    resources: [...withStatus(ownKinds), 'gatewaycertificates'],
    validations: [
      {
        expression: `request.namespace == 'tombolo-m-' + variables.member && request.userInfo.username == 'system:serviceaccount:' + request.namespace + ':${memberAccount}'`,
        message: 'a member writes only in its own namespace, and only by its account',
      },
      {
        expression: 'object.spec.clusterID == variables.member && params.spec.clusterID == variables.member',
        message: "spec.clusterID must be the member's own id",
      },
      {
        expression: '!has(object.metadata.finalizers) || object.metadata.finalizers.size() == 0',
        message: 'no finalizers: they would hold up the removal of the member',
      },
    ],
  },
  {
    name: 'tombolo-member-endpoints',
    resources: ['exportedendpoints'],
    variables: [
      { name: 'admitted', expression: 'params.spec.podCIDRs + params.spec.serviceCIDRs' },
      {
        name: 'foreign',
        expression:
          'object.spec.endpoints.filter(e, !isIP(e.address) || !variables.admitted.exists(c, cidr(c).containsIP(e.address)))',
      },
    ],
    validations: [
      {
        expression: 'variables.foreign.size() == 0',
        messageExpression: "'address outside the admitted ranges: ' + variables.foreign.map(e, e.address).join(', ')",
      },
    ],
  },
  {
    name: 'tombolo-member-gateways',
    resources: ['gatewayendpoints'],
    validations: [
      {
        expression: 'object.spec.candidates.all(c, isIP(c.address) && ip(c.address).isGlobalUnicast())',
        message: 'every candidate must be a unicast address that other clusters can send to',
      },
    ],
  },
]

export const admissionPolicies = () => policies.flatMap((policy) => [policyOf(policy), bindingOf(policy)])

const policyOf = ({ name, resources, variables = [], validations }: Policy) => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingAdmissionPolicy',
  metadata: { name, labels: managedBy },
  spec: {
    failurePolicy: 'Fail',
    paramKind: { apiVersion: 'tombolo.dev/v1alpha1', kind: 'Allocation' },
    matchConstraints: {
      resourceRules: [{ apiGroups: ['tombolo.dev'], apiVersions: ['v1alpha1'], operations: ['CREATE', 'UPDATE'], resources }],
    },
    // Everybody else who can write here is an administrator or the controller, and RBAC's to refuse.
    matchConditions: [
      { name: 'members-only', expression: "request.userInfo.username.startsWith('system:serviceaccount:tombolo-m-')" },
    ],
    variables: [{ name: 'member', expression: "request.userInfo.username.split(':')[2].substring(10)" }, ...variables],
    validations: validations.map((v) => ({ ...v, reason: 'Forbidden' })),
  },
})

const bindingOf = ({ name }: Policy) => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingAdmissionPolicyBinding',
  metadata: { name, labels: managedBy },
  spec: {
    policyName: name,
    validationActions: ['Deny'],
    // Without a namespace it is the one in the request's namespace: each member meets its own Allocation.
    paramRef: { name: allocationName, parameterNotFoundAction: 'Deny' },
    matchResources: { namespaceSelector: { matchLabels: { [memberLabel]: 'true' } } },
  },
})
