// Which key of a pair of clusters goes onto a cable, and when. Both gateways come to the same answer within the time that an announcement
// takes, and a session that runs is not ended by it: so nothing is lost when a key is introduced.
//
//   operator east: key of (east, west) ── Secret ──► gateway east: announces its id ──► gateway west sees both ids: uses the key
//   operator west: the same key        ── Secret ──► gateway west: announces its id ──► gateway east sees both ids: uses the key
//   once every gateway of both has announced it, the operators require it: from then on there is no cable without
import type { HeldPairKey } from '#lib/identity/pair-key.ts'
import { parsePairKey } from '#lib/identity/pair-key.ts'
import type { Secret } from '#lib/kube/kinds.ts'
import type { PresharedKey } from '#lib/net/keys.ts'
import { explain } from '#lib/std/result.ts'
import type { Refusal } from './admission.ts'

/** By the other cluster's id. */
export type PairKeys = ReadonlyMap<string, HeldPairKey>

/** What the Secret of the operator holds; no Secret is no key. */
export function pairKeysOf(secret: Pick<Secret, 'data'> | undefined): {
  readonly held: PairKeys
  readonly refused: readonly Refusal[]
} {
  const parsed = Object.entries(secret?.data ?? {}).map(([clusterID, text]) => ({
    clusterID,
    key: parsePairKey(Buffer.from(text, 'base64').toString('utf8')),
  }))
  return {
    held: new Map(parsed.flatMap(({ clusterID, key }) => (key.ok ? [[clusterID, key.value] as const] : []))),
    refused: parsed.flatMap(({ clusterID, key }) =>
      key.ok ? [] : [{ about: `the pair key of ${clusterID}`, says: explain(key.error) }],
    ),
  }
}

/** `ours` and `theirs`: the id that each end announced for this pair. */
export function keyFor(
  held: HeldPairKey | undefined,
  ours: string | undefined,
  theirs: string | undefined,
): PresharedKey | undefined {
  if (held === undefined) return undefined
  return held.use === 'Required' || (ours === held.id && theirs === held.id) ? held.key : undefined
}
