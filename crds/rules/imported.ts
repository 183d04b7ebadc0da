// An object that came from another cluster, as if its member wrote it again now: the importer asks what the broker should have asked. Not of
// its name: how many there may be is asked where they are counted (operator/door/budget.ts).
import type { KubeObject } from '#lib/kube/object.ts'
import type { Allocation } from '../allocation.ts'
import { memberAccount, memberLabel, memberNamespace } from '../places.ts'
import { userOf } from './account.ts'
import type { Verdict } from './index.ts'
import { evaluate } from './index.ts'

type Imported = KubeObject & { readonly spec: { readonly clusterID: string } }

/** `params`: the Allocation of the cluster that the object says it is of; undefined for one that was not admitted. */
export function judgeImported(
  kind: { readonly group: string; readonly plural: string },
  object: Imported,
  params: Allocation | undefined,
): Verdict {
  const namespace = memberNamespace(object.spec.clusterID)
  const request = {
    operation: 'UPDATE',
    user: userOf(namespace, memberAccount),
    group: kind.group,
    resource: kind.plural,
    subresource: '',
    namespace,
    name: object.metadata.name,
  } as const
  // How the broker finds its policies is not asked again.
  const namespaceLabels = { [memberLabel]: 'true' }
  return evaluate({ request, object, oldObject: object, params, namespaceLabels })
}
