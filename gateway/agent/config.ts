// What the agent is told by its DaemonSet. The operator writes the environment from the same names.
import { z } from 'zod'
import { systemNamespace } from '#crds/places.ts'
import { addressSetting, cablesSetting, clusterIDSetting, procSysSetting } from '../config.ts'

export const agentConfig = z.object({
  NODE_NAME: z.string().min(1).max(253).describe('Name of the Node this runs on.'),
  NODE_IP: addressSetting.describe('The node’s internal address: the end of its overlay.'),
  CLUSTER_ID: clusterIDSetting,
  CABLES: cablesSetting,
  NAMESPACE: z.string().default(systemNamespace).describe('Where Tombolo lives in this cluster.'),
  STATE_DIR: z.string().default('/var/lib/tombolo').describe('Where former kernel settings are kept; removed when cleaning up.'),
  PROC_SYS: procSysSetting,
  CLEANUP: z
    .enum(['true', 'false'])
    .default('false')
    .describe('Take everything of ours off the node, then be ready and wait to be deleted.'),
  METRICS_PORT: z.coerce.number().int().min(0).max(65_535).default(9471),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
})
export type AgentConfig = z.output<typeof agentConfig>
