// The right to join, given once, to one cluster.
import { z } from 'zod'
import type { ObjectOf } from './define.ts'
import { define } from './define.ts'
import { cidrField, maxCIDRs, clusterIDField, conditionsField, tomboloGroup } from './fields.ts'
import { verifyKeyField } from './identity-fields.ts'

export const grantStates = ['Pending', 'Open', 'Claimed', 'Used', 'Expired', 'Locked'] as const

/** How long a cluster that proved a grant waits for its approval. The grant's own time is over by then. */
export const approvalSeconds = 7 * 24 * 3600

/** Eight groups of four hexadecimal digits: `fingerprint` of lib/identity. */
export const fingerprintField = z
  .string()
  .length(39)
  .regex(/^([0-9a-f]{4}-){7}[0-9a-f]{4}$/, 'a fingerprint as both sides print it')

export const joinGrant = define({
  group: tomboloGroup,
  kind: 'JoinGrant',
  plural: 'joingrants',
  scope: 'Namespaced',
  versions: ['v1alpha1'],
  about:
    'Lets one cluster join, once. In `tombolo-broker`, named after the cluster id; written by the administrator (`tombolo grant create`, `tombolo approve`), its state by the broker controller. The code that the joiner proves is nowhere on the broker: only the key that checks the proof.',
  columns: [
    { name: 'Cluster', path: '.spec.clusterID' },
    { name: 'State', path: '.status.state' },
    { name: 'Expires', path: '.spec.expiresAt' },
  ],
  spec: z.object({
    clusterID: clusterIDField,
    verifier: verifyKeyField.describe('Checks the proof of the code. Nothing can be proved with it.'),
    expiresAt: z.string().max(40).meta({ format: 'date-time' }).describe('A request made later is refused.'),
    server: z
      .string()
      .max(512)
      .optional()
      .describe('Where the cluster reaches the broker, `https://host:port`: no member may have its addresses.'),
    approval: z
      .enum(['Automatic', 'Manual'])
      .optional()
      .describe('Whether the cluster is let in by rule or waits for `tombolo approve`; default: as the Fleet says.'),
    approved: fingerprintField.optional().describe('The identity that the administrator approved.'),
    approvedAddresses: z
      .array(cidrField)
      .max(2 * maxCIDRs)
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .optional()
      .describe(
        'Of pods and Services, as they were shown to the administrator: for others it must be approved again. Absent: whatever it asks for.',
      ),
  }),
  status: z.object({
    observedGeneration: z.int().optional(),
    state: z.enum(grantStates).optional(),
    verifier: verifyKeyField.optional().describe('The one of the spec that the rest is about: with another it begins anew.'),
    failedAttempts: z
      .array(z.string().max(64))
      .max(5)
      .optional()
      .describe('UIDs of the requests that did not prove the code: the fifth locks the grant.')
      .meta({ 'x-kubernetes-list-type': 'set' }),
    claim: z
      .object({
        by: fingerprintField.describe('The identity that proved it first: no other can any more.'),
        until: z.string().max(40).meta({ format: 'date-time' }).describe('Not approved by then, it is refused.'),
      })
      .optional()
      .describe('Who waits for `tombolo approve`, and until when: a person may take longer than the grant lasts.'),
    usedBy: fingerprintField.optional().describe('The identity that joined with it.'),
    conditions: conditionsField,
  }),
})
export type JoinGrant = ObjectOf<typeof joinGrant>
