// Leader election over a coordination.k8s.io Lease: of several candidates at most one believes that it leads.
//
//   leader    ──renew──renew──✗──✗──────┤ steps down: leaseSeconds after the last renewal *began*, by its own clock
//   follower  ··sees··sees··················├─ takes over: leaseSeconds after it last *saw* a renewal, by its own clock
//
// A renewal is seen after it began, so the leader is always out before a follower is in, without the clocks agreeing on
// the time of day; they must only run at the same pace. The times written in the Lease are for people. A caller that knows of an end from
// elsewhere (`gone`) gives that guarantee up for not having to wait.
import { within } from '#lib/std/deadline.ts'
import type { Cell } from '#lib/std/cell.ts'
import { pause } from '#lib/std/pause.ts'
import type { Kube } from './client.ts'
import { isAlreadyExists, isConflict } from './errors.ts'
import type { Lease } from './kinds.ts'
import { leases } from './kinds.ts'
import { microTime } from './time.ts'

export interface Leadership {
  readonly role: 'leader' | 'follower'
  /** Who leads, as far as known; undefined when nobody does. */
  readonly holder: string | undefined
  /** How often the lead changed hands (leaseTransitions): grows with every new leader. */
  readonly term: number
}

export interface ElectionOptions {
  readonly kube: Pick<Kube, 'get' | 'create' | 'replace' | 'log'>
  readonly namespace: string
  readonly name: string
  /** Unique among the candidates, and new with each start of a process: one that comes back must not inherit. */
  readonly identity: string
  /** How long a silent leader keeps the lead. */
  readonly leaseSeconds: number
  /** How often the leader writes and the followers look; a third of leaseSeconds or less. */
  readonly renewSeconds: number
  /** The term of a Lease that is made anew: above those that others remember from one that was deleted. Default 0. */
  readonly firstTerm?: () => number
  /** A holder that is known to have ended, from a better source than its silence here: the lead is taken from it at once. */
  readonly gone?: Pick<Cell<string | undefined>, 'value' | 'onChange'>
  /** Whether we would take the lead now; default yes. Who would not still follows, and one that leads goes on to. */
  readonly stands?: () => boolean
  /** Called when role, holder or term changes, the first time when the first of them is known. Must not throw. */
  readonly onChange: (now: Leadership) => void
}

/** Takes part until `signal` aborts, then gives the lead back, so that another may have it at once. */
export async function elect(options: ElectionOptions, signal: AbortSignal): Promise<void> {
  const candidate = makeCandidate(options)
  while (!signal.aborted) {
    const gone = options.gone?.value
    await candidate.step(signal)
    if (options.gone?.value === gone) await restUntil(candidate.waitMs(), options.gone, signal)
  }
  await candidate.resign()
}

/** For `ms`, or until there is another one gone. */
async function restUntil(ms: number, gone: ElectionOptions['gone'], signal: AbortSignal): Promise<void> {
  const changed = new AbortController()
  const forget = gone?.onChange(() => {
    changed.abort()
  })
  await pause(ms, AbortSignal.any([signal, changed.signal]))
  forget?.()
}

/** Runs `lead` whenever we lead, with a signal that aborts when the lead is lost; ends with `signal`, or throws what `lead` threw. */
export async function whileLeading(
  options: Omit<ElectionOptions, 'onChange'> & { readonly onChange?: (now: Leadership) => void },
  lead: (signal: AbortSignal, term: number) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const everything = new AbortController()
  const stopAll = () => everything.abort()
  if (signal.aborted) stopAll()
  signal.addEventListener('abort', stopAll, { once: true })
  let reign: AbortController | undefined
  let ended = Promise.resolve()
  let failure: { readonly error: unknown } | undefined

  const onChange = (now: Leadership) => {
    options.onChange?.(now)
    if (now.role === 'leader' && reign === undefined) {
      const own = new AbortController()
      reign = own
      ended = ended
        .then(() => lead(own.signal, now.term))
        .catch((error: unknown) => {
          failure ??= { error }
          stopAll()
        })
    }
    if (now.role === 'follower') {
      reign?.abort()
      reign = undefined
    }
  }

  try {
    await elect({ ...options, onChange }, everything.signal)
    await ended
  } finally {
    signal.removeEventListener('abort', stopAll)
  }
  if (failure !== undefined) throw failure.error
}

/** Before looking again after a lost race. */
const SOON_MS = 50

interface Candidate {
  /** Looks at the lease and renews or takes it if that is ours to do. Never throws. */
  step(signal: AbortSignal): Promise<void>
  waitMs(): number
  resign(): Promise<void>
}

function makeCandidate(options: ElectionOptions): Candidate {
  const { kube, namespace, name, identity, leaseSeconds, renewSeconds } = options
  const log = kube.log.child({ lease: `${namespace}/${name}`, identity })
  const leaseMs = leaseSeconds * 1000
  const renewMs = renewSeconds * 1000
  const limitMs = Math.max(renewMs, 1000)
  const stands = () => options.stands?.() ?? true
  let known: Leadership | undefined
  /** Our own lead ends here unless renewed. */
  let leadsUntil = -Infinity
  /** The lease as last seen, and until when it stands if it does not change. */
  let seen: { readonly lease: Lease; readonly until: number } | undefined
  let stepDown: NodeJS.Timeout | undefined
  let lostRace = false
  let trouble = ''

  function become(now: Leadership): void {
    if (known !== undefined && known.role === now.role && known.holder === now.holder && known.term === now.term) return
    if (known?.role !== now.role) log.info({ role: now.role, holder: now.holder, term: now.term }, 'leadership')
    known = now
    options.onChange(now)
  }

  /**
   * A write is heard out, also when we are told to stop: one that was cut short may have made us leader without our knowing, and
   * nobody would give the lead back.
   */
  const write = (work: (limited: AbortSignal) => Promise<Lease>): Promise<Lease> =>
    within(limitMs, new AbortController().signal, work)

  function lead(lease: Lease, began: number, signal: AbortSignal): void {
    leadsUntil = began + leaseMs
    seen = { lease, until: leadsUntil }
    clearTimeout(stepDown)
    // A timer of its own: a renewal that hangs must not keep us in the lead.
    stepDown = setTimeout(lose, leadsUntil - performance.now())
    if (!signal.aborted) become({ role: 'leader', holder: identity, term: termOf(lease) })
  }

  function lose(): void {
    clearTimeout(stepDown)
    leadsUntil = -Infinity
    if (known?.role === 'leader') become({ role: 'follower', holder: undefined, term: known.term })
  }

  /** Takes note of what the lease says. True when it is free to take. */
  function vacant(lease: Lease): boolean {
    const changed = seen?.lease.metadata.resourceVersion !== lease.metadata.resourceVersion
    if (changed || seen === undefined) seen = { lease, until: performance.now() + lengthOf(lease, leaseMs) }
    // Ours by name but not by our own clock: we lost it in between, yet nobody else took it.
    const holder = holderOf(lease)
    if (holder === identity) return true
    return stands() && (holder === undefined || holder === options.gone?.value || performance.now() >= seen.until)
  }

  async function look(signal: AbortSignal): Promise<void> {
    const began = performance.now()
    const lease = await within(limitMs, signal, (limited) => kube.get(leases, { namespace, name }, limited))
    if (lease === undefined && !stands()) become({ role: 'follower', holder: undefined, term: known?.term ?? 0 })
    else if (lease === undefined)
      lead(await write((limited) => kube.create(leases, taken(undefined), {}, limited)), began, signal)
    else if (vacant(lease)) lead(await write((limited) => kube.replace(leases, taken(lease), {}, limited)), began, signal)
    else {
      lose()
      become({ role: 'follower', holder: holderOf(lease), term: termOf(lease) })
    }
  }

  async function renew(lease: Lease, signal: AbortSignal): Promise<void> {
    const began = performance.now()
    lead(await write((limited) => kube.replace(leases, taken(lease), {}, limited)), began, signal)
  }

  /** The lease with us as its holder, over the version in `before`: a race is lost as a Conflict. */
  function taken(before: Lease | undefined): Lease {
    const now = microTime(new Date())
    const ours = before !== undefined && holderOf(before) === identity
    const term = before === undefined ? (options.firstTerm?.() ?? 0) : termOf(before) + (ours ? 0 : 1)
    return {
      apiVersion: leases.apiVersion,
      kind: leases.kind,
      metadata: before?.metadata ?? { name, namespace },
      spec: {
        holderIdentity: identity,
        leaseDurationSeconds: Math.ceil(leaseSeconds),
        acquireTime: ours ? (before.spec?.acquireTime ?? now) : now,
        renewTime: now,
        leaseTransitions: term,
      },
    }
  }

  return {
    step: async (signal) => {
      const leading = performance.now() < leadsUntil
      const lease = leading ? seen?.lease : undefined
      try {
        await (lease === undefined ? look(signal) : renew(lease, signal))
        lostRace = false
        trouble = ''
      } catch (error) {
        if (signal.aborted) return
        if (isConflict(error) || isAlreadyExists(error)) {
          // Somebody was faster, or an answer of ours was lost: the next look tells which.
          seen = undefined
          lostRace = true
          return
        }
        lostRace = false
        if (trouble !== String(error)) log.warn({ err: error, leading }, 'the lease is out of reach')
        trouble = String(error)
      }
    },
    waitMs: () => {
      if (lostRace) return SOON_MS
      const takes = known?.role !== 'leader' && stands()
      const expiry = takes && seen !== undefined ? seen.until - performance.now() : Infinity
      return Math.max(SOON_MS, Math.min(renewMs, expiry))
    },
    resign: async () => {
      const held = performance.now() < leadsUntil ? seen?.lease : undefined
      lose()
      if (held === undefined) return
      const spec = { ...held.spec, holderIdentity: '', renewTime: microTime(new Date()) }
      try {
        await within(2000, new AbortController().signal, (signal) => kube.replace(leases, { ...held, spec }, {}, signal))
      } catch (error) {
        // Another one has it already.
        if (!isConflict(error)) log.warn({ err: error }, 'could not give the lease back; it will run out')
      }
    },
  }
}

const holderOf = (lease: Lease): string | undefined => (lease.spec?.holderIdentity ?? '') || undefined
const termOf = (lease: Lease): number => lease.spec?.leaseTransitions ?? 0
/** The holder said how long it may be silent; ours only when it did not. */
const lengthOf = (lease: Lease, otherwise: number): number => {
  const seconds = lease.spec?.leaseDurationSeconds
  return seconds === undefined ? otherwise : seconds * 1000
}
