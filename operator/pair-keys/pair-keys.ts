// Keeps the Secret with the keys of pairs, which the gateways of this cluster read.
import type { Allocation } from '#crds/allocation.ts'
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { managedBy, pairKeysSecretName, systemNamespace } from '#crds/places.ts'
import { printPairKey } from '#lib/identity/pair-key.ts'
import type { Kube } from '#lib/kube/client.ts'
import { again, blocked, controller, settled, source } from '#lib/kube/controller.ts'
import type { Secret } from '#lib/kube/kinds.ts'
import { secrets } from '#lib/kube/kinds.ts'
import { applyPlan } from '#lib/kube/plan.ts'
import { reflect } from '#lib/kube/reflector.ts'
import type { Store } from '#lib/kube/store.ts'
import type { Logger } from '#lib/std/log.ts'
import { explain } from '#lib/std/result.ts'
import { fieldManager } from '../install/install.ts'
import { readIdentity } from '../joining/identity-secret.ts'
import type { PairKeys } from './plan.ts'
import { planPairKeys, readPairKeys } from './plan.ts'

const key = { namespace: systemNamespace, name: pairKeysSecretName }

/** Runs until `signal` aborts. */
export async function keepPairKeys(
  kube: Kube,
  clusterID: string,
  seen: { readonly allocations: Store<Allocation>; readonly endpoints: Store<GatewayEndpoint> },
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const { allocations, endpoints } = seen
  const kept = reflect(kube, secrets, { namespace: key.namespace, fields: `metadata.name=${key.name}` }, signal).store
  await controller({
    name: 'pair-keys',
    log,
    sources: [
      source(allocations, () => [key], { sees: ({ spec }) => [spec.clusterID, spec.state, spec.identity] }),
      source(endpoints, () => [key], { sees: ({ spec }) => [spec.clusterID, spec.wireguard.pairKeys] }),
      source(kept, () => [key]),
    ],
    reconcile: async (_, stop) => {
      const identity = await readIdentity(kube, stop)
      if (identity === undefined) return again(60_000, 'this cluster has no identity to derive the keys of its pairs from')
      if (!identity.ok) return blocked('IdentityUnreadable', explain(identity.error))
      // Not what the store has heard: a key that was just required must not be offered again.
      const have = await kube.get(secrets, key, stop)
      const held = readPairKeys(have)
      const keys = planPairKeys({
        clusterID,
        agreementKey: identity.value.agreement,
        allocations: allocations.list(),
        endpoints: endpoints.list(),
        held,
      })
      await applyPlan(
        kube,
        { steps: [{ do: 'apply', kind: secrets, object: secretOf(keys), have }], next: settled },
        fieldManager,
        stop,
      )
      tell(held, keys, log)
      return settled
    },
  }).run(signal)
}

const secretOf = (keys: PairKeys): Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { ...key, labels: { ...managedBy } },
  type: 'Opaque',
  data: Object.fromEntries([...keys].map(([peer, held]) => [peer, Buffer.from(printPairKey(held)).toString('base64')])),
})

/** Ids alone: they are public. */
function tell(before: PairKeys, after: PairKeys, log: Logger): void {
  for (const [peer, { id, use }] of after)
    if (before.get(peer)?.id !== id || before.get(peer)?.use !== use) log.info({ peer, id, use }, 'the key of a pair changed')
  for (const [peer, { id }] of before) if (!after.has(peer)) log.info({ peer, id }, 'the key of a pair is gone')
}
