// Where one cluster may ask to be let in: a namespace, an account in it, and the right to ask. Nothing of another cluster is there.
import { clusterIDLabel, joinerAccount, joinerRole, joiningLabel, joinNamespace, managedBy } from '#crds/places.ts'
import { roleBinding } from '#broker/install/rbac.ts'
import type { Namespace, RoleBinding, ServiceAccount } from '#lib/kube/kinds.ts'
import type { Wanted } from '#lib/kube/object.ts'

export type JoiningObjects = {
  readonly namespace: Wanted<Namespace>
  readonly account: Wanted<ServiceAccount>
  readonly asks: Wanted<RoleBinding>
}

export function joiningObjects(clusterID: string): JoiningObjects {
  const namespace = joinNamespace(clusterID)
  const labels = { ...managedBy, [clusterIDLabel]: clusterID }
  const subjects = [{ kind: 'ServiceAccount', name: joinerAccount, namespace }]
  return {
    namespace: {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name: namespace,
        labels: { ...labels, [joiningLabel]: 'true', 'pod-security.kubernetes.io/enforce': 'restricted' },
      },
    },
    account: { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: joinerAccount, namespace, labels } },
    asks: roleBinding(namespace, joinerRole, { kind: 'ClusterRole', name: joinerRole }, subjects, labels),
  }
}
