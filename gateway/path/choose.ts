// Which way the packets of one cable take: straight to one of the far gateway's addresses, or through a relay. Pure.
//
//   Direct ── the pulse falls silent, or none came for `patienceMs` ──► Relay        (no relay: the next address, after `tryMs`)
//   Relay ── an address answers a probe, or the peer's packets come straight ──► Direct
//
// What counts is the pulse, which only the holder of the far key can send. An answer to a probe is a reason to try, no proof: if the pulse
// does not follow it, the cable goes back, and the next try waits a little longer: whoever lets UDP through sees it taken within 30 s.
import type { Candidate } from '../cable/driver.ts'
import { addressText } from '../cable/driver.ts'

export type Way = { readonly to: 'address'; readonly at: Candidate } | { readonly to: 'relay'; readonly name: string }

/** Times in ms on the monotonic clock. */
export type Evidence = {
  readonly now: number
  /** By the pulse, whichever way it came. */
  readonly link: 'Connecting' | 'Connected' | 'Error'
  /** Where WireGuard sends now: where authenticated packets came from last, if it was not told otherwise since. */
  readonly at: Way | undefined
  /** Best first. */
  readonly addresses: readonly [Candidate, ...Candidate[]]
  /** Those that both ends are connected to. */
  readonly relays: readonly { readonly name: string; readonly rttMs: number }[]
  /** What a probe brought. */
  readonly answered: Candidate | undefined
  /** Of the two ends one, told by their keys, chooses between relays. */
  readonly leads: boolean
}

export const reasons = {
  FirstTry: 'the first of its addresses; none has answered yet',
  NextTry: 'the addresses before it did not answer',
  Answers: 'packets pass straight between the two gateways',
  Silent:
    'no packet passes straight between the two gateways: UDP is blocked on the way, or both are behind NAT that does not let it in',
  FellSilent: 'packets passed straight and do no more',
  PeerCame: 'the far gateway sends this way',
  Nearer: 'this relay is nearer than the other',
  NextRelay: 'the relay before it is gone, or carried nothing',
} as const
export type PathReason = keyof typeof reasons

/** Over this relay the cable did not come up, or fell silent. `until`: so long another one is taken, if there is one. */
export type RelayFailure = { readonly name: string; readonly times: number; readonly until: number }

export type Standing = {
  readonly way: Way
  readonly reason: PathReason
  readonly since: number
  /** Not before this is a direct way tried. */
  readonly probeAt: number
  /** How often in a row one that had answered carried nothing. */
  readonly failed: number
  readonly relaysFailed: readonly RelayFailure[]
}

/** `steer`: WireGuard is to be told where to send. `probe`: what is sent through the relay is to go straight to all addresses as well, for `probeMs`. */
export type Choice = { readonly standing: Standing; readonly do: 'stay' | 'steer' | 'probe' }

export const pathTiming = {
  /** So long may an address take to answer for the first time before a relay is used: most need a round trip. */
  patienceMs: 2_000,
  /** WireGuard repeats a handshake after 5 s, so that each address gets one. */
  tryMs: 6_000,
  /** A way just taken gets so long until its silence counts: the pulse is said to be silent 1.5 s after the last one came. */
  settleMs: 2_500,
  /** So long after that what comes to the door that was left is let go, rather than held and handed on. */
  closingMs: 500,
  probeEveryMs: 15_000,
  /** After direct ways that had answered and carried nothing, each of which costs a silence. */
  mostProbeEveryMs: 25_000,
  probeMs: 1_000,
  /** A direct way that has held for so long is not one that failed. */
  provenMs: 60_000,
  /** A relay that failed is not chosen for so long, and twice as long each time again, to the most; it is forgotten so long after that. */
  relayRetryMs: 120_000,
  mostRelayRetryMs: 3_840_000,
  /** Another relay must be so much nearer, in share and in ms, and this one so old. */
  nearerBy: 0.25,
  nearerByMs: 10,
} as const

export const sameWay = (a: Way | undefined, b: Way): boolean =>
  a?.to === 'relay' ? b.to === 'relay' && a.name === b.name : b.to === 'address' && a !== undefined && sameAddress(a.at, b.at)

export const sameAddress = (a: Candidate, b: Candidate): boolean => addressText(a) === addressText(b)

export const firstWay = ([first]: Evidence['addresses'], now: number): Standing => ({
  way: { to: 'address', at: first },
  reason: 'FirstTry',
  since: now,
  probeAt: now,
  failed: 0,
  relaysFailed: [],
})

export function choose(standing: Standing, seen: Evidence): Choice {
  return standing.way.to === 'relay' ? onRelay(standing, standing.way.name, seen) : straight(standing, standing.way.at, seen)
}

function straight(standing: Standing, at: Candidate, seen: Evidence): Choice {
  const { now, link, addresses, relays } = seen
  const age = now - standing.since
  if (link === 'Connected') {
    // Just taken: what was on its way through the relay when we left it has us follow it back.
    if (seen.at?.to === 'relay' && age < pathTiming.settleMs + pathTiming.closingMs) return { standing, do: 'steer' }
    // The far end hears nothing of us straight, or does not know better yet.
    if (seen.at?.to === 'relay') return stay({ ...standing, way: seen.at, reason: 'PeerCame', ...relayedFrom(standing, seen) })
    const way = seen.at ?? standing.way
    const isProven = age >= pathTiming.provenMs && standing.failed > 0
    if (!sameWay(way, standing.way)) return stay({ ...standing, way, reason: 'Answers' })
    return standing.reason === 'Answers' && !isProven
      ? stay(standing)
      : stay({ ...standing, reason: 'Answers', failed: isProven ? 0 : standing.failed })
  }
  const had = standing.reason === 'Answers' || standing.reason === 'PeerCame'
  const patience = had ? pathTiming.settleMs : pathTiming.patienceMs
  const isSilent = link === 'Error' && had ? age >= pathTiming.settleMs : age >= patience
  const relay = best(relays, standing.relaysFailed, now)
  if (isSilent && relay !== undefined)
    return steer({ ...standing, way: through(relay), reason: had ? 'FellSilent' : 'Silent', ...relayedFrom(standing, seen) })
  if (age < pathTiming.tryMs || addresses.length === 1) {
    // Of one address that is not the one we have, there is nothing to wait for.
    return addresses.some((a) => sameAddress(a, at)) ? stay(standing) : steer({ ...standing, ...next(at, seen) })
  }
  return steer({ ...standing, ...next(at, seen) })
}

function onRelay(standing: Standing, name: string, seen: Evidence): Choice {
  const { now, link, relays, answered } = seen
  const age = now - standing.since
  if (link === 'Connected' && seen.at?.to === 'address' && age >= pathTiming.settleMs)
    return stay({ ...standing, way: seen.at, reason: 'Answers', since: now })
  if (answered !== undefined) return steer({ ...standing, way: { to: 'address', at: answered }, reason: 'Answers', since: now })
  const current = relays.find((r) => r.name === name)
  const others = relays.filter((r) => r.name !== name && !isFailed(r, standing.relaysFailed, now))
  const relay = best(others, [], now)
  // It was only looked whether packets pass, and they do not.
  if (current !== undefined && link !== 'Connected' && seen.at?.to === 'address' && age >= pathTiming.settleMs)
    return { standing, do: 'steer' }
  const isDead = current === undefined || (link !== 'Connected' && age >= pathTiming.tryMs)
  if (isDead) {
    const relaysFailed = current === undefined ? standing.relaysFailed : withFailure(name, standing.relaysFailed, now)
    if (relay === undefined) return steer({ ...standing, relaysFailed, ...next(undefined, seen) })
    return steer({ ...standing, relaysFailed, way: through(relay), reason: 'NextRelay', since: now })
  }
  if (link === 'Connected' && seen.at?.to === 'relay' && seen.at.name !== name) {
    if (!seen.leads) return stay({ ...standing, way: seen.at, reason: 'PeerCame' })
    // The far end answers where it hears us: through this one it does not.
    if (age >= pathTiming.tryMs) {
      const relaysFailed = withFailure(name, standing.relaysFailed, now)
      return stay({ ...standing, relaysFailed, way: seen.at, reason: 'NextRelay', since: now })
    }
    if (age >= pathTiming.settleMs) return { standing, do: 'steer' }
  }
  if (relay !== undefined && seen.leads && age >= pathTiming.provenMs && isNearer(relay, current))
    return steer({ ...standing, way: through(relay), reason: 'Nearer', since: now })
  if (now < standing.probeAt) return stay(standing)
  return { standing: { ...standing, probeAt: nextProbe(standing.failed, now) }, do: 'probe' }
}

const stay = (standing: Standing): Choice => ({ standing, do: 'stay' })
const steer = (standing: Standing): Choice => ({ standing, do: 'steer' })

/** A direct way that was taken because it had answered, and did not hold, has failed. */
function relayedFrom(
  { since, failed, way, reason }: Standing,
  { now }: Evidence,
): Pick<Standing, 'since' | 'probeAt' | 'failed'> {
  const brief = way.to === 'address' && reason === 'Answers' && now - since < pathTiming.provenMs
  const times = brief ? failed + 1 : 0
  return { since: now, failed: times, probeAt: nextProbe(times, now) }
}

const nextProbe = (failed: number, now: number): number =>
  now + Math.min(pathTiming.probeEveryMs * 2 ** Math.max(0, failed - 1), pathTiming.mostProbeEveryMs)

/** The address after `at`, or the first. */
function next(at: Candidate | undefined, { addresses, now }: Evidence): Pick<Standing, 'way' | 'reason' | 'since'> {
  const index = at === undefined ? -1 : addresses.findIndex((a) => sameAddress(a, at))
  const address = addresses[(index + 1) % addresses.length] ?? addresses[0]
  return { way: { to: 'address', at: address }, reason: 'NextTry', since: now }
}

type Relay = Evidence['relays'][number]
type Failures = Standing['relaysFailed']

/** The nearest of those that have not failed; where all have, the one whose time is over first, as any may work again. */
const best = (relays: readonly Relay[], failed: Failures, now: number): Relay | undefined =>
  relays.toSorted(
    (a, b) => failedUntil(a, failed, now) - failedUntil(b, failed, now) || a.rttMs - b.rttMs || (a.name < b.name ? -1 : 1),
  )[0]

const failedUntil = ({ name }: Relay, failed: Failures, now: number): number =>
  failed.find((f) => f.name === name && f.until > now)?.until ?? 0
const isFailed = (relay: Relay, failed: Failures, now: number): boolean => failedUntil(relay, failed, now) > 0

/** That it worked for a while is no reason to forget: one may work just so long as to be chosen. */
function withFailure(name: string, before: Failures, now: number): Failures {
  const { relayRetryMs, mostRelayRetryMs } = pathTiming
  const kept = before.filter(({ until }) => now < until + mostRelayRetryMs)
  const times = (kept.find((f) => f.name === name)?.times ?? 0) + 1
  const until = now + Math.min(relayRetryMs * 2 ** (times - 1), mostRelayRetryMs)
  return [...kept.filter((f) => f.name !== name), { name, times, until }]
}

const through = ({ name }: { readonly name: string }): Way => ({ to: 'relay', name })

const isNearer = (other: { readonly rttMs: number }, { rttMs }: { readonly rttMs: number }): boolean =>
  other.rttMs < rttMs * (1 - pathTiming.nearerBy) && other.rttMs < rttMs - pathTiming.nearerByMs
