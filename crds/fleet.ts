// The fleet: what holds for all its clusters.
import { z } from 'zod'
import { keyIDField } from './ca-fields.ts'
import type { ObjectOf } from './define.ts'
import { define } from './define.ts'
import { cableDrivers, cidrField, cidrsField, clusterIDField, conditionsField, maxCIDRs, tomboloGroup } from './fields.ts'
import { fingerprintField } from './join-grant.ts'
import { trafficDefaultField } from './service-traffic-policy.ts'

/** In the order in which a rotation goes. */
export const rotationTargets = ['Introduced', 'Issuing', 'Stable'] as const

/** So many clusters at most are given addresses at once; others wait for a run of the controller. */
export const maxReserved = 200

/** Of names that no ExportGrant names. */
export const ungrantedExports = ['Allow', 'Deny'] as const

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
    join: z
      .object({
        approval: z
          .enum(['Automatic', 'Manual'])
          .default('Automatic')
          .describe('Automatic: who proves a grant is let in if its addresses are free. Manual: `tombolo approve` as well.'),
        addresses: cidrsField
          .optional()
          .describe(
            'If given, pods and Services of every member must lie in these, and a member may move within them by itself. Otherwise other addresses than it has need a grant, like joining.',
          ),
        cables: z
          .array(z.enum(cableDrivers))
          .min(1)
          .max(8)
          .default(['wireguard'])
          .describe(
            'Cable drivers of which a cluster that joins must have one, as its request says (`cable/wireguard`, `cable/ipsec`).',
          )
          .meta({ 'x-kubernetes-list-type': 'set' }),
        drainSeconds: z
          .int()
          .min(0)
          .max(86400)
          .default(300)
          .describe('How long addresses that a member gave up are still believed of it.'),
        reuseAfterSeconds: z
          .int()
          .min(0)
          .max(86400)
          .default(120)
          .describe(
            'How long addresses of a cluster that left are given to no other, nor to itself with other keys: answers and connections outlive it.',
          ),
      })
      .prefault({})
      .describe('Who may join, and how addresses change hands.'),
    exports: z
      .object({
        ungranted: z
          .enum(ungrantedExports)
          .default('Allow')
          .describe(
            'Whether every member may export services that no ExportGrant names (namespace sameness). Those of `default`, `kube-*`, `tombolo-*` and of namespaces called like a top-level domain, such as `com`, always need one.',
          ),
      })
      .prefault({})
      .describe('Who may export what, beside the ExportGrants.'),
    traffic: trafficDefaultField
      .optional()
      .describe(
        'Which clusters answer calls to a service for which the calling cluster has no ServiceTrafficPolicy; without it every cluster answers. A member leaves it out by `spec.trafficDefault` of its Membership.',
      ),
    ca: z
      .object({
        root: z.int().min(1).max(999_999_999).default(1).describe('Number of the root to end with: raise it by one to rotate.'),
        upTo: z
          .enum(rotationTargets)
          .default('Stable')
          .describe(
            'How far a rotation may go now. Introduced: both roots are believed. Issuing: the new one issues. A step back takes one back.',
          ),
        certificateHours: z
          .int()
          .min(1)
          .max(168)
          .default(24)
          .describe('How long a gateway’s certificate lasts; it is asked for anew at two thirds.'),
        revokedKeys: z
          .array(keyIDField)
          .max(1000)
          .optional()
          .describe('SHA-256 of public keys whose certificates nobody shall believe: the gateway makes itself another key.')
          .meta({ 'x-kubernetes-list-type': 'set' }),
      })
      .prefault({})
      .describe('The CA of the gateways’ certificates.'),
  }),
  status: z.object({
    observedGeneration: z.int().optional(),
    released: z
      .array(
        z.object({
          cidr: cidrField,
          clusterID: clusterIDField,
          clusterUID: z.string().max(64),
          identity: fingerprintField.optional().describe('Who proves this one may have them at once.'),
          until: z.string().max(40).meta({ format: 'date-time' }),
        }),
      )
      .max(2000)
      .optional()
      .describe('Addresses of clusters that left, not yet to be had by others.')
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['cidr'] }),
    reserved: z
      .array(
        z.object({
          by: z
            .string()
            .min(1)
            .max(64)
            .describe('Which controller gives them, since its start or its last write that was not answered.'),
          clusterID: clusterIDField,
          clusterUID: z.string().max(64),
          // Of both uses, those that it gets and those that it has until then.
          cidrs: z
            .array(cidrField)
            .min(1)
            .max(4 * maxCIDRs)
            .meta({ 'x-kubernetes-list-type': 'set' }),
          until: z
            .string()
            .max(40)
            .meta({ format: 'date-time' })
            .describe('Then no write of a Member can be under way that names them.'),
        }),
      )
      .max(maxReserved)
      .optional()
      .describe(
        'Addresses that are being given to a cluster at this moment: written before its Member, and to be had by no other.',
      )
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['clusterID', 'by'] }),
    conditions: conditionsField,
  }),
})
export type Fleet = ObjectOf<typeof fleet>
