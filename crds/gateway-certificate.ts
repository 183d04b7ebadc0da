// A gateway asks for its certificate, and finds it here.
import { z } from 'zod'
import { certificateField, instantField, keyIDField, serialField } from './ca-fields.ts'
import type { ObjectOf } from './define.ts'
import { define } from './define.ts'
import { clusterIDField, conditionsField, tomboloGroup } from './fields.ts'

export const gatewayCertificate = define({
  group: tomboloGroup,
  kind: 'GatewayCertificate',
  plural: 'gatewaycertificates',
  shortNames: ['gwcert'],
  scope: 'Namespaced',
  versions: ['v1alpha1'],
  about:
    'A gateway’s certificate of the fleet’s CA. Asked for by the gateway in its own cluster’s `tombolo-system`, passed on by the operator to `tombolo-m-<id>`; the status is the broker controller’s answer, brought back by the operator. Only the key is taken from the request: whose name the certificate bears follows from the namespace and the node.',
  columns: [
    { name: 'Cluster', path: '.spec.clusterID' },
    { name: 'Node', path: '.spec.node' },
    { name: 'Ready', path: '.status.conditions[?(@.type=="Ready")].status' },
    { name: 'Until', path: '.status.notAfter' },
  ],
  spec: z.object({
    clusterID: clusterIDField,
    node: z.string().min(1).max(253),
    request: z
      .string()
      .max(4096)
      .regex(/^-----BEGIN CERTIFICATE REQUEST-----\n/, 'a certificate request in PEM')
      .describe('PKCS #10, for an ECDSA P-256 key, in PEM. A new one asks for a new certificate.'),
    trusts: z
      .array(keyIDField)
      .max(4)
      .describe('The roots that this gateway believes now: a rotation of the CA goes on when all do.')
      .meta({ 'x-kubernetes-list-type': 'set' }),
    inUse: serialField.optional().describe('Serial number of the certificate that this gateway shows now.'),
  }),
  status: z.object({
    observedGeneration: z.int().optional(),
    request: keyIDField.optional().describe('SHA-256 of the request that was answered.'),
    certificate: certificateField.optional(),
    root: keyIDField.optional().describe('Which root issued it.'),
    serial: serialField.optional(),
    notBefore: instantField.optional(),
    notAfter: instantField.optional(),
    conditions: conditionsField,
  }),
})
export type GatewayCertificate = ObjectOf<typeof gatewayCertificate>
