// The agent: one pod on every node, and its one-shot twin that takes everything of ours off the nodes when the cluster leaves.
import type { AgentConfig } from '#gateway/agent/config.ts'
import type { DaemonSet } from '#lib/kube/kinds.ts'
import { nodeProgram } from './node-program.ts'
import type { Component, EnvOf } from './pod.ts'

export const agentMetricsPort = 9471
export const cleanupMetricsPort = 9472

type Want = { readonly image: string; readonly clusterID: string; readonly cables: readonly string[] }

export const agentDaemonSet = (want: Want) => onEveryNode('agent', agentMetricsPort, want, {})

/** Ready on a node when nothing of ours is left there. */
export const cleanupDaemonSet = (want: Omit<Want, 'cables'>) =>
  onEveryNode('cleanup', cleanupMetricsPort, { ...want, cables: ['wireguard'] }, { CLEANUP: 'true' })

const onEveryNode = (
  component: Component,
  port: number,
  { image, clusterID, cables }: Want,
  env: EnvOf<AgentConfig>,
): DaemonSet =>
  nodeProgram({
    component,
    image,
    program: 'agent',
    port,
    env: { CLUSTER_ID: clusterID, CABLES: cables.join(','), ...env } satisfies EnvOf<AgentConfig>,
    memory: { request: '48Mi', limit: '192Mi' },
    sees: ['state', 'settings'],
    // Routes stay in place while an agent restarts, so all may restart at once.
    maxUnavailable: '100%',
    graceSeconds: 2,
  })
