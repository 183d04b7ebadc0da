// The addresses a cluster may announce: the one source of routes, allowed IPs and admission.
import { z } from 'zod'
import type { ObjectOf } from './define.ts'
import { define } from './define.ts'
import { cidrsField, clusterIDField, tomboloGroup } from './fields.ts'

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
  ],
  spec: z.object({ clusterID: clusterIDField, podCIDRs: cidrsField.min(1), serviceCIDRs: cidrsField.min(1) }),
  status: z.object({}),
})
export type Allocation = ObjectOf<typeof allocation>
