// MCS API ServiceImport (KEP-1645), upstream's shape at schema revision of v0.5.2.
import { z } from 'zod'
import type { ObjectOf } from './define.ts'
import { define } from './define.ts'
import { mcsConditionsField, serviceTypes } from './fields.ts'
import { mcsGroup, mcsLabels } from './service-export.ts'

export const serviceImport = define({
  group: mcsGroup,
  kind: 'ServiceImport',
  plural: 'serviceimports',
  shortNames: ['svcim', 'svcimport'],
  scope: 'Namespaced',
  versions: ['v1beta1', 'v1alpha1'],
  labels: mcsLabels,
  about: 'A Service of the clusterset as this cluster sees it (KEP-1645). Written by the operator alone.',
  specOptional: true,
  columns: [
    { name: 'Type', path: '.spec.type' },
    { name: 'IP', path: '.spec.ips' },
  ],
  spec: z.object({
    type: z.enum(serviceTypes),
    ports: z
      .array(
        z.object({
          name: z.string().optional(),
          protocol: z.string().optional(),
          appProtocol: z.string().optional(),
          port: z.int(),
        }),
      )
      .meta({ 'x-kubernetes-list-type': 'atomic' }),
    ips: z.array(z.string()).max(2).optional(),
    ipFamilies: z.array(z.string()).max(2).optional(),
    sessionAffinity: z.string().optional(),
    sessionAffinityConfig: z.object({ clientIP: z.object({ timeoutSeconds: z.int().optional() }).optional() }).optional(),
    internalTrafficPolicy: z.string().optional(),
    trafficDistribution: z.string().optional(),
  }),
  status: z.object({
    clusters: z
      .array(z.object({ cluster: z.string() }))
      .optional()
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['cluster'] }),
    endpointSliceObjects: z.enum(['Present', 'Absent']).optional(),
    conditions: mcsConditionsField,
  }),
})
export type ServiceImport = ObjectOf<typeof serviceImport>
