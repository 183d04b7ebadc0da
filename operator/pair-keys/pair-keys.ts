// Keeps the Secret with the keys of pairs, which the gateways of this cluster read.
import type { Allocation } from '#crds/allocation.ts'
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import type { Membership } from '#crds/membership.ts'
import {
  managedBy,
  membershipName,
  pairKeyNotesAnnotation,
  pairKeysSecretName,
  rotateKeysAnnotation,
  systemNamespace,
} from '#crds/places.ts'
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
import { firstDue, planPairKeys, printNotes, readPairKeys, usualDays } from './plan.ts'

/** Longer than this nobody waits by a timer: the time of a key is judged anew. */
const longestWaitMs = 3_600_000

const key = { namespace: systemNamespace, name: pairKeysSecretName }

/** Runs until `signal` aborts. */
export async function keepPairKeys(
  kube: Kube,
  clusterID: string,
  seen: {
    readonly allocations: Store<Allocation>
    readonly endpoints: Store<GatewayEndpoint>
    readonly memberships: Store<Membership>
  },
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const { allocations, endpoints, memberships } = seen
  const kept = reflect(kube, secrets, { namespace: key.namespace, fields: `metadata.name=${key.name}` }, signal).store
  await controller({
    name: 'pair-keys',
    log,
    sources: [
      source(allocations, () => [key], { sees: ({ spec }) => [spec.clusterID, spec.state, spec.identity] }),
      source(endpoints, () => [key], { sees: ({ spec }) => [spec.clusterID, spec.wireguard.pairKeys] }),
      source(memberships, () => [key], {
        sees: ({ metadata, spec }) => [metadata.annotations?.[rotateKeysAnnotation], spec.keyDays],
      }),
      source(kept, () => [key]),
    ],
    reconcile: async (_, stop) => {
      const identity = await readIdentity(kube, stop)
      if (identity === undefined) return again(60_000, 'this cluster has no identity to derive the keys of its pairs from')
      if (!identity.ok) return blocked('IdentityUnreadable', explain(identity.error))
      // Not what the store has heard: a key that was just required must not be offered again.
      const have = await kube.get(secrets, key, stop)
      const now = Date.now()
      const held = readPairKeys(have, now)
      const membership = memberships.get({ namespace: systemNamespace, name: membershipName })
      const days = membership?.spec.keyDays ?? usualDays
      const keys = planPairKeys({
        clusterID,
        agreementKey: identity.value.agreement,
        allocations: allocations.list(),
        endpoints: endpoints.list(),
        held,
        asked: membership?.metadata.annotations?.[rotateKeysAnnotation],
        days,
        now,
      })
      await applyPlan(
        kube,
        { steps: [{ do: 'apply', kind: secrets, object: secretOf(keys), have }], next: settled },
        fieldManager,
        stop,
      )
      tell(held, keys, log)
      const due = firstDue(keys, days)
      return due === undefined
        ? settled
        : again(Math.min(Math.max(due - now, 1_000), longestWaitMs), 'the keys of pairs grow old')
    },
  }).run(signal)
}

const secretOf = (keys: PairKeys): Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { ...key, labels: { ...managedBy }, annotations: { [pairKeyNotesAnnotation]: printNotes(keys) } },
  type: 'Opaque',
  data: Object.fromEntries([...keys].map(([peer, held]) => [peer, Buffer.from(printPairKey(held)).toString('base64')])),
})

/** Ids alone: they are public. */
function tell(before: PairKeys, after: PairKeys, log: Logger): void {
  for (const [peer, { id, use, epoch, other }] of after) {
    const had = before.get(peer)
    if (had?.id !== id || had.use !== use) log.info({ peer, id, use, epoch }, 'the key of a pair changed')
    if (had?.other?.id === other?.id) continue
    if (other?.at === 'Next') log.info({ peer, id, next: other.id }, 'the key of a pair is being changed')
    else if (other === undefined) log.info({ peer, id, former: had?.other?.id }, 'the former key of a pair is gone')
  }
  for (const [peer, { id }] of before) if (!after.has(peer)) log.info({ peer, id }, 'the key of a pair is gone')
}
