// The endpoints behind an ExportedService, packed.
import { z } from 'zod'
import type { ObjectOf } from './define.ts'
import { define } from './define.ts'
import {
  addressField,
  clusterIDField,
  dnsLabelField,
  dnsSubdomainField,
  ipFamilies,
  labelValueField,
  tomboloGroup,
} from './fields.ts'
import { servicePortField } from './exported-service.ts'

export const maxEndpointsPerObject = 200

export const endpointField = z.object({
  address: addressField,
  ready: z.boolean(),
  serving: z.boolean().optional(),
  terminating: z.boolean().optional(),
  hostname: dnsLabelField.optional(),
  node: dnsSubdomainField.optional(),
  zone: labelValueField.optional(),
})
export type ExportedEndpoint = z.output<typeof endpointField>

export const exportedEndpoints = define({
  group: tomboloGroup,
  kind: 'ExportedEndpoints',
  plural: 'exportedendpoints',
  scope: 'Namespaced',
  versions: ['v1alpha1'],
  about:
    'Endpoints of an ExportedService, one address family an object, at most 200 of them. In `tombolo-m-<id>`, written by that member’s operator. An address outside the member’s Allocation is refused.',
  columns: [
    { name: 'Cluster', path: '.spec.clusterID' },
    { name: 'Namespace', path: '.spec.namespace' },
    { name: 'Service', path: '.spec.name' },
    { name: 'Family', path: '.spec.addressType' },
  ],
  spec: z.object({
    clusterID: clusterIDField,
    namespace: dnsLabelField,
    name: dnsLabelField.describe('The Service’s name.'),
    addressType: z.enum(ipFamilies),
    ports: z
      .array(servicePortField)
      .max(100)
      .describe('Ports the endpoints listen on: the target ports, by the Service’s port names.')
      .meta({ 'x-kubernetes-list-type': 'atomic' }),
    endpoints: z.array(endpointField).max(maxEndpointsPerObject).meta({ 'x-kubernetes-list-type': 'atomic' }),
  }),
  status: z.object({}),
})
export type ExportedEndpoints = ObjectOf<typeof exportedEndpoints>
