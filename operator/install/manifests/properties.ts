// While a cluster is a member, nobody changes or removes what says so (KEP-2149 "Uniqueness", "Lifespan"): its id and its clusterset are
// what the Membership says. That they are there is the operator's work; that they stay is the apiserver's own, whoever asks.
import { clusterIDProperty, clusterProperty, clustersetProperty } from '#crds/cluster-property.ts'
import { membership } from '#crds/membership.ts'
import { managedBy, membershipName, systemNamespace } from '#crds/places.ts'
import { validatingAdmissionPolicies, validatingAdmissionPolicyBindings } from '#lib/kube/kinds.ts'

const name = 'tombolo-cluster-properties'

/** `params` is the Membership; once it is going, or gone, everything is allowed. */
const unless = (rule: string): string => `has(params.metadata.deletionTimestamp) || ${rule}`

const policy = {
  apiVersion: validatingAdmissionPolicies.apiVersion,
  kind: validatingAdmissionPolicies.kind,
  metadata: { name, labels: { ...managedBy } },
  spec: {
    // An apiserver takes a moment to know the kind of a parameter, and meanwhile the operator must be able to write them.
    failurePolicy: 'Ignore',
    paramKind: { apiVersion: membership.apiVersion, kind: membership.kind },
    matchConstraints: {
      resourceRules: [
        {
          apiGroups: [clusterProperty.group],
          apiVersions: ['*'],
          operations: ['CREATE', 'UPDATE', 'DELETE'],
          resources: [clusterProperty.plural],
        },
      ],
    },
    matchConditions: [
      {
        name: 'says-who-the-cluster-is',
        expression: `(object == null ? oldObject : object).metadata.name in ['${clusterIDProperty}', '${clustersetProperty}']`,
      },
    ],
    validations: [
      {
        expression: unless(`request.operation != 'DELETE'`),
        message: 'this property stays while this cluster is a member: it goes when the cluster leaves, with tombolo uninstall',
        reason: 'Forbidden',
      },
      {
        expression: unless(
          `request.operation == 'DELETE' || (has(object.spec) && object.spec.value == (object.metadata.name == '${clustersetProperty}' ? params.spec.clusterset : params.spec.clusterID))`,
        ),
        message:
          'this property has the value of Membership tombolo-system/membership while this cluster is a member: leave the fleet, then join it anew under another',
        reason: 'Forbidden',
      },
    ],
  },
}

const binding = {
  apiVersion: validatingAdmissionPolicyBindings.apiVersion,
  kind: validatingAdmissionPolicyBindings.kind,
  metadata: { name, labels: { ...managedBy } },
  spec: {
    policyName: name,
    validationActions: ['Deny'],
    paramRef: { name: membershipName, namespace: systemNamespace, parameterNotFoundAction: 'Allow' },
  },
}

export const propertyPolicy = () => [policy, binding] as const
