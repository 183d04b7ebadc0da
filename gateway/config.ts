// What the gateway is told by its DaemonSet. The operator writes the environment from the same names.
import { z } from 'zod'
import { cableDrivers } from '#crds/fields.ts'
import { systemNamespace } from '#crds/places.ts'
import { parseClusterID } from '#lib/net/cluster-id.ts'
import { parseIP } from '#lib/net/ip.ts'
import { cableSize } from './data-plane.ts'

export const addressSetting = z.string().refine((text) => parseIP(text).ok, 'an IPv4 or IPv6 address')
export const clusterIDSetting = z.string().refine((text) => parseClusterID(text).ok, 'a DNS label of at most 53 characters')

export const cablesSetting = z
  .string()
  .default('wireguard')
  .transform((text) => text.split(','))
  .pipe(z.tuple([z.enum(cableDrivers)], z.enum(cableDrivers)))
  .describe('Kinds of cables that the cluster’s gateways have, the best first, with commas between.')

export const procSysSetting = z
  .string()
  .default('/proc/sys')
  .describe('Where the node’s kernel settings can be written: a container’s own are read-only.')

export const gatewayConfig = z.object({
  NODE_NAME: z.string().min(1).max(253).describe('Name of the Node this runs on.'),
  NODE_IP: addressSetting.describe('The node’s internal address: where other gateways send to, if nothing else is known.'),
  CLUSTER_ID: clusterIDSetting,
  CABLES: cablesSetting,
  NAMESPACE: z.string().default(systemNamespace).describe('Where Tombolo lives in this cluster.'),
  STATE_DIR: z.string().default('/var/lib/tombolo').describe('Where the node’s keys are kept; outlives the pod.'),
  PROC_SYS: procSysSetting,
  WG_PORT: z.coerce.number().int().min(1).max(65_535).default(51_820).describe('UDP port of the cables over WireGuard.'),
  IKE_PORT: z.coerce.number().int().min(1).max(65_535).default(4500).describe('UDP port of the cables over IPsec.'),
  WG_MTU: z.coerce
    .number()
    .int()
    .min(1280)
    .max(9000)
    .default(cableSize.wireguard.mtu)
    .describe('Largest packet that goes into a cable over WireGuard whole, if the node’s own network takes that much.'),
  LEASE_SECONDS: z.coerce.number().min(1).max(60).default(6).describe('How long a silent active gateway stays the active one.'),
  METRICS_PORT: z.coerce.number().int().min(0).max(65_535).default(9470),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
})
export type GatewayConfig = z.output<typeof gatewayConfig>
