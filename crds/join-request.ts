// How a cluster asks to be let in, and how a member asks for credentials again when its own are dead.
import { z } from 'zod'
import type { ObjectOf } from './define.ts'
import { define } from './define.ts'
import { cidrsField, clusterIDField, conditionsField, qualifiedNameField, tomboloGroup } from './fields.ts'
import { identityField, signatureField } from './identity-fields.ts'
import { fingerprintField } from './join-grant.ts'

export const joinIntents = ['Join', 'Leave'] as const
export const joinStates = ['Pending', 'AwaitingApproval', 'Admitted', 'Refused', 'Left'] as const

/** Characters of `status.message`. */
export const longestAnswer = 2048

export const joinRequest = define({
  group: tomboloGroup,
  kind: 'JoinRequest',
  plural: 'joinrequests',
  scope: 'Namespaced',
  versions: ['v1alpha1'],
  about:
    'A cluster asks to become a member, or a member for credentials anew. Written by the joining cluster in `tombolo-j-<id>`, named after its cluster id, never changed; answered in the status by the broker controller. Signed, so that nobody on the way can ask for something else.',
  columns: [
    { name: 'Cluster', path: '.spec.clusterID' },
    { name: 'State', path: '.status.state' },
    { name: 'Fingerprint', path: '.status.fingerprint' },
    { name: 'Message', path: '.status.message' },
  ],
  spec: z
    .object({
      intent: z
        .enum(joinIntents)
        .describe(
          'Join: let me in, or give me credentials anew. Leave: forget me; only who holds the member’s identity may say so.',
        ),
      clusterID: clusterIDField,
      podCIDRs: cidrsField.min(1).describe('Addresses of the cluster’s pods.'),
      serviceCIDRs: cidrsField.min(1).describe('Addresses of the cluster’s Services.'),
      clusterUID: z
        .string()
        .min(1)
        .max(64)
        .regex(/^[0-9A-Za-z-]+$/, 'a UID')
        .describe('UID of the namespace kube-system: tells a cluster that joins again from another one with the same id.'),
      version: z
        .string()
        .max(64)
        .regex(/^[0-9A-Za-z.+-]*$/, 'a version')
        .describe('Tombolo’s version in the joining cluster: at most one minor version from the broker’s, before 1.0 too.'),
      capabilities: z
        .array(qualifiedNameField)
        .max(32)
        .describe('What the joining cluster can do: `cable/<driver>` of its cables, `ip/v4`, `ip/v6` of its addresses.')
        .meta({ 'x-kubernetes-list-type': 'set' }),
      identity: identityField.describe('The keys it made and keeps.'),
      requestedAt: z
        .string()
        .max(40)
        .refine((text) => !Number.isNaN(Date.parse(text)), 'a time')
        .meta({ format: 'date-time' })
        .describe('The joining cluster’s clock: more than 5 minutes off is named.'),
      proofs: z
        .object({
          identity: signatureField.describe('By the signing key of `identity`, over everything else in the spec.'),
          grant: signatureField.optional().describe('By the key that follows from the grant’s code, over the same.'),
        })
        .describe('A first join needs both, a member that asks again only the first.'),
    })
    .meta({
      'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'a request is not changed: delete it and make another' }],
    }),
  status: z.object({
    observedGeneration: z.int().optional(),
    state: z.enum(joinStates).optional(),
    message: z.string().max(longestAnswer).optional().describe('Why it was refused or waits, and what to do.'),
    fingerprint: fingerprintField
      .optional()
      .describe('Of the identity that asks: the same on both sides, or somebody is in between.'),
    credentials: z
      .object({ ephemeralKey: z.string().max(44), ciphertext: z.string().max(16384) })
      .optional()
      .describe('Tokens for the broker, sealed for the identity: nobody else can open them.'),
    conditions: conditionsField,
  }),
})
export type JoinRequest = ObjectOf<typeof joinRequest>
