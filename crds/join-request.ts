// How a cluster asks to be let in.
import { z } from 'zod'
import type { ObjectOf } from './define.ts'
import { define } from './define.ts'
import { cidrsField, clusterIDField, conditionsField, tomboloGroup } from './fields.ts'

export const joinStates = ['Pending', 'Admitted', 'Refused'] as const

export const joinRequest = define({
  group: tomboloGroup,
  kind: 'JoinRequest',
  plural: 'joinrequests',
  scope: 'Namespaced',
  versions: ['v1alpha1'],
  about:
    'A cluster asks to become a member. Written by the joining cluster in `tombolo-join`, named after its cluster id; answered in the status by the broker controller.',
  columns: [
    { name: 'Cluster', path: '.spec.clusterID' },
    { name: 'State', path: '.status.state' },
    { name: 'Message', path: '.status.message' },
  ],
  spec: z.object({
    clusterID: clusterIDField,
    podCIDRs: cidrsField.min(1).describe('Addresses of the cluster’s pods.'),
    serviceCIDRs: cidrsField.min(1).describe('Addresses of the cluster’s Services.'),
    clusterUID: z
      .string()
      .min(1)
      .max(64)
      .describe('UID of the namespace kube-system: tells a cluster that joins again from another one with the same id.'),
    version: z.string().max(64).describe('Tombolo’s version in the joining cluster.'),
  }),
  status: z.object({
    observedGeneration: z.int().optional(),
    state: z.enum(joinStates).optional(),
    message: z.string().max(2048).optional().describe('Why it was refused, and what to do.'),
    conditions: conditionsField,
  }),
})
export type JoinRequest = ObjectOf<typeof joinRequest>
