// The fleet: what holds for all its clusters.
import { z } from 'zod'
import type { ObjectOf } from './define.ts'
import { define } from './define.ts'
import { cidrField, cidrsField, clusterIDField, conditionsField, tomboloGroup } from './fields.ts'

export const fleet = define({
  group: tomboloGroup,
  kind: 'Fleet',
  plural: 'fleets',
  scope: 'Namespaced',
  versions: ['v1alpha1'],
  about: 'What holds for every cluster of the fleet. One object, `fleet` in `tombolo-broker`, written by the administrator.',
  columns: [{ name: 'Clusterset', path: '.spec.clusterset' }],
  spec: z.object({
    clusterset: z
      .string()
      .min(1)
      .max(128)
      .describe('Id of the clusterset: the value of ClusterProperty `clusterset.k8s.io` in every member (KEP-2149).'),
    join: z
      .object({
        approval: z
          .enum(['Automatic', 'Manual'])
          .default('Automatic')
          .describe('Automatic: who proves a grant is let in if its addresses are free. Manual: `tombolo approve` as well.'),
        addresses: cidrsField.optional().describe('If given, pods and Services of every member must lie in these.'),
        drainSeconds: z
          .int()
          .min(0)
          .max(86400)
          .default(300)
          .describe('How long addresses that a member gave up are still believed of it.'),
        reuseAfterSeconds: z
          .int()
          .min(0)
          .max(86400)
          .default(120)
          .describe('How long addresses of a cluster that left are given to no other: answers and connections outlive it.'),
      })
      .prefault({})
      .describe('Who may join, and how addresses change hands.'),
  }),
  status: z.object({
    observedGeneration: z.int().optional(),
    released: z
      .array(
        z.object({
          cidr: cidrField,
          clusterID: clusterIDField,
          clusterUID: z.string().max(64),
          until: z.string().max(40).meta({ format: 'date-time' }),
        }),
      )
      .max(2000)
      .optional()
      .describe('Addresses of clusters that left, not yet to be had by others.')
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['cidr'] }),
    conditions: conditionsField,
  }),
})
export type Fleet = ObjectOf<typeof fleet>
