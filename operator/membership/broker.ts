// The way to the broker: a client whose token is whatever the Secret says now, the heartbeat that tells whether the broker answers,
// and the renewal of the token.
import type { Cell } from '#lib/std/cell.ts'
import type { Kube } from '#lib/kube/client.ts'
import type { Connection } from '#lib/kube/connection.ts'
import type { Logger } from '#lib/std/log.ts'
import type { Secret } from '#lib/kube/kinds.ts'
import { leases, secrets } from '#lib/kube/kinds.ts'
import { StatusError } from '#lib/kube/errors.ts'
import { brokerSecretName, heartbeatName, managedBy, memberNamespace, systemNamespace } from '#crds/places.ts'
import { microTime } from '#lib/kube/time.ts'
import { pause } from '#lib/std/pause.ts'
import { within } from '#lib/std/deadline.ts'
import type { BrokerState } from './status.ts'
import type { Credentials } from './credentials.ts'
import { lifeOf, readCredentials } from './credentials.ts'

const beat = { everyMs: 20_000, afterFailureMs: 3000, limitMs: 10_000 }
const tokenSeconds = 24 * 3600
/** `settleMs`: until the new Secret has come back through the watch. */
const renewal = { mostMs: 3600_000, afterFailureMs: 30_000, settleMs: 5000 }

export const connectionOf = (first: Credentials, now: () => Secret | undefined): Connection => ({
  server: first.server,
  ca: first.ca,
  token: () => {
    const read = readCredentials(now() ?? {})
    return Promise.resolve(read.ok ? read.value.token : first.token)
  },
})

/** Renews the member's Lease on the broker until `signal` aborts; `state` says how that went. The only write of an idle cluster. */
export async function heartbeat(
  broker: Kube,
  clusterID: string,
  identity: string,
  state: Cell<BrokerState>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    state.set(await askBroker(broker, clusterID, identity, signal))
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
    if (error instanceof StatusError && (error.code === 401 || error.code === 403))
      return { kind: 'refused', why: `the broker refused our token (${error.code})` }
    return { kind: 'unreachable', why: error instanceof Error ? error.message : String(error) }
  }
}

/** Keeps the token in the Secret fresh until `signal` aborts: a new one at two thirds of its life, asked for with the old one. */
export async function renewToken(
  local: Kube,
  broker: Kube,
  clusterID: string,
  secret: () => Secret | undefined,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const read = readCredentials(secret() ?? {})
    const life = read.ok ? lifeOf(read.value.token) : undefined
    const dueMs = life === undefined ? renewal.mostMs : life.renewAt.getTime() - Date.now()
    if (dueMs > 0) await pause(Math.min(dueMs, renewal.mostMs), signal)
    else await renewOnce(local, broker, clusterID, log, signal)
  }
}

async function renewOnce(local: Kube, broker: Kube, clusterID: string, log: Logger, signal: AbortSignal): Promise<void> {
  const path = `/api/v1/namespaces/${memberNamespace(clusterID)}/serviceaccounts/member/token`
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: tokenSeconds } }
  try {
    const answer = (await broker.request({ method: 'POST', path, body }, signal)) as {
      readonly status?: { readonly token?: string }
    }
    if (answer.status?.token === undefined) throw new Error('the broker answered a TokenRequest without a token')
    const data = { token: Buffer.from(answer.status.token).toString('base64') }
    await local.patch(
      secrets,
      { namespace: systemNamespace, name: brokerSecretName },
      { data },
      { fieldManager: 'tombolo-operator' },
      signal,
    )
    log.info({}, 'token for the broker renewed')
    await pause(renewal.settleMs, signal)
  } catch (error) {
    if (signal.aborted) return
    log.warn({ err: error }, 'token for the broker not renewed; trying again')
    await pause(renewal.afterFailureMs, signal)
  }
}
