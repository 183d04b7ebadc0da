// What one cluster exports under one name: the constituent of a ServiceImport.
import { z } from 'zod'
import type { ObjectOf } from './define.ts'
import { define } from './define.ts'
import { mostExportTo } from './export-to.ts'
import {
  clusterIDField,
  dnsLabelField,
  ipFamilies,
  labelValueField,
  portField,
  protocols,
  qualifiedNameField,
  serviceTypes,
  tomboloGroup,
} from './fields.ts'

// What stands here is written into Services and EndpointSlices of other clusters: text that their apiserver would refuse is
// refused at their door, or one cluster could keep a service of all the others from being written.
export const servicePortField = z.object({
  name: dnsLabelField.optional(),
  protocol: z.enum(protocols),
  appProtocol: qualifiedNameField.optional(),
  port: portField,
})
export type ServicePort = z.output<typeof servicePortField>

/** Of labels or annotations: an apiserver takes 256 KiB of them in an object, whoever they come from. */
const maxEntries = 32
const isSmall = (map: object): boolean => Object.keys(map).length <= maxEntries

export const exportedService = define({
  group: tomboloGroup,
  kind: 'ExportedService',
  plural: 'exportedservices',
  scope: 'Namespaced',
  versions: ['v1alpha1'],
  about:
    'A Service exported by one cluster (KEP-1645: a constituent). In `tombolo-m-<id>`, written by that member’s operator; every member computes the merge from all of them.',
  columns: [
    { name: 'Cluster', path: '.spec.clusterID' },
    { name: 'Namespace', path: '.spec.namespace' },
    { name: 'Service', path: '.spec.name' },
    { name: 'Type', path: '.spec.type' },
  ],
  spec: z.object({
    clusterID: clusterIDField,
    namespace: dnsLabelField,
    name: dnsLabelField,
    type: z.enum(serviceTypes),
    ports: z.array(servicePortField).max(100).meta({ 'x-kubernetes-list-type': 'atomic' }),
    ipFamilies: z.array(z.enum(ipFamilies)).min(1).max(2).meta({ 'x-kubernetes-list-type': 'atomic' }),
    sessionAffinity: z.enum(['None', 'ClientIP']).optional(),
    sessionAffinityTimeoutSeconds: z.int().min(1).max(86400).optional(),
    internalTrafficPolicy: z.enum(['Cluster', 'Local']).optional(),
    trafficDistribution: z.string().min(1).max(63).optional(),
    labels: z
      .record(qualifiedNameField, labelValueField)
      .refine(isSmall, `at most ${maxEntries} entries`)
      .optional()
      .meta({ maxProperties: maxEntries })
      .describe('The ServiceExport’s exportedLabels, for the ServiceImport.'),
    annotations: z
      .record(qualifiedNameField, z.string().max(1024))
      .refine(isSmall, `at most ${maxEntries} entries`)
      .optional()
      .meta({ maxProperties: maxEntries })
      .describe('The ServiceExport’s exportedAnnotations, for the ServiceImport.'),
    exportTo: z
      .array(clusterIDField)
      .min(1)
      .max(mostExportTo)
      .optional()
      .describe('The clusters that may import it, beside the one that exports it; absent: every member.')
      .meta({ 'x-kubernetes-list-type': 'atomic' }),
    exportedAt: z
      .string()
      .max(40)
      .meta({ format: 'date-time' })
      .describe('Creation of the ServiceExport. The oldest wins a conflict, and none is older than this object.'),
  }),
  status: z.object({}),
})
export type ExportedService = ObjectOf<typeof exportedService>
