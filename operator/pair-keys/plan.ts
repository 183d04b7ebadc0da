// Which key each pair of clusters with us in it has, and whether cables may still go without. The other operator decides the same for
// itself and asks nobody: both derive the same key, and a key is required only once nobody is left who does not hold it.
//
//   (no key) ──the other is admitted──► Offered ──all gateways of both announce its id──► Required
//      ▲                                   ▲                                                 │
//      └──it left, or is in quarantine─────┴──────────either has another identity────────────┘
//
// A required key is changed for the next, which is that of the next epoch, when it is old, a person asks, or the other side has begun:
//
//   e alone ──due──► e, and e + 1 as Next ──all gateways of both announce e + 1──► e + 1, and e as Former ──all announce e + 1 first──► e + 1 alone
//
// Next goes out before anybody uses it, and Former goes when everybody uses the new one: at each step any two gateways have one in common.
import type { Allocation } from '#crds/allocation.ts'
import type { AnnouncedPairKey, GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { maxEpoch } from '#crds/gateway-endpoint.ts'
import { pairKeyNotesAnnotation } from '#crds/places.ts'
import type { HeldPairKey, OtherPairKey, PairKey } from '#lib/identity/pair-key.ts'
import { derivePairKey, parsePairKey } from '#lib/identity/pair-key.ts'
import type { Secret } from '#lib/kube/kinds.ts'
import type { PrivateKey } from '#lib/net/keys.ts'

/** `since`: when it was first used here, ms since the epoch of Unix. `asked`: the last request for another key that it, or the one that comes, answers. */
export type KeptPairKey = HeldPairKey & { readonly since: number; readonly asked: string | undefined }

/** By the other cluster's id. */
export type PairKeys = ReadonlyMap<string, KeptPairKey>

export type PairKeysSeen = {
  readonly clusterID: string
  /** Our own, of `tombolo-identity`. */
  readonly agreementKey: PrivateKey
  /** All that were brought from the broker, our own among them. */
  readonly allocations: readonly Allocation[]
  /** Our own and those of the others. */
  readonly endpoints: readonly GatewayEndpoint[]
  readonly held: PairKeys
  /** What a person last asked for other keys with; undefined: nobody ever did. */
  readonly asked: string | undefined
  /** A key is changed when it has been used for so many days; 0: never for that. */
  readonly days: number
  /** ms since the epoch of Unix. A clock that jumps makes a key change too early or too late, and nothing else: no step waits for time. */
  readonly now: number
}

const dayMs = 86_400_000
/** What a Membership means that does not say. */
export const usualDays = 30

/** Whoever names an agreement key that is none, or ours, gets no key, and so no cable that goes with one. */
export function planPairKeys(seen: PairKeysSeen): PairKeys {
  const { clusterID, agreementKey, allocations, held } = seen
  if (allocations.some(({ spec }) => spec.clusterID === clusterID && spec.state === 'Quarantined')) return new Map()
  return new Map(
    allocations.flatMap(({ spec }) => {
      if (spec.clusterID === clusterID || spec.state === 'Quarantined' || spec.identity === undefined) return []
      const peer = { clusterID: spec.clusterID, agreementKey: spec.identity.agreementKey }
      const derive = (epoch: number): PairKey | undefined => {
        const derived = derivePairKey({ clusterID, agreementKey }, peer, epoch)
        return derived.ok ? derived.value : undefined
      }
      const key = planPairKey(held.get(peer.clusterID), derive, wordsOf(peer.clusterID, seen), seen)
      return key === undefined ? [] : [[peer.clusterID, key]]
    }),
  )
}

/** What the gateways of both sides announce for the pair; undefined: one announces nothing. */
type Words = { readonly ours: readonly (AnnouncedPairKey | undefined)[]; readonly theirs: Words['ours'] }

function wordsOf(peer: string, { clusterID, endpoints }: PairKeysSeen): Words {
  const said = (of: string, to: string) =>
    endpoints
      .filter(({ spec }) => spec.clusterID === of)
      .map(({ spec }) => spec.wireguard.pairKeys?.find((k) => k.clusterID === to))
  return { ours: said(clusterID, peer), theirs: said(peer, clusterID) }
}

const all = ({ ours, theirs }: Words, says: (word: AnnouncedPairKey) => boolean): boolean =>
  [ours, theirs].every((side) => side.length > 0 && side.every((word) => word !== undefined && says(word)))

function planPairKey(
  before: KeptPairKey | undefined,
  derive: (epoch: number) => PairKey | undefined,
  words: Words,
  { asked, days, now }: PairKeysSeen,
): KeptPairKey | undefined {
  const isSame = before !== undefined && derive(before.epoch)?.id === before.id
  // Another identity begins at 1, as what is announced of the one before is no key of this one.
  const at = isSame ? before.epoch : 1
  const ahead = Math.max(1, ...words.theirs.map((word) => epochOf(word, at, derive)))
  if (!isSame || isLost(before, ahead)) {
    const epoch = Math.max(at, ahead)
    const key = derive(epoch)
    if (key === undefined) return undefined
    // Once required it stays so, whatever anybody announces later: otherwise who can write an announcement could take the key away.
    const stands = (isSame && before.use === 'Required') || all(words, ({ id }) => id === key.id)
    return { ...key, epoch, use: stands ? 'Required' : 'Offered', since: now, asked }
  }
  const { other, ...alone } = before
  if (before.use === 'Offered') return all(words, ({ id }) => id === before.id) ? { ...before, use: 'Required' } : before
  switch (other?.at) {
    case undefined: {
      const isDue = (asked !== undefined && before.asked !== asked) || (days > 0 && now - before.since >= days * dayMs)
      // A next one that they prepare, or use already, is the same as ours.
      const isNews = words.theirs.some((word) => word !== undefined && (word.next !== undefined || word.id !== before.id))
      const next = (isDue || isNews) && before.epoch < maxEpoch ? derive(before.epoch + 1) : undefined
      const begun = words.theirs.some((word) => word?.id === next?.id || word?.next === next?.id)
      return next !== undefined && (isDue || begun)
        ? { ...before, asked: asked ?? before.asked, other: { at: 'Next', ...next } }
        : before
    }
    case 'Next': {
      if (!all(words, ({ id, next }) => id === other.id || next === other.id)) return before
      const former: OtherPairKey = { at: 'Former', id: before.id, key: before.key }
      return { ...alone, id: other.id, key: other.key, epoch: before.epoch + 1, since: now, other: former }
    }
    case 'Former':
      return all(words, ({ id }) => id === before.id) ? alone : before
  }
}

/**
 * Whether the other side is where it cannot be if both remember: then what we have is an old copy, and none of its keys is held there. A
 * key that is only offered follows at once, since no cable counts on it.
 */
const isLost = ({ use, epoch }: HeldPairKey, ahead: number): boolean => ahead > (use === 'Offered' ? epoch : epoch + 1)

/** Further ahead than this nobody is followed: a peer could use up all epochs at once. */
const mostAhead = 1_000

/** The epoch that is announced, where there is such a key and it is not too far from `at`; else 1. */
function epochOf(word: AnnouncedPairKey | undefined, at: number, derive: (epoch: number) => PairKey | undefined): number {
  const epoch = word?.epoch ?? 1
  return epoch > at && epoch <= at + mostAhead && derive(epoch)?.id === word?.id ? epoch : 1
}

/** When the first of those that can be changed by age will be old; undefined: none will. */
export function firstDue(keys: PairKeys, days: number): number | undefined {
  const ageing = [...keys.values()].filter((k) => k.use === 'Required' && k.other === undefined && k.epoch < maxEpoch)
  return days === 0 || ageing.length === 0 ? undefined : Math.min(...ageing.map(({ since }) => since)) + days * dayMs
}

// ── In the Secret ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** By the other cluster's id; public. */
type Notes = Readonly<Record<string, { readonly since?: string; readonly asked?: string }>>

export const printNotes = (keys: PairKeys): string => {
  const notes: Notes = Object.fromEntries(
    [...keys].map(([peer, { since, asked }]) => [
      peer,
      { since: new Date(since).toISOString(), ...(asked === undefined ? {} : { asked }) },
    ]),
  )
  return JSON.stringify(notes)
}

/** What is no key is passed over: the next writing replaces it. A key without notes, of a version that made none, is `now` begun to be used. */
export function readPairKeys(secret: (Pick<Secret, 'data'> & Partial<Secret>) | undefined, now: number): PairKeys {
  const read = readNotes(secret?.metadata?.annotations?.[pairKeyNotesAnnotation])
  return new Map(
    Object.entries(secret?.data ?? {}).flatMap(([peer, text]) => {
      const key = parsePairKey(Buffer.from(text, 'base64').toString('utf8'))
      const since = Date.parse(read[peer]?.since ?? '')
      const kept = { since: Number.isNaN(since) ? now : since, asked: read[peer]?.asked }
      return key.ok ? [[peer, { ...key.value, ...kept }] as const] : []
    }),
  )
}

function readNotes(text: string | undefined): Notes {
  try {
    const notes: unknown = JSON.parse(text ?? '{}')
    return typeof notes === 'object' && notes !== null ? (notes as Notes) : {}
  } catch {
    return {}
  }
}
