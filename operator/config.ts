// What the operator is told by its Deployment.
import { z } from 'zod'
import { systemNamespace } from '#crds/places.ts'

export const operatorConfig = z.object({
  NAMESPACE: z.string().default(systemNamespace).describe('Where Tombolo lives in this cluster.'),
  POD_NAME: z.string().min(1).describe('Identity in the leader election.'),
  METRICS_PORT: z.coerce.number().int().default(9474),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
})
export type OperatorConfig = z.output<typeof operatorConfig>
