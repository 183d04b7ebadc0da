// The gateway: one pod on each node that carries the gateway label.
import type { GatewayConfig } from '#gateway/config.ts'
import { gatewayNodeLabel } from '#crds/places.ts'
import type { DaemonSet } from '#lib/kube/kinds.ts'
import type { EnvOf } from './pod.ts'
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

/** Where wireguard-go makes its socket, which no setting changes. */
const wireguardSockets = '/var/run/wireguard'
const directories = ['state', 'settings', 'tun'] as const

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
                ...directoryEnv,
              } satisfies EnvOf<GatewayConfig>,
              memory: { request: '64Mi', limit: '1Gi' },
            }),
            securityContext: networkAdmin,
            volumeMounts: [...mountsOf(directories), { name: 'sockets', mountPath: wireguardSockets }],
          },
        ],
        volumes: [...volumesOf(directories), { name: 'sockets', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }],
      },
    },
  },
})
