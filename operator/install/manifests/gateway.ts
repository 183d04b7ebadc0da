// The gateway: one pod on each node that carries the gateway label.
import type { GatewayConfig } from '#gateway/config.ts'
import { gatewayNodeLabel } from '#crds/places.ts'
import type { DaemonSet } from '#lib/kube/kinds.ts'
import type { EnvOf } from './pod.ts'
import { containerOf, everywhere, labelsOf, metadataOf, nodeEnv, privileged, selectorOf } from './pod.ts'

export const gatewayMetricsPort = 9470

export const gatewayDaemonSet = (want: {
  readonly image: string
  readonly clusterID: string
  readonly wireguardPort: number
}): DaemonSet => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: metadataOf('gateway'),
  spec: {
    selector: { matchLabels: selectorOf('gateway') },
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } },
    template: {
      metadata: { labels: labelsOf('gateway') },
      spec: {
        serviceAccountName: 'tombolo-gateway',
        hostNetwork: true,
        dnsPolicy: 'Default',
        priorityClassName: 'system-node-critical',
        nodeSelector: { [gatewayNodeLabel]: 'true' },
        tolerations: everywhere,
        // A write that is under way, giving the Lease back, and handing over (gateway.ts).
        terminationGracePeriodSeconds: 10,
        containers: [
          {
            ...containerOf({
              component: 'gateway',
              image: want.image,
              program: 'gateway',
              port: gatewayMetricsPort,
              env: {
                ...nodeEnv,
                CLUSTER_ID: want.clusterID,
                WG_PORT: String(want.wireguardPort),
                STATE_DIR: '/var/lib/tombolo',
              } satisfies EnvOf<GatewayConfig>,
              memory: { request: '64Mi', limit: '1Gi' },
            }),
            securityContext: privileged,
            volumeMounts: [{ name: 'state', mountPath: '/var/lib/tombolo' }],
          },
        ],
        // The node's keys: they outlive the pod, so that a restart is no re-key for every peer.
        volumes: [{ name: 'state', hostPath: { path: '/var/lib/tombolo', type: 'DirectoryOrCreate' } }],
      },
    },
  },
})
