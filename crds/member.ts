// A cluster of the fleet, as the broker sees it.
import { z } from 'zod'
import type { ObjectOf } from './define.ts'
import { define } from './define.ts'
import { cidrField, cidrsField, clusterIDField, conditionsField, portField, tomboloGroup } from './fields.ts'
import { identityField } from './identity-fields.ts'

export const addressUses = ['Pods', 'Services'] as const
/** What an administrator may want of a member; revoked is what the Member is no more. */
export const memberStates = ['Admitted', 'Quarantined'] as const

/** Who may relay, and where it listens on the addresses of its gateways. */
export const relayField = z.object({
  port: portField.default(443).describe('TCP port of its gateways’ nodes: 443 is let through where UDP is not.'),
})

/** A cluster that renumbers again and again keeps the last of what it had. */
export const maxDraining = 32

export const member = define({
  group: tomboloGroup,
  kind: 'Member',
  plural: 'members',
  scope: 'Namespaced',
  versions: ['v1alpha1'],
  about:
    'A cluster that was admitted, with the addresses it was admitted with. In `tombolo-broker`, named after its cluster id; written by the broker controller and the administrator.',
  columns: [
    { name: 'Pods', path: '.spec.podCIDRs' },
    { name: 'Services', path: '.spec.serviceCIDRs' },
    { name: 'State', path: '.spec.state' },
    { name: 'Ready', path: '.status.conditions[?(@.type=="Ready")].status' },
  ],
  spec: z.object({
    clusterID: clusterIDField,
    clusterUID: z.string().min(1).max(64),
    podCIDRs: cidrsField.min(1),
    serviceCIDRs: cidrsField.min(1),
    identity: identityField,
    requestedAt: z
      .string()
      .max(40)
      .optional()
      .meta({ format: 'date-time' })
      .describe('Of the request that it was last admitted by: an older one is a copy that somebody kept.'),
    relay: relayField
      .optional()
      .describe(
        'The administrator’s: whether its gateways pass the sealed datagrams of gateways that cannot reach each other. Absent: they do not.',
      ),
    state: z
      .enum(memberStates)
      .default('Admitted')
      .describe(
        'The administrator’s (`tombolo quarantine`). Quarantined: it stays visible, its routes and exports stop everywhere.',
      ),
  }),
  status: z.object({
    observedGeneration: z.int().optional(),
    draining: z
      .array(z.object({ cidr: cidrField, use: z.enum(addressUses), until: z.string().max(40).meta({ format: 'date-time' }) }))
      .max(maxDraining)
      .optional()
      .describe('Addresses it had before and may still use for a while.')
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['cidr'] }),
    conditions: conditionsField,
  }),
})
export type Member = ObjectOf<typeof member>
