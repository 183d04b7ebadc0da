// From the connections that are wanted and what charon has, to what it must be told. Pure. charon is never left to begin, repeat or replace
// a session by itself: it would do so by names and clocks of one end, and both ends have to come to the same.
//
//   no session ── the end with the lower key calls, the other after a while ──► session ── children the same way ──► up
//   the connection changed (an address, a certificate) ── new session ── its children up ──► the old one ends
//   what is carried changed ── new child ── up ──► the old one ends
import { isDeepStrictEqual } from 'node:util'
import type { CIDR } from '#lib/net/cidr.ts'
import { contains } from '#lib/net/cidr.ts'
import type { PublicKey } from '#lib/net/keys.ts'
import type { Connection, Selectors } from './connection.ts'
import { readName } from './connection.ts'
import type { ChildState, FoundConnection, SessionState } from './reading.ts'

/**
 * `forget`: all certificates and keys, before the connections are loaded. charon keeps those of connections that are gone, and of two
 * with one key and one name it would know the gateway by the older. What is up stays up.
 */
export type ConnectionPlan = {
  readonly unload: readonly string[]
  readonly forget: boolean
  readonly load: readonly Connection[]
}

/** Nobody else speaks with our charon: what is not wanted goes, whoever brought it. */
export function planConnections(want: readonly Connection[], have: readonly FoundConnection[]): ConnectionPlan {
  const there = new Map(have.map((h) => [h.name, h]))
  const wanted = new Set(want.map((w) => w.name))
  const unload = have.map((h) => h.name).filter((name) => !wanted.has(name))
  const forget = unload.length > 0
  return { unload, forget, load: want.filter((w) => forget || !isDeepStrictEqual(there.get(w.name)?.children, w.children)) }
}

export type SessionStep =
  /** Without a child: a session alone. */
  | { readonly do: 'initiate'; readonly connection: string; readonly child?: string }
  | { readonly do: 'end session' | 'end child'; readonly id: string }

/** What is not there: since when, how often it was tried, and when last. Times in ms on one clock. */
export type Wait = { readonly since: number; readonly tries: number; readonly triedAt: number }

export type SessionFacts = {
  readonly us: PublicKey
  readonly want: readonly Connection[]
  readonly sessions: readonly SessionState[]
  /** By connection, or connection and child. */
  readonly waits: ReadonlyMap<string, Wait>
  readonly now: number
}
export type SessionPlan = {
  readonly steps: readonly SessionStep[]
  /** Empty once nothing is missing. */
  readonly waits: ReadonlyMap<string, Wait>
  /** When to look again, should charon tell of nothing before; Infinity: it will. */
  readonly againMs: number
}

/** How long the end that is called waits before it calls: longer than a handshake takes as a rule. */
const patienceMs = { session: 500, child: 150 } as const
const retryMs = { first: 500, most: 10_000 } as const
/** So long at most is carried what is no longer wanted there, while the child is agreed on that replaces it, here or with another gateway. */
export const replaceMs = 500
/** Of two that are as good the newer one stays, and of two of about the same age the one that both ends choose alike. */
const sameAgeSeconds = 2
/** So long a second session may be there: the other end may have more reason for it than we know, and then ends the first. */
const settleSeconds = 3

export function planSessions(facts: SessionFacts): SessionPlan {
  const { now } = facts
  const waits = new Map<string, Wait>()
  let againMs = Infinity
  const miss: Miss = (key, patience) => {
    const before = facts.waits.get(key) ?? { since: now, tries: 0, triedAt: now }
    const pauseAfter = (tries: number) => (tries === 0 ? patience : Math.min(retryMs.first * 2 ** (tries - 1), retryMs.most))
    const due = now - before.triedAt >= pauseAfter(before.tries)
    const after = due ? { ...before, tries: before.tries + 1, triedAt: now } : before
    waits.set(key, after)
    const [ms, toReplace] = [now - before.since, before.since + replaceMs - now]
    againMs = Math.min(againMs, after.triedAt + pauseAfter(after.tries) - now, toReplace > 0 ? toReplace : Infinity)
    return { due, ms }
  }
  const moving = comingBlocks(facts)
  const wanted = new Set(facts.want.map(({ name }) => readName(name)?.publicKey))
  const strangers = facts.sessions.filter((s) => !isGoing(s.state) && !wanted.has(readName(s.connection)?.publicKey))
  const steps = [
    ...facts.want.flatMap((connection) => sessionSteps(connection, facts, moving, miss)),
    // Half-open ones have no name yet.
    ...strangers.filter((s) => readName(s.connection) !== undefined).map(endSession),
  ]
  // Of a child that is refused charon tells nothing.
  return { steps, waits, againMs: waits.size === 0 ? Infinity : Math.min(againMs, retryMs.first) }
}

/**
 * Notes that something is missing, and for how long it has been. `due`: it is our turn to make it; then it counts as tried. With a
 * `patience` of Infinity it is only waited for, as long as nobody has tried.
 */
type Miss = (key: string, patience: number) => { readonly due: boolean; readonly ms: number }

/** What is wanted of some gateway and not carried to it yet. */
const comingBlocks = ({ want, sessions }: Pick<SessionFacts, 'want' | 'sessions'>): readonly string[] =>
  want.flatMap((connection) =>
    [...connection.children].flatMap(([child, selectors]) =>
      sessions.some((s) => s.connection === connection.name && s.children.some((c) => c.name === child && isUp(c)))
        ? []
        : selectors.remote,
    ),
  )

/** Whether something that is wanted of one gateway is carried to another until its child is there. */
export function isMoving(facts: Pick<SessionFacts, 'want' | 'sessions'>): boolean {
  const coming = comingBlocks(facts)
  const wanted = new Map(facts.want.map(({ name, children }) => [name, children]))
  return facts.sessions.some(({ connection, children }) =>
    children.some((c) => isUp(c) && wanted.get(connection)?.has(c.name) !== true && c.remote.some((b) => coming.includes(b))),
  )
}

function sessionSteps(
  connection: Connection,
  { us, sessions }: SessionFacts,
  moving: readonly string[],
  miss: Miss,
): readonly SessionStep[] {
  const name = readName(connection.name)
  const ofPeer = sessions.filter((s) => readName(s.connection)?.publicKey === name?.publicKey && !isGoing(s.state))
  const ofName = ofPeer.filter((s) => s.connection === connection.name)
  // One that another key was good for, or that carries more than it may, must not wait until its successor has come up.
  const mayNot = ofPeer.filter(
    (s) =>
      readName(s.connection)?.certified !== name?.certified ||
      (!ofName.includes(s) && s.children.some((c) => isUp(c) && !isCarried(c, connection))),
  )
  const weCall = name !== undefined && us < name.publicKey

  // charon puts a new child onto any session of the connection: one that carries all comes before one that is newer.
  const up = ofName.filter(isUp)
  const whole = up.filter((s) =>
    [...connection.children.keys()].every((child) => s.children.some((c) => c.name === child && isUp(c))),
  )
  const current = best(whole.length > 0 ? whole : up, (s) => s.spi)
  if (current === undefined) {
    const calling = ofName.length > 0
    const due = !calling && miss(connection.name, weCall ? 0 : patienceMs.session).due
    const useless = ofPeer.filter((s) => !ofName.includes(s) && !isUp(s))
    return [...new Set([...mayNot, ...useless])]
      .map(endSession)
      .concat(due ? [{ do: 'initiate', connection: connection.name }] : [])
  }

  const children = [...connection.children].map(([child, selectors]) =>
    childPlan(connection.name, child, selectors, current, (key) =>
      // One request at a time: what is under way may be just this.
      miss(key, current.busy ? Infinity : weCall ? 0 : patienceMs.child),
    ),
  )
  const complete = children.every(({ up }) => up)
  const others = ofPeer.filter((s) => s !== current)
  // Also where none carries all: charon may put every child onto another.
  const ends = others.filter(
    (s) => mayNot.includes(s) || (ofName.includes(s) ? isUp(s) && s.ageSeconds >= settleSeconds : complete),
  )
  if (others.length > ends.length) miss(`${connection.name} settles`, Infinity)
  return [
    ...children.flatMap(({ steps }) => steps),
    ...current.children
      .filter((c) => c.state === 'INSTALLED' && !connection.children.has(c.name))
      // An address that stays wanted is not without an owner while it moves.
      .filter(
        (c) => !c.remote.every((block) => moving.includes(block)) || miss(`${connection.name} ${c.id}`, Infinity).ms >= replaceMs,
      )
      .map(endChild),
    ...ends.map(endSession),
  ]
}

function childPlan(
  connection: string,
  child: string,
  want: Selectors,
  { children }: SessionState,
  miss: (key: string) => ReturnType<Miss>,
): { readonly up: boolean; readonly steps: readonly SessionStep[] } {
  const up = children.filter((c) => c.name === child && isUp(c))
  const whole = best(
    up.filter((c) => isDeepStrictEqual([c.local, c.remote], [want.local, want.remote])),
    (c) => c.spis,
  )
  // Less than was asked for: the other end was not told of all yet. Good for what it carries.
  const kept =
    whole ??
    best(
      up.filter((c) => isWithin(c, want)),
      (c) => c.spis,
    )
  const missed = whole === undefined ? miss(`${connection} ${child}`) : undefined
  const mayEnd = kept !== undefined || (missed?.ms ?? 0) >= replaceMs
  return {
    up: kept !== undefined,
    steps: [
      ...(missed?.due === true ? [{ do: 'initiate', connection, child } as const] : []),
      ...up.filter((c) => c !== kept && c.state === 'INSTALLED' && mayEnd).map(endChild),
      ...children.filter((c) => c.name === child && c.state === 'LOST').map(endChild),
    ],
  }
}

const endSession = ({ id }: SessionState): SessionStep => ({ do: 'end session', id })
const endChild = ({ id }: ChildState): SessionStep => ({ do: 'end child', id })

/** Carries packets: also while its successor is agreed on. */
export const isUp = ({ state }: { readonly state: string }): boolean => ['ESTABLISHED', 'INSTALLED', 'REKEYING'].includes(state)
const isGoing = (state: string): boolean => ['REKEYED', 'DELETING', 'DELETED', 'DESTROYING'].includes(state)

function isWithin(child: Selectors, want: Selectors): boolean {
  const within = (some: readonly string[], all: readonly string[]) =>
    some.every((block) => all.some((whole) => contains(whole as CIDR, block)))
  return within(child.local, want.local) && within(child.remote, want.remote)
}

const isCarried = (child: ChildState, { children }: Connection): boolean => {
  const want = children.get(child.name)
  return want !== undefined && isWithin(child, want)
}

function best<T extends { readonly ageSeconds: number }>(of: readonly T[], alike: (item: T) => string): T | undefined {
  const youngest = Math.min(...of.map((item) => item.ageSeconds))
  return of.filter((item) => item.ageSeconds < youngest + sameAgeSeconds).toSorted((a, b) => (alike(a) < alike(b) ? -1 : 1))[0]
}
