// Asks gateways of this cluster for another WireGuard key when theirs is old, if the Membership gives an age.
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { gatewayEndpoint } from '#crds/gateway-endpoint.ts'
import type { Membership } from '#crds/membership.ts'
import { membershipName, rotateKeyAnnotation, systemNamespace } from '#crds/places.ts'
import type { Kube } from '#lib/kube/client.ts'
import { again, controller, settled, source } from '#lib/kube/controller.ts'
import type { Store } from '#lib/kube/store.ts'
import type { Logger } from '#lib/std/log.ts'
import { fieldManager } from '../install/install.ts'
import { betweenMs, dueGateway } from './plan.ts'

const all = { name: 'everything' }

/** Runs until `signal` aborts. */
export function keepGatewayKeys(
  kube: Kube,
  clusterID: string,
  seen: { readonly endpoints: Store<GatewayEndpoint>; readonly memberships: Store<Membership> },
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const { endpoints, memberships } = seen
  const days = () => memberships.get({ namespace: systemNamespace, name: membershipName })?.spec.gatewayKeyDays ?? 0
  return controller({
    name: 'gateway-keys',
    log,
    sources: [source(memberships, () => [all], { sees: ({ spec }) => spec.gatewayKeyDays })],
    reconcile: async (_, stop) => {
      if (days() === 0) return settled
      const own = endpoints.list().filter(({ spec }) => spec.clusterID === clusterID)
      const now = Date.now()
      const due = dueGateway(own, days(), now)
      if (due !== undefined) {
        const { name } = due.metadata
        const annotations = { [rotateKeyAnnotation]: new Date(now).toISOString() }
        await kube.patch(
          gatewayEndpoint,
          { namespace: systemNamespace, name },
          { metadata: { annotations } },
          { fieldManager },
          stop,
        )
        log.info({ node: due.spec.node }, 'asked a gateway for another key, as its key is old')
      }
      return again(betweenMs, 'the keys of gateways grow old')
    },
  }).run(signal)
}
