// Keeps the credentials for the broker good: asks for them anew at two thirds of their life, when the broker takes them no more, and
// when the cluster announces something else than they were given for. It asks with the renewal token, which lives much longer than the
// other, and with the identity's signature: an operator that slept for days comes back by itself.
//
//   fresh ──(2/3 of life, 401, other addresses)──► due ──► fresh
//                                                   ├──► refused: by the broker, with its reason
//                                                   └──► expired: the renewal token is dead too
import type { Membership } from '#crds/membership.ts'
import { toleratedSkewMs } from '#crds/rules/tokens.ts'
import type { Kube } from '#lib/kube/client.ts'
import { kube as connect } from '#lib/kube/client.ts'
import { isUnauthorized } from '#lib/kube/errors.ts'
import type { Secret } from '#lib/kube/kinds.ts'
import { namespaces, secrets } from '#lib/kube/kinds.ts'
import { time } from '#lib/kube/time.ts'
import { backoff } from '#lib/std/backoff.ts'
import type { Cell } from '#lib/std/cell.ts'
import { within } from '#lib/std/deadline.ts'
import type { Logger } from '#lib/std/log.ts'
import { pause } from '#lib/std/pause.ts'
import { explain } from '#lib/std/result.ts'
import { fieldManager } from '../install/install.ts'
import { capabilities, ownVersion } from '../joining/about.ts'
import type { Turn, Unasked } from '../joining/ask.ts'
import { ask } from '../joining/ask.ts'
import type { Announced, Credentials } from '../joining/credentials.ts'
import { brokerSecret, isAskedFor, lifeOf, readCredentials } from '../joining/credentials.ts'
import { readIdentity } from '../joining/identity-secret.ts'
import type { BrokerState, RenewalState } from './status.ts'

export type Seen = {
  readonly secret: () => Secret | undefined
  readonly broker: Cell<BrokerState>
  readonly renewal: Cell<RenewalState>
  readonly clock: () => Date
}

/** `settleMs`: until the new Secret has come back through the watch, and the next heartbeat has used it. */
const times = { mostMs: 3600_000, turnMs: 500, limitMs: 60_000, settleMs: 30_000 }

/** Runs until `signal` aborts. */
export async function keepCredentials(
  kube: Kube,
  member: Membership,
  seen: Seen,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const announced: Announced = {
    podCIDRs: member.spec.podCIDRs,
    serviceCIDRs: member.spec.serviceCIDRs,
    version: ownVersion,
  }
  const wait = backoff(5000, 300_000)
  while (!signal.aborted) {
    const read = readCredentials(seen.secret() ?? {})
    if (!read.ok) return
    const dueMs = isAskedFor(seen.secret(), announced) ? whenDue(read.value.token, seen.broker.value, seen.clock()) : 0
    if (dueMs > 0) {
      // Also when a person brought others, with tombolo join.
      seen.renewal.set(fresh(read.value.renewalToken))
      wait.reset()
      await untilBroker('refused', seen.broker, Math.min(dueMs, times.mostMs), signal)
      continue
    }
    const state = await renew(kube, member, read.value, announced, seen.clock, log, signal).catch((error: unknown) =>
      failed(read.value, error, seen.clock()),
    )
    seen.renewal.set(state)
    if (state.kind === 'fresh') {
      log.info({}, 'credentials for the broker renewed')
      await pause(times.settleMs, signal)
    } else await untilBroker('reached', seen.broker, wait.next(), signal)
  }
}

function whenDue(token: string, broker: BrokerState, now: Date): number {
  if (broker.kind === 'refused') return 0
  const life = lifeOf(token)
  return life === undefined ? times.mostMs : life.renewAt.getTime() - now.getTime()
}

/** Until when this cluster may sleep and still come back by itself. */
function fresh(renewalToken: string): RenewalState {
  const until = lifeOf(renewalToken)?.expiresAt
  return until === undefined ? { kind: 'fresh' } : { kind: 'fresh', until: time(until) }
}

/** Resolves after `ms`, or as soon as the broker comes to refuse what we have, or to take it. */
async function untilBroker(
  kind: 'refused' | 'reached',
  broker: Cell<BrokerState>,
  ms: number,
  signal: AbortSignal,
): Promise<void> {
  const changed = new AbortController()
  const stop = broker.onChange(() => {
    if (broker.value.kind === kind) changed.abort()
  })
  try {
    await pause(ms, AbortSignal.any([signal, changed.signal]))
  } finally {
    stop()
  }
}

async function renew(
  kube: Kube,
  { spec }: Membership,
  held: Credentials,
  announced: Announced,
  clock: () => Date,
  log: Logger,
  signal: AbortSignal,
): Promise<RenewalState> {
  const identity = await readIdentity(kube, signal)
  if (identity === undefined)
    return {
      kind: 'refused',
      why: 'the identity of this cluster is lost: on the broker tombolo revoke, then join with a new grant',
    }
  if (!identity.ok) return { kind: 'refused', why: explain(identity.error) }
  const uid = (await kube.get(namespaces, { name: 'kube-system' }, signal))?.metadata.uid
  if (uid === undefined) return { kind: 'due', why: 'the namespace kube-system cannot be read' }
  const asked: Unasked = {
    intent: 'Join',
    clusterID: spec.clusterID,
    clusterUID: uid,
    podCIDRs: [...announced.podCIDRs],
    serviceCIDRs: [...announced.serviceCIDRs],
    version: announced.version,
    capabilities: [...capabilities],
  }
  const { server, ca, token: old, renewalToken } = held
  await using broker = connect({ server, ca, token: () => Promise.resolve(renewalToken) }, log.child({ of: 'joining' }))
  const question = { asked, identity: identity.value, code: undefined, held: old }
  try {
    const turn = await within(times.limitMs, signal, (limit) =>
      untilAnswered(() => ask(broker, question, fieldManager, clock(), limit), limit),
    )
    if (turn.kind === 'refused') return { kind: 'refused', why: turn.message }
    if (turn.kind !== 'admitted') return { kind: 'due', why: 'the broker controller does not answer' }
    const { token, renewalToken: next } = turn.credentials
    await kube.apply(secrets, brokerSecret({ server, ca, token, renewalToken: next }, announced), { fieldManager }, signal)
    return fresh(next)
  } catch (error) {
    if (isUnauthorized(error)) return expired(held, clock())
    throw error
  }
}

async function untilAnswered(turn: () => Promise<Turn>, signal: AbortSignal): Promise<Turn> {
  for (;;) {
    const now = await turn()
    if (now.kind !== 'waiting') return now
    await pause(times.turnMs, signal)
    signal.throwIfAborted()
  }
}

/** A broker that does not answer gives no credentials; whether it still could is known without it. */
function failed(held: Credentials, error: unknown, now: Date): RenewalState {
  const why = error instanceof Error ? error.message : String(error)
  const at = lifeOf(held.renewalToken)?.expiresAt
  return at !== undefined && at <= now
    ? { kind: 'expired', why: `${sleptOver(at)}, and the broker does not answer (${why})` }
    : { kind: 'due', why }
}

/** By the broker's clock, which may be ahead of ours. */
function expired({ renewalToken }: Credentials, now: Date): RenewalState {
  const at = lifeOf(renewalToken)?.expiresAt
  return {
    kind: 'expired',
    why:
      at !== undefined && at.getTime() <= now.getTime() + toleratedSkewMs
        ? sleptOver(at)
        : 'the broker takes neither our token nor our renewal token: it has forgotten this cluster, or its signing keys are others',
  }
}

const sleptOver = (at: Date): string =>
  `the credentials expired at ${at.toISOString()}, as this cluster had not renewed them in time`
