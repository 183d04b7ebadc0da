// Who may export which service: what keeps a member from joining the set of a service that is none of its own.
import { z } from 'zod'
import type { ClusterID } from '#lib/net/cluster-id.ts'
import type { ObjectOf } from './define.ts'
import { define } from './define.ts'
import { clusterIDField, dnsLabelField, tomboloGroup } from './fields.ts'
import { brokerNamespace } from './places.ts'

export const exportGrant = define({
  group: tomboloGroup,
  kind: 'ExportGrant',
  plural: 'exportgrants',
  scope: 'Namespaced',
  versions: ['v1alpha1'],
  about:
    'Names services, and the clusters that may export them: all others may not. In `tombolo-broker`, written by the administrator or Git. Of several grants for one service each adds clusters; for what none names, `Fleet.spec.exports` says what holds.',
  columns: [
    { name: 'Namespace', path: '.spec.namespace' },
    { name: 'Services', path: '.spec.services' },
    { name: 'Clusters', path: '.spec.clusters' },
  ],
  // Lists that an apply replaces whole: of a set, an empty one would count as left out, and widen the grant.
  spec: z.object({
    namespace: dnsLabelField.describe('Of the services, in every cluster (namespace sameness).'),
    services: z
      .array(dnsLabelField)
      .min(1)
      .max(64)
      .optional()
      .describe('Names of Services; absent: every one of the namespace.')
      .meta({ 'x-kubernetes-list-type': 'atomic' }),
    clusters: z
      .array(clusterIDField)
      .max(500)
      .describe('Ids of the clusters that may export them; with none, nobody may.')
      .meta({ 'x-kubernetes-list-type': 'atomic' }),
  }),
  status: z.object({}),
})
export type ExportGrant = ObjectOf<typeof exportGrant>

/** What whoever administers the broker types to let this cluster export this. Grants add up: for others nothing changes. */
export function grantCommand(
  self: ClusterID,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): string {
  const grant = {
    apiVersion: exportGrant.apiVersion,
    kind: exportGrant.kind,
    metadata: { namespace: brokerNamespace, name: [self, namespace, name].join('.') },
    spec: { namespace, services: [name], clusters: [self] },
  }
  return `echo '${JSON.stringify(grant)}' | kubectl --context BROKER apply -f -`
}
