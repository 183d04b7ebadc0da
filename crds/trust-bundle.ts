// What gateways believe: the roots of the fleet, and what is revoked.
import { z } from 'zod'
import { certificateField, instantField, keyIDField, serialField } from './ca-fields.ts'
import type { ObjectOf } from './define.ts'
import { define } from './define.ts'
import { conditionsField, tomboloGroup } from './fields.ts'

export const rotationStages = ['Stable', 'Introduced', 'Issuing'] as const

export const trustBundle = define({
  group: tomboloGroup,
  kind: 'TrustBundle',
  plural: 'trustbundles',
  scope: 'Namespaced',
  versions: ['v1alpha1'],
  about:
    'The roots that gateways of the fleet believe, and the certificates that they must not. One object, `fleet` in `tombolo-broker`, written by the broker controller alone, copied into `tombolo-system` of every member.',
  columns: [
    { name: 'Stage', path: '.status.stage' },
    { name: 'Ready', path: '.status.conditions[?(@.type=="Ready")].status' },
  ],
  spec: z.object({
    roots: z
      .array(z.object({ id: keyIDField, certificate: certificateField }))
      .max(4)
      .describe('All are believed alike, whichever issues at the time.')
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['id'] }),
    denied: z
      .array(
        z.object({
          serial: serialField,
          key: keyIDField,
          until: instantField.describe('When the certificate ends by itself.'),
        }),
      )
      .max(4000)
      .describe('Revoked: a certificate with one of these serials or one of these keys is not believed.')
      // As a map it would be null once its last entry is taken away (server-side apply), and refused.
      .meta({ 'x-kubernetes-list-type': 'atomic' }),
  }),
  status: z.object({
    observedGeneration: z.int().optional(),
    stage: z.enum(rotationStages).optional(),
    conditions: conditionsField,
  }),
})
export type TrustBundle = ObjectOf<typeof trustBundle>
