// The gateway: one pod on each node that carries the gateway label.
import type { GatewayConfig } from '#gateway/config.ts'
import { gatewayNodeLabel } from '#crds/places.ts'
import type { DaemonSet } from '#lib/kube/kinds.ts'
import { nodeProgram } from './node-program.ts'
import type { EnvOf } from './pod.ts'

export const gatewayMetricsPort = 9470

export const gatewayDaemonSet = (want: {
  readonly image: string
  readonly clusterID: string
  readonly wireguardPort: number
  readonly ipsecPort: number
  readonly cables: readonly string[]
}): DaemonSet =>
  nodeProgram({
    component: 'gateway',
    image: want.image,
    program: 'gateway',
    port: gatewayMetricsPort,
    env: {
      CLUSTER_ID: want.clusterID,
      CABLES: want.cables.join(','),
      WG_PORT: String(want.wireguardPort),
      IKE_PORT: String(want.ipsecPort),
    } satisfies EnvOf<GatewayConfig>,
    memory: { request: '64Mi', limit: '1Gi' },
    sees: ['state', 'settings', 'tun'],
    // Of wireguard-go, which no setting moves; and of charon, with its configuration.
    sockets: ['/var/run/wireguard', '/run/tombolo/ipsec'],
    on: { [gatewayNodeLabel]: 'true' },
    // A relay listens on port 443.
    capabilities: ['NET_BIND_SERVICE'],
    maxUnavailable: 1,
    // Handing over, a write that is under way, and giving the Lease back where there is nobody to hand over to (gateway.ts).
    graceSeconds: 15,
  })
