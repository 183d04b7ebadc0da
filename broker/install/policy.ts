// The rules of crds/rules as ValidatingAdmissionPolicies: what a member may write is decided by the broker's apiserver itself, with the
// member's own Allocation as parameter. No webhook can be down, and a member that was taken over can announce nothing but its own addresses.
import { policies } from '#crds/rules/index.ts'
import type { Asked, Policy } from '#crds/rules/policy.ts'
import type { Rule } from '#crds/rules/rule.ts'
import { allocationName, managedBy, memberLabel } from '#crds/places.ts'

export const admissionPolicies = () => policies.flatMap((policy) => [policyOf(policy), bindingOf(policy)])

const policyOf = ({ name, about, except, whom, allocation, variables, rules }: Policy) => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingAdmissionPolicy',
  metadata: { name, labels: managedBy },
  spec: {
    failurePolicy: 'Fail',
    ...(allocation ? { paramKind: { apiVersion: 'tombolo.dev/v1alpha1', kind: 'Allocation' } } : {}),
    matchConstraints: {
      resourceRules: [matching(about, about.operations)],
      ...(except === undefined ? {} : { excludeResourceRules: [matching(except, ['*'])] }),
    },
    matchConditions: [{ name: whom.name, expression: whom.cel }],
    ...(variables.length === 0
      ? {}
      : { variables: variables.map(({ name: variable, expression }) => ({ name: variable, expression })) }),
    validations: rules.map(validationOf),
  },
})

const matching = ({ groups, resources }: Pick<Asked, 'groups' | 'resources'>, operations: readonly string[]) => ({
  apiGroups: groups,
  apiVersions: ['*'],
  operations,
  resources,
})

/** The message stands in for an expression whose text is too long for the apiserver. */
const validationOf = ({ name, says, cel, about }: Rule) => ({
  expression: cel,
  message: `${name}: ${says}`,
  ...(about === undefined ? {} : { messageExpression: `${JSON.stringify(`${name}: ${says}: `)} + ${about}` }),
  reason: 'Forbidden',
})

const bindingOf = ({ name, allocation }: Policy) => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingAdmissionPolicyBinding',
  metadata: { name, labels: managedBy },
  spec: {
    policyName: name,
    validationActions: ['Deny'],
    ...(allocation
      ? {
          // Without a namespace it is the one in the request's namespace: each member meets its own Allocation.
          paramRef: { name: allocationName, parameterNotFoundAction: 'Deny' },
          // Elsewhere there is no Allocation, and nobody could write these kinds.
          matchResources: { namespaceSelector: { matchLabels: { [memberLabel]: 'true' } } },
        }
      : {}),
  },
})
