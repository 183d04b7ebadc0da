// The fleet: what holds for all its clusters.
import { z } from 'zod'
import type { ObjectOf } from './define.ts'
import { define } from './define.ts'
import { conditionsField, tomboloGroup } from './fields.ts'

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
  }),
  status: z.object({ observedGeneration: z.int().optional(), conditions: conditionsField }),
})
export type Fleet = ObjectOf<typeof fleet>
