// The agent: one pod on every node, and its one-shot twin that takes everything of ours off the nodes when the cluster leaves.
import type { AgentConfig } from '#gateway/agent/config.ts'
import type { DaemonSet } from '#lib/kube/kinds.ts'
import {
  containerOf,
  directoryEnv,
  everywhere,
  labelsOf,
  metadataOf,
  mountsOf,
  networkAdmin,
  nodeEnv,
  selectorOf,
  volumesOf,
} from './pod.ts'
import type { Component, EnvOf } from './pod.ts'

export const agentMetricsPort = 9471
export const cleanupMetricsPort = 9472

const directories = ['state', 'settings'] as const

type Want = { readonly image: string; readonly clusterID: string }

export const agentDaemonSet = (want: Want) => onEveryNode('agent', agentMetricsPort, want, {})

/** Ready on a node when nothing of ours is left there. */
export const cleanupDaemonSet = (want: Want) => onEveryNode('cleanup', cleanupMetricsPort, want, { CLEANUP: 'true' })

function onEveryNode(component: Component, port: number, want: Want, env: EnvOf<AgentConfig>): DaemonSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: metadataOf(component),
    spec: {
      selector: { matchLabels: selectorOf(component) },
      // Routes stay in place while an agent restarts, so all may restart at once.
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '100%' } },
      template: {
        metadata: { labels: labelsOf(component) },
        spec: {
          serviceAccountName: 'tombolo-agent',
          hostNetwork: true,
          dnsPolicy: 'Default',
          priorityClassName: 'system-node-critical',
          tolerations: everywhere,
          terminationGracePeriodSeconds: 2,
          containers: [
            {
              ...containerOf({
                component,
                image: want.image,
                program: 'agent',
                port,
                env: {
                  ...nodeEnv,
                  CLUSTER_ID: want.clusterID,
                  ...directoryEnv,
                  ...env,
                } satisfies EnvOf<AgentConfig>,
                memory: { request: '48Mi', limit: '192Mi' },
              }),
              securityContext: networkAdmin,
              volumeMounts: mountsOf(directories),
            },
          ],
          volumes: volumesOf(directories),
        },
      },
    },
  }
}
