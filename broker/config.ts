// What the broker controller is told by its Deployment.
import { brokerNamespace } from '#crds/places.ts'
import { z } from 'zod'

export const brokerConfig = z.object({
  NAMESPACE: z.string().min(1).default(brokerNamespace),
  /** Who we are in the Lease; the pod's name. */
  POD_NAME: z.string().min(1),
  METRICS_PORT: z.coerce.number().int().min(0).max(65535).default(9475),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
})
export type BrokerConfig = z.output<typeof brokerConfig>
