// One gateway node of a cluster: where it is reached, with which keys, and what it is connected to.
import { z } from 'zod'
import type { ObjectOf } from './define.ts'
import { define } from './define.ts'
import {
  addressField,
  cableDrivers,
  clusterIDField,
  conditionsField,
  labelValueField,
  portField,
  tomboloGroup,
} from './fields.ts'

export const gatewayRoles = ['Active', 'Standby'] as const
export const connectionStates = ['Connecting', 'Connected', 'Error'] as const
export const pairKeyStates = ['InUse', 'None'] as const
/** Why a connection carries nothing, as its pulse tells: nothing ever came, ours do not arrive, it was heard once, another answers. */
const faultReasons = ['NothingHeard', 'OneWay', 'FellSilent', 'KeyHeldByOther'] as const
export type FaultReason = (typeof faultReasons)[number]
export const candidateTypes = ['NodeInternal', 'NodeExternal', 'Configured', 'Reflexive'] as const
export const pathKinds = ['Direct', 'Reflexive', 'Relay'] as const

/** Of one gateway: an object that says more than its schema takes is not written at all, its role and term with it. */
export const maxConnections = 1000

/** Of zones, and of regions. */
export const maxPlaces = 16

export const placeField = labelValueField.min(1)
const placesField = z.array(placeField).max(maxPlaces).meta({ 'x-kubernetes-list-type': 'set' })

const wireguardKeyField = z
  .string()
  .length(44)
  .regex(/^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/, 'a Curve25519 public key in base64')

const pairKeyIDField = z
  .string()
  .length(32)
  .regex(/^[0-9a-f]{32}$/, 'the id of a pair key: 32 hex digits')
export const maxEpoch = 999_999_999

export const gatewayEndpoint = define({
  group: tomboloGroup,
  kind: 'GatewayEndpoint',
  plural: 'gatewayendpoints',
  shortNames: ['gwep'],
  scope: 'Namespaced',
  versions: ['v1alpha1'],
  about:
    'A gateway node. Made by the gateway in its own cluster’s `tombolo-system`, published by the operator to `tombolo-m-<id>`, copied from there into every other member. It names no addresses of pods: those come from the Allocation.',
  columns: [
    { name: 'Cluster', path: '.spec.clusterID' },
    { name: 'Node', path: '.spec.node' },
    { name: 'Role', path: '.status.role' },
  ],
  spec: z.object({
    clusterID: clusterIDField,
    node: z.string().min(1).max(253),
    candidates: z
      .array(z.object({ type: z.enum(candidateTypes), address: addressField, port: portField }))
      .min(1)
      .max(8)
      .describe(
        'Where packets for this gateway may be sent, best first. `Reflexive`: where most clusters that hear it through a NAT hear it.',
      )
      .meta({ 'x-kubernetes-list-type': 'atomic' }),
    wireguard: z.object({
      publicKey: wireguardKeyField,
      pairKeys: z
        .array(
          z.object({
            clusterID: clusterIDField,
            id: pairKeyIDField,
            epoch: z
              .int()
              .min(1)
              .max(maxEpoch)
              .optional()
              .describe('The number of the key, counted from 1; 1 if absent. The next one is made of the next number.'),
            next: pairKeyIDField
              .optional()
              .describe('While the key is being changed: the id of the next one, which it holds too.'),
          }),
        )
        .max(1000)
        .optional()
        .describe('For which other clusters this gateway holds a pre-shared key, and which: an id that tells nothing of the key.')
        .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['clusterID'] }),
    }),
    cables: z
      .array(z.enum(cableDrivers))
      .min(1)
      .max(cableDrivers.length)
      .optional()
      .describe('Kinds of cables that this gateway has, the best first; WireGuard alone if absent.')
      .meta({ 'x-kubernetes-list-type': 'set' }),
    ipsec: z
      .object({
        port: portField.describe('UDP port at the candidates’ addresses.'),
        certificate: z
          .string()
          .max(8192)
          .describe('PEM; from the fleet’s CA. What this gateway proves itself with: another one is not taken from it.'),
      })
      .optional()
      .describe('There while the gateway has cables over IPsec and a certificate for them.'),
    topology: z
      .object({ zones: placesField, regions: placesField })
      .optional()
      .describe(
        'Where its cluster is, as the labels `topology.kubernetes.io/zone` and `topology.kubernetes.io/region` of its nodes say; absent where none says it. A ServiceTrafficPolicy with locality `Nearest` reads it.',
      ),
  }),
  status: z.object({
    observedGeneration: z.int().optional(),
    role: z.enum(gatewayRoles).optional(),
    term: z
      .int()
      .min(0)
      .optional()
      .describe('How often the Lease changed hands: of two gateways that say Active, the higher term is right.'),
    driver: z
      .string()
      .max(64)
      .optional()
      .describe(
        'What carries the cables here: `wireguard (kernel)`, `wireguard (wireguard-go)`, `ipsec (kernel)`, `ipsec (kernel-libipsec)`.',
      ),
    connections: z
      .array(
        z.object({
          endpoint: z.string().max(253).describe('Name of the far GatewayEndpoint.'),
          clusterID: clusterIDField,
          node: z.string().max(253),
          state: z.enum(connectionStates),
          reason: z
            .enum(faultReasons)
            .optional()
            .describe('In state Error: `OneWay` when its packets arrive here and ours do not arrive there.'),
          message: z.string().max(1024).optional(),
          cable: z.enum(cableDrivers).optional().describe('The kind of cable that packets to it take.'),
          pairKey: z
            .enum(pairKeyStates)
            .optional()
            .describe('Whether handshakes mix in the key that only the two clusters share.'),
          address: z
            .string()
            .max(64)
            .optional()
            .describe('Where its packets come from now, `address:port`; absent while that is a relay.'),
          path: z
            .enum(pathKinds)
            .optional()
            .describe(
              'Which way its packets take: to an address of its own, to one that a NAT gave it, or through a relay. Of cables over WireGuard.',
            ),
          relay: z.string().max(320).optional().describe('The gateway that relays, `cluster/node`.'),
          pathReason: z.string().max(64).optional().describe('Why it is this way.'),
          pathMessage: z.string().max(256).optional().describe('The same, for people.'),
          rttMicros: z
            .int()
            .min(0)
            .optional()
            .describe('Round trip through the cable in µs, as last published: only changes of more than a fifth are.'),
          mtu: z
            .int()
            .min(0)
            .max(65_535)
            .optional()
            .describe('The largest packet that passes whole, in bytes, where that is less than the cable’s device takes.'),
          since: z.string().max(40).optional().describe('When the state last changed, RFC 3339.'),
        }),
      )
      .max(maxConnections)
      .optional()
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['endpoint'] }),
    conditions: conditionsField,
  }),
})
export type GatewayEndpoint = ObjectOf<typeof gatewayEndpoint>
export type AnnouncedPairKey = NonNullable<GatewayEndpoint['spec']['wireguard']['pairKeys']>[number]
export type Topology = NonNullable<GatewayEndpoint['spec']['topology']>
export type Connection = NonNullable<NonNullable<GatewayEndpoint['status']>['connections']>[number]
