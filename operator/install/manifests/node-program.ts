// A program of ours on the network of its nodes: what gateway, agent and clean-up have in common, and all that they may do and see there.
import { ownToken } from '#lib/kube/in-cluster.ts'
import type { DaemonSet } from '#lib/kube/kinds.ts'
import type { Component, Container, Env } from './pod.ts'
import { containerOf, labelsOf, metadataOf, selectorOf } from './pod.ts'

/**
 * To make devices, routes and nftables rules in the node's network namespace takes that one capability, on top of `hostNetwork`.
 * As root, whose files the node's keys are, but without what makes root more than the owner of its files.
 */
const networkAdmin = (more: readonly string[]) => ({
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  runAsUser: 0,
  capabilities: { drop: ['ALL'], add: ['NET_ADMIN', ...more] },
  seccompProfile: { type: 'RuntimeDefault' },
})

const directories = {
  /** Keys and former settings of the node: they outlive the pod, so that a restart is no re-key for every peer. */
  state: { path: '/var/lib/tombolo', mountPath: '/var/lib/tombolo', type: 'DirectoryOrCreate' },
  /** Kernel settings, of the network namespace of whoever opens them. Beside /proc, as a runtime lets nothing be mounted inside. */
  settings: { path: '/proc/sys/net', mountPath: '/node/proc/sys/net', type: 'Directory' },
  /** For wireguard-go. The directory, since where the kernel has WireGuard the device in it is not needed. Runtimes let containers open it. */
  tun: { path: '/dev/net', mountPath: '/dev/net', type: 'DirectoryOrCreate' },
} as const

/** What every such program is told of its node. */
const nodeEnv = {
  NODE_NAME: { fieldPath: 'spec.nodeName' },
  NODE_IP: { fieldPath: 'status.hostIP' },
  STATE_DIR: directories.state.mountPath,
  PROC_SYS: '/node/proc/sys',
} satisfies Env

type NodeProgram = Omit<Container, 'component'> & {
  readonly component: Component
  /** All that it sees of its node's files. */
  readonly sees: readonly (keyof typeof directories)[]
  /** Directories in memory that it may write, for sockets of its own programs. */
  readonly sockets?: readonly string[]
  /** Labels of the nodes it runs on; all nodes if absent. */
  readonly on?: Readonly<Record<string, string>>
  /** Besides what all of them have. */
  readonly capabilities?: readonly string[]
  readonly maxUnavailable: number | string
  readonly graceSeconds: number
}

export function nodeProgram({
  component,
  sees,
  sockets,
  on,
  capabilities = [],
  maxUnavailable,
  graceSeconds,
  ...container
}: NodeProgram): DaemonSet {
  const scratch = (sockets ?? []).map((mountPath, n) => ({ name: `sockets-${n}`, mountPath }))
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: metadataOf(component),
    spec: {
      selector: { matchLabels: selectorOf(component) },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable } },
      template: {
        metadata: { labels: labelsOf(component) },
        spec: {
          serviceAccountName: `tombolo-${container.program}`,
          ...ownToken.pod,
          hostNetwork: true,
          dnsPolicy: 'Default',
          priorityClassName: 'system-node-critical',
          ...(on === undefined ? {} : { nodeSelector: on }),
          // Wherever packets may start, whatever the taints.
          tolerations: [{ operator: 'Exists' }],
          terminationGracePeriodSeconds: graceSeconds,
          containers: [
            {
              ...containerOf({ ...container, component, env: { ...nodeEnv, ...container.env } }),
              securityContext: networkAdmin(capabilities),
              volumeMounts: [
                ...sees.map((name) => ({ name, mountPath: directories[name].mountPath })),
                ...scratch,
                ownToken.mount,
              ],
            },
          ],
          volumes: [
            ...sees.map((name) => ({ name, hostPath: { path: directories[name].path, type: directories[name].type } })),
            ...scratch.map(({ name }) => ({ name, emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } })),
            ownToken.volume,
          ],
        },
      },
    },
  }
}
