// Which key each pair of clusters with us in it has, and whether cables may still go without. The other operator decides the same for
// itself and asks nobody: both derive the same key, and a key is required only once nobody is left who does not hold it.
//
//   (no key) ──the other is admitted──► Offered ──all gateways of both announce its id──► Required
//      ▲                                   ▲                                                 │
//      └──it left, or is in quarantine─────┴──────────either has another identity────────────┘
import type { Allocation } from '#crds/allocation.ts'
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import type { HeldPairKey } from '#lib/identity/pair-key.ts'
import { derivePairKey, parsePairKey } from '#lib/identity/pair-key.ts'
import type { Secret } from '#lib/kube/kinds.ts'
import type { PrivateKey } from '#lib/net/keys.ts'

/** By the other cluster's id. */
export type PairKeys = ReadonlyMap<string, HeldPairKey>

export type PairKeysSeen = {
  readonly clusterID: string
  /** Our own, of `tombolo-identity`. */
  readonly agreementKey: PrivateKey
  /** All that were brought from the broker, our own among them. */
  readonly allocations: readonly Allocation[]
  /** Our own and those of the others. */
  readonly endpoints: readonly GatewayEndpoint[]
  readonly held: PairKeys
}

/** Of all pairs the same: two identities have one key, and another identity is how a pair gets another. */
const epoch = 1

/** Whoever names an agreement key that is none, or ours, gets no key, and so no cable that goes with one. */
export function planPairKeys(seen: PairKeysSeen): PairKeys {
  const { clusterID, agreementKey, allocations, held } = seen
  if (allocations.some(({ spec }) => spec.clusterID === clusterID && spec.state === 'Quarantined')) return new Map()
  return new Map(
    allocations.flatMap(({ spec }) => {
      if (spec.clusterID === clusterID || spec.state === 'Quarantined' || spec.identity === undefined) return []
      const peer = { clusterID: spec.clusterID, agreementKey: spec.identity.agreementKey }
      const derived = derivePairKey({ clusterID, agreementKey }, peer, epoch)
      if (!derived.ok) return []
      const { id } = derived.value
      const before = held.get(peer.clusterID)
      // Once required it stays so, whatever anybody announces later: otherwise who can write an announcement could take the key away.
      const stands = before?.id === id && before.use === 'Required'
      return [[peer.clusterID, { ...derived.value, use: stands || isWithAll(id, peer.clusterID, seen) ? 'Required' : 'Offered' }]]
    }),
  )
}

function isWithAll(id: string, peer: string, { clusterID, endpoints }: PairKeysSeen): boolean {
  const announce = (of: string, to: string) => {
    const gateways = endpoints.filter(({ spec }) => spec.clusterID === of)
    const says = ({ spec }: GatewayEndpoint) => spec.wireguard.pairKeys?.some((k) => k.clusterID === to && k.id === id) === true
    return gateways.length > 0 && gateways.every(says)
  }
  return announce(clusterID, peer) && announce(peer, clusterID)
}

/** What is no key is passed over: the next writing replaces it. */
export function readPairKeys(secret: Pick<Secret, 'data'> | undefined): PairKeys {
  return new Map(
    Object.entries(secret?.data ?? {}).flatMap(([peer, text]) => {
      const key = parsePairKey(Buffer.from(text, 'base64').toString('utf8'))
      return key.ok ? [[peer, key.value] as const] : []
    }),
  )
}
