// The addresses a cluster may announce: the one source of routes, allowed IPs and admission.
import { z } from 'zod'
import type { ObjectOf } from './define.ts'
import { define } from './define.ts'
import { cidrsField, clusterIDField, tomboloGroup } from './fields.ts'
import { identityField } from './identity-fields.ts'
import { memberStates } from './member.ts'

export const allocation = define({
  group: tomboloGroup,
  kind: 'Allocation',
  plural: 'allocations',
  scope: 'Namespaced',
  versions: ['v1alpha1'],
  about:
    'The addresses a member was admitted with: parameter of the admission policy, and what every other member builds routes from. `allocation` in `tombolo-m-<id>`, written by the broker controller alone; copied into `tombolo-system` of every member.',
  columns: [
    { name: 'Cluster', path: '.spec.clusterID' },
    { name: 'Pods', path: '.spec.podCIDRs' },
    { name: 'Services', path: '.spec.serviceCIDRs' },
    { name: 'State', path: '.spec.state' },
  ],
  spec: z.object({
    clusterID: clusterIDField,
    podCIDRs: cidrsField.min(1).describe('Addresses to believe of it now, draining ones among them.'),
    serviceCIDRs: cidrsField.min(1),
    draining: cidrsField.optional().describe('Those of `podCIDRs` and `serviceCIDRs` that will go soon.'),
    state: z
      .enum(memberStates)
      .default('Admitted')
      .describe('Quarantined: nothing of this cluster is routed or imported, and it is still there to be seen.'),
    identity: identityField.optional().describe('What it signs with, and what pairs agree on keys with.'),
  }),
  status: z.object({}),
})
export type Allocation = ObjectOf<typeof allocation>
