// A cluster's own membership in a fleet: the one object a person or Git writes to join.
import { z } from 'zod'
import type { ObjectOf } from './define.ts'
import { define } from './define.ts'
import { cableDrivers, cidrsField, clusterIDField, conditionsField, dnsLabelField, portField, tomboloGroup } from './fields.ts'

const trafficDefaults = ['Fleet', 'None'] as const

export const membership = define({
  group: tomboloGroup,
  kind: 'Membership',
  plural: 'memberships',
  scope: 'Namespaced',
  versions: ['v1alpha1'],
  about:
    'This cluster’s membership in a fleet: `membership` in `tombolo-system`. The spec is a person’s or Git’s, the status is the operator’s. Deleting it withdraws the cluster and takes everything off its nodes.',
  columns: [
    { name: 'Cluster', path: '.spec.clusterID' },
    { name: 'Ready', path: '.status.conditions[?(@.type=="Ready")].status' },
    { name: 'Reason', path: '.status.conditions[?(@.type=="Ready")].reason' },
  ],
  spec: z.object({
    clusterID: clusterIDField.meta({
      'x-kubernetes-validations': [
        {
          rule: 'self == oldSelf',
          message: 'a cluster keeps its id for as long as it is a member: leave the fleet, then join it anew',
        },
      ],
    }),
    clusterset: z
      .string()
      .min(1)
      .max(128)
      .meta({
        'x-kubernetes-validations': [
          {
            rule: 'self == oldSelf',
            message: 'a cluster stays in its clusterset for as long as it is a member: leave the fleet, then join it anew',
          },
        ],
      }),
    podCIDRs: cidrsField.min(1),
    serviceCIDRs: cidrsField.min(1),
    image: z.string().min(1).max(512).describe('Image of gateway, agent and dns.'),
    wireguardPort: portField.default(51820).describe('UDP port of the cables over WireGuard on gateway nodes.'),
    ipsecPort: portField.default(4500).describe('UDP port of the cables over IPsec on gateway nodes: of IKE and ESP alike.'),
    cables: z
      .array(z.enum(cableDrivers))
      .min(1)
      .max(cableDrivers.length)
      .default(['wireguard'])
      .describe(
        'Kinds of cables that this cluster has, the best first. Two clusters use the one that both like best of those that both have; nothing is started for one that is not named.',
      )
      .meta({ 'x-kubernetes-list-type': 'set' }),
    keyDays: z
      .int()
      .min(0)
      .max(3650)
      .optional()
      .describe(
        'After so many days, 30 if absent, the key of a pair of clusters is changed for the next one, by whichever of the two comes first. 0: only when asked for, by `tombolo rotate-keys`.',
      ),
    gatewayKeyDays: z
      .int()
      .min(0)
      .max(3650)
      .optional()
      .describe(
        'After so many days a gateway makes itself another WireGuard key, one gateway at a time and only where another one can lead meanwhile, as it costs a hand-over. 0, also if absent: only when asked for, by `tombolo gateway rotate-key`.',
      ),
    trafficDefault: z
      .enum(trafficDefaults)
      .optional()
      .describe(
        'What holds here for a service without a ServiceTrafficPolicy. Fleet, also if absent: `spec.traffic` of the Fleet. None: every cluster answers.',
      ),
    importFrom: z
      .array(
        z.object({
          namespace: dnsLabelField,
          clusters: z.array(clusterIDField).max(500).meta({ 'x-kubernetes-list-type': 'atomic' }),
        }),
      )
      .max(64)
      .optional()
      .describe(
        'Of a namespace that is named here, only what these clusters export is imported; what this cluster exports itself always is. Others are imported from every cluster that may export them.',
      )
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['namespace'] }),
  }),
  status: z.object({
    observedGeneration: z.int().optional(),
    peers: z
      .array(z.object({ clusterID: clusterIDField, podCIDRs: cidrsField }))
      .max(500)
      .optional()
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['clusterID'] }),
    conditions: conditionsField,
  }),
})
export type Membership = ObjectOf<typeof membership>
