// What the DNS server is told by its Deployment. The operator writes the Deployment's environment from the same names.
import { z } from 'zod'
import { clustersetZone } from '#crds/places.ts'

const list = z
  .string()
  .transform((text) => text.split(',').map((item) => item.trim()))
  .pipe(z.array(z.union([z.ipv4(), z.ipv6()])))

export const dnsConfig = z.object({
  DNS_ZONE: z
    .string()
    .toLowerCase()
    .regex(
      /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$/,
      'a domain name, such as clusterset.local',
    )
    .max(100)
    .default(clustersetZone)
    .describe('The zone that is answered for; everything else is refused.'),
  DNS_PORT: z.coerce.number().int().min(1).max(65_535).default(5353).describe('UDP and TCP; the Service maps 53 to it.'),
  DNS_LISTEN: list
    .default(['0.0.0.0', '::'])
    .describe('Addresses to listen on. One of a family that the pod lacks is passed over.'),
  DNS_SHARE_PORT: z
    .enum(['true', 'false'])
    .default('false')
    .transform((text) => text === 'true')
    .describe(
      'Lets a second process listen on the same port (SO_REUSEPORT), so that one can take over from another on one host.',
    ),
  DNS_TTL: z.coerce
    .number()
    .int()
    .min(0)
    .max(3600)
    .default(5)
    .describe('Seconds an answer may be remembered, "no such name" included: how stale a client can be.'),
  DNS_ADDRESSES: list.optional().describe('Addresses of our Service, told to whoever asks for the name server of the zone.'),
  TOMBOLO_DNS_SERVICE_HOST: z
    .union([z.ipv4(), z.ipv6()])
    .optional()
    .catch(undefined)
    .describe('Kubernetes sets it in every pod beside the Service: its address, where DNS_ADDRESSES says nothing.'),
  DRAIN_SECONDS: z.coerce
    .number()
    .min(0)
    .max(60)
    .default(8)
    .describe('How long to go on answering after SIGTERM, while the nodes still send queries here.'),
  METRICS_PORT: z.coerce.number().int().min(0).max(65_535).default(9473),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
})
export type DnsConfig = z.output<typeof dnsConfig>
