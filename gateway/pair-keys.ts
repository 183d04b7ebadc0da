// Which key of a pair of clusters goes onto a cable, and when. Both gateways come to the same answer within the time that an announcement
// takes, and a session that runs is not ended by it: so nothing is lost when a key is introduced.
//
//   operator east: key of (east, west) ── Secret ──► gateway east: announces its id ──► gateway west sees both ids: uses the key
//   operator west: the same key        ── Secret ──► gateway west: announces its id ──► gateway east sees both ids: uses the key
//   once every gateway of both has announced it, the operators require it: from then on there is no cable without
//
// The next key comes in the same way beside the one that is used (operator/pair-keys/plan.ts), and either end turns to it when it knows that both
// hold it. Between the one end's turn and the other's no new session could begin; none has to, as a session lasts a minute longer than it must.
import type { AnnouncedPairKey } from '#crds/gateway-endpoint.ts'
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

/** The ids that a gateway says it holds keys of, for one pair. */
export const heldIDs = ({ id, next }: AnnouncedPairKey): readonly string[] => (next === undefined ? [id] : [id, next])

/** As others shall read it, by their cluster's id. */
export const announcementOf = (keys: PairKeys): readonly AnnouncedPairKey[] =>
  [...keys]
    .map(([peer, { id, epoch, other }]) => ({
      clusterID: peer as AnnouncedPairKey['clusterID'],
      id,
      ...(epoch === 1 ? {} : { epoch }),
      ...(other?.at === 'Next' ? { next: other.id } : {}),
    }))
    .toSorted((a, b) => (a.clusterID < b.clusterID ? -1 : 1))

/** How a cable's handshakes go: as they should, or not for longer than they should take. */
export type Handshakes = 'Well' | 'Overdue'

/**
 * The key for a cable: the newest that both ends announced. While the handshakes do not go well, the one before: the other end may not have
 * heard of the newest, and both hold that one until every gateway of both uses the newest. `ours` and `theirs`: the ids each end announced.
 */
export function keyFor(
  held: HeldPairKey | undefined,
  ours: readonly string[],
  theirs: readonly string[],
  handshakes: Handshakes = 'Well',
): PresharedKey | undefined {
  if (held === undefined) return undefined
  const { use, key, other } = held
  const isWithBoth = (id: string) => ours.includes(id) && theirs.includes(id)
  if (use === 'Offered') return isWithBoth(held.id) ? key : undefined
  const comes = other?.at === 'Next' && isWithBoth(other.id)
  const [newest, before] = comes ? [other.key, key] : [key, other?.at === 'Former' ? other.key : undefined]
  return handshakes === 'Overdue' && before !== undefined ? before : newest
}

/** WireGuard makes a new session after 120 s, tries each 5 s if that fails, and the old one ends after 180 s. */
const overdueMs = 130_000
const endMs = 180_000
/** For each of the two keys two tries or more. Both ends count from the same handshake, so they change together. */
const turnMs = 10_000

/** `age`: ms since the last handshake; undefined if there was none. */
export const handshakesOf = (age: number | undefined): Handshakes =>
  age !== undefined && age >= overdueMs && age < endMs && Math.floor((age - overdueMs) / turnMs) % 2 === 0 ? 'Overdue' : 'Well'
