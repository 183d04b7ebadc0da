// The way to the broker: a client whose token is whatever the Secret says now, and the heartbeat that tells whether the broker answers.
import type { Cell } from '#lib/std/cell.ts'
import type { Kube } from '#lib/kube/client.ts'
import type { Connection } from '#lib/kube/connection.ts'
import type { Secret } from '#lib/kube/kinds.ts'
import { leases } from '#lib/kube/kinds.ts'
import { StatusError } from '#lib/kube/errors.ts'
import { toleratedSkewMs } from '#crds/rules/tokens.ts'
import { heartbeatName, managedBy, memberNamespace } from '#crds/places.ts'
import { timeIn, timeQuestion } from '#lib/kube/server-time.ts'
import { microTime } from '#lib/kube/time.ts'
import { pause } from '#lib/std/pause.ts'
import { within } from '#lib/std/deadline.ts'
import type { BrokerState, ClockState } from './status.ts'
import type { Credentials } from '../joining/credentials.ts'
import { readCredentials } from '../joining/credentials.ts'

const beat = { everyMs: 20_000, afterFailureMs: 3000, limitMs: 10_000 }
/** Every so many beats it is asked for its time as well. */
const beatsAClock = 15

export const connectionOf = (first: Credentials, now: () => Secret | undefined): Connection => ({
  server: first.server,
  ca: first.ca,
  token: () => {
    const read = readCredentials(now() ?? {})
    return Promise.resolve(read.ok ? read.value.token : first.token)
  },
})

export type Heard = { readonly state: Cell<BrokerState>; readonly clock: Cell<ClockState> }

/**
 * Renews the member's Lease on the broker until `signal` aborts; `state` says how that went. The only write of an idle cluster. Now and
 * then it looks at the broker's clock.
 */
export async function heartbeat(
  broker: Kube,
  clusterID: string,
  identity: string,
  { state, clock }: Heard,
  signal: AbortSignal,
): Promise<void> {
  for (let beats = 0; !signal.aborted;) {
    state.set(await askBroker(broker, clusterID, identity, signal))
    if (state.value.kind === 'reached' && beats++ % beatsAClock === 0)
      clock.set(await askClock(broker, signal).catch(() => clock.value))
    await pause(state.value.kind === 'reached' ? beat.everyMs : beat.afterFailureMs, signal)
  }
}

async function askBroker(broker: Kube, clusterID: string, identity: string, signal: AbortSignal): Promise<BrokerState> {
  const lease = {
    apiVersion: leases.apiVersion,
    kind: leases.kind,
    metadata: { name: heartbeatName, namespace: memberNamespace(clusterID), labels: { ...managedBy } },
    spec: { holderIdentity: identity, leaseDurationSeconds: 60, renewTime: microTime(new Date()) },
  }
  try {
    await within(beat.limitMs, signal, (limit) => broker.apply(leases, lease, { fieldManager: 'tombolo-operator' }, limit))
    return { kind: 'reached' }
  } catch (error) {
    if (error instanceof StatusError && error.code === 401) return { kind: 'refused', why: 'the broker takes our token no more' }
    if (error instanceof StatusError && error.code === 403)
      return { kind: 'forbidden', why: `the broker forbids our heartbeat: ${error.message}` }
    return { kind: 'unreachable', why: error instanceof Error ? error.message : String(error) }
  }
}

async function askClock(broker: Pick<Kube, 'request'>, signal: AbortSignal): Promise<ClockState> {
  const began = Date.now()
  const theirs = timeIn(await within(beat.limitMs, signal, (limit) => broker.request(timeQuestion, limit)))
  return theirs === undefined ? { kind: 'unknown' } : clockBeside(theirs, new Date((began + Date.now()) / 2))
}

/** In whole minutes, so that it is not written anew with every look. */
export function clockBeside(theirs: Date, ours: Date): ClockState {
  const aheadMs = ours.getTime() - theirs.getTime()
  return Math.abs(aheadMs) <= toleratedSkewMs
    ? { kind: 'agrees' }
    : { kind: 'off', aheadMs: Math.round(aheadMs / 60_000) * 60_000 }
}
