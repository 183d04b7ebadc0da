// MCS API ServiceExport (KEP-1645), upstream's shape at schema revision of v0.5.2.
import { z } from 'zod'
import type { ObjectOf } from './define.ts'
import { define } from './define.ts'
import { mcsConditionsField } from './fields.ts'

export const mcsGroup = 'multicluster.x-k8s.io'
/** Lets an installer see what it would downgrade. */
export const mcsLabels = {
  'multicluster.x-k8s.io/release-version': 'v0.5.2',
  'multicluster.x-k8s.io/crd-schema-revision': '0',
} as const

export const serviceExport = define({
  group: mcsGroup,
  kind: 'ServiceExport',
  plural: 'serviceexports',
  shortNames: ['svcex', 'svcexport'],
  scope: 'Namespaced',
  versions: ['v1beta1', 'v1alpha1'],
  labels: mcsLabels,
  about:
    'Exports the Service of the same name and namespace to the clusterset (KEP-1645). Written by users; the status is the operator’s. Its annotation `tombolo.dev/export-to` names the clusters that may import it, as in `west,south`; without it every member may.',
  specOptional: true,
  spec: z.object({
    exportedLabels: z.record(z.string(), z.string()).optional(),
    exportedAnnotations: z.record(z.string(), z.string()).optional(),
  }),
  status: z.object({ conditions: mcsConditionsField }),
})
export type ServiceExport = ObjectOf<typeof serviceExport>
