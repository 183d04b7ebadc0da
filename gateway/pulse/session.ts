// What is known of one peer from the pulses it sent. Pure: every function takes the session and the time and returns a new one.
//
//   Connecting ── a pulse that echoes ours ──► Connected ── none for `deadMs` ──► Error ── echo again ──► Connected
//        └────────────── none for `patienceMs` since the start ────────────────────►┘
import type { FaultReason } from '#crds/gateway-endpoint.ts'
import type { Claim } from '../engine.ts'
import type { Echo, Message } from './message.ts'

export type Timing = {
  /** Between two pulses. */
  readonly everyMs: number
  /** So long without proof that both directions work, and the path is dead. */
  readonly deadMs: number
  /** So long may the first proof take before a person should look. */
  readonly patienceMs: number
}

export const timing: Timing = { everyMs: 250, deadMs: 1500, patienceMs: 10_000 }

export type Session = {
  readonly startedAt: number
  /** The newest message and when it came. */
  readonly heard: { readonly message: Message; readonly at: number } | undefined
  /** Since when it has said with every message that it is cut off. */
  readonly cutOffSince: number | undefined
  /** When an echo last proved that this peer hears us. */
  readonly provedAt: number | undefined
  /** The last round trips, ms, newest first. */
  readonly trips: readonly number[]
  /** Which of the last `lossWindow` pulses of the peer came, newest first. */
  readonly arrivals: readonly boolean[]
  /** When the process that is heard was heard first. */
  readonly since: number
  /** When another one with the same key was heard last, which had begun earlier: one of them is a copy. */
  readonly doubledAt: number | undefined
  /** The peer takes another one with our key for us, which began later than we did. Stays so. */
  readonly displaced: boolean
}

export type LinkState =
  | { readonly state: 'Connecting' }
  | { readonly state: 'Connected'; readonly rttMs: number }
  | { readonly state: 'Error'; readonly reason: FaultReason; readonly message: string }

/** Ten seconds of pulses. */
const lossWindow = 40
/** A quarter of a minute of round trips. The shortest of them is the path's; what others took longer was spent in one of the two processes. */
const tripWindow = 60

export const newSession = (now: number): Session => ({
  startedAt: now,
  heard: undefined,
  cutOffSince: undefined,
  provedAt: undefined,
  trips: [],
  arrivals: [],
  since: now,
  doubledAt: undefined,
  displaced: false,
})

/** What one that ended has sent may be on its way so long. */
const lingerMs = 2_000
/** Whoever is displaced falls silent, so that there was a copy is said for as long as somebody should look. */
const doubledMs = 600_000
/** Two processes with one key begin at least so far apart; clocks and packets are not so exact. */
const apartMs = 500

export const isDoubled = ({ doubledAt }: Session, now: number): boolean => doubledAt !== undefined && now - doubledAt < doubledMs

/** Whether the peer knows by our key a process that began after this one; `sentAt` is on its own clock, which began with it. */
const isDisplacing = (echo: Echo | undefined, self: string, now: number): boolean =>
  echo !== undefined && echo.bootID !== self && now - echo.heldFor - echo.sentAt > apartMs

/** Whether the shortest round trip is the path's by now: the first are taken while everything else starts too. */
export const isMeasured = ({ trips }: Session): boolean => trips.length === tripWindow

/** `self` is our boot id: an echo of another one proves nothing about us. */
export function hear(session: Session, message: Message, self: string, now: number): Session {
  const { heard } = session
  const same = heard?.message.bootID === message.bootID
  // UDP may bring an old one late; it says nothing new.
  if (same && message.sequence <= heard.message.sequence) return session
  // Of two with one key the one that began later is right: a restart, or else a copy.
  const isOlder = heard !== undefined && !same && heard.at - heard.message.sentAt - (now - message.sentAt) > apartMs
  if (isOlder) return now - session.since > lingerMs ? { ...session, doubledAt: now } : session
  const rtt = message.echo?.bootID === self ? now - message.echo.sentAt - message.echo.heldFor : undefined
  const proves = rtt !== undefined && rtt >= 0 && rtt < timing.deadMs
  const missed = same ? Math.min(message.sequence - heard.message.sequence - 1, lossWindow) : 0
  const arrivals = [true, ...new Array<boolean>(missed).fill(false), ...(same ? session.arrivals : [])].slice(0, lossWindow)
  return {
    ...session,
    heard: { message, at: now },
    cutOffSince: message.cutOff ? ((same ? session.cutOffSince : undefined) ?? now) : undefined,
    provedAt: proves ? now : session.provedAt,
    trips: proves ? [rtt, ...session.trips].slice(0, tripWindow) : session.trips,
    arrivals,
    since: same ? session.since : now,
    displaced: session.displaced || isDisplacing(message.echo, self, now),
  }
}

/** What to tell the peer about what we heard from it. Too old an echo would only make its round trip look long. */
export function echoFor({ heard }: Session, now: number): Echo | undefined {
  if (heard === undefined || now - heard.at > timing.deadMs) return undefined
  return { bootID: heard.message.bootID, sentAt: heard.message.sentAt, heldFor: now - heard.at }
}

export function linkState(session: Session, now: number): LinkState {
  const { heard, provedAt, trips, startedAt } = session
  if (provedAt !== undefined && now - provedAt <= timing.deadMs) return { state: 'Connected', rttMs: Math.min(...trips) }
  if (provedAt === undefined && now - startedAt <= timing.patienceMs) return { state: 'Connecting' }
  if (heard !== undefined && now - heard.at <= timing.deadMs)
    return {
      state: 'Error',
      reason: 'OneWay',
      message: 'its packets arrive here, ours do not arrive there: check firewalls on the way to it',
    }
  const seconds = Math.floor((now - (heard?.at ?? startedAt)) / 1000)
  return {
    state: 'Error',
    reason: heard === undefined ? 'NothingHeard' : 'FellSilent',
    message:
      heard === undefined
        ? 'nothing was ever heard from it: check that UDP reaches its address and port, and ours'
        : `nothing heard from it for ${seconds < 60 ? 'some seconds' : 'more than a minute'}`,
  }
}

/** What the peer says of itself, while it can be believed: it may have changed since it went silent. */
export const claimOf = ({ heard }: Session): Claim | undefined => heard?.message.claim

/** Share of the peer's pulses that did not come, 0 to 1. */
export function lossOf({ arrivals }: Session): number {
  return arrivals.length === 0 ? 0 : arrivals.filter((came) => !came).length / arrivals.length
}
