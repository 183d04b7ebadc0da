import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { credentialsContext, proofsOf } from '#crds/join-proof.ts'
import type { JoinRequest } from '#crds/join-request.ts'
import { joinRequest } from '#crds/join-request.ts'
import type { Membership } from '#crds/membership.ts'
import { brokerSecretName, systemNamespace } from '#crds/places.ts'
import { seal } from '#lib/identity/sealed-box.ts'
import { kube } from '#lib/kube/client.ts'
import { namespaces, secrets } from '#lib/kube/kinds.ts'
import { cell } from '#lib/std/cell.ts'
import { logger } from '#lib/std/log.ts'
import type { ApiServer } from '#test/kit/apiserver.ts'
import { apiserver } from '#test/kit/apiserver.ts'
import { eventually } from '#test/kit/eventually.ts'
import type { Secure } from '#test/kit/secure.ts'
import { secure } from '#test/kit/secure.ts'
import { ownVersion } from '../joining/about.ts'
import { brokerSecret, readCredentials } from '../joining/credentials.ts'
import { keepIdentity } from '../joining/identity-secret.ts'
import { keepCredentials } from './renewal.ts'
import type { BrokerState, RenewalState } from './status.ts'

const hour = 3600
const at = { namespace: 'tombolo-j-east', name: 'east' }
const spec = { clusterID: 'east', podCIDRs: ['10.1.0.0/16'], serviceCIDRs: ['10.101.0.0/16'] }
const member = { apiVersion: 'v', kind: 'Membership', metadata: { name: 'membership' }, spec } as unknown as Membership
const announced = { ...member.spec, version: ownVersion }

let serial = 0
/** As much of a token as is read: when it begins and ends, in hours from now. */
const token = (from: number, to: number): string => {
  const now = Math.floor(Date.now() / 1000)
  const claims = { iat: now + from * hour, exp: now + to * hour, jti: serial++ }
  return `h.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.s`
}

suite('renewal of credentials', () => {
  let stop: AbortController
  let local: ApiServer
  let hub: ApiServer
  let front: Secure
  let running: Promise<unknown>
  let renewal: ReturnType<typeof cell<RenewalState>>
  /** The requests that the broker answered, and with which token. */
  let answered: readonly string[]
  setup(async () => {
    stop = new AbortController()
    local = await apiserver()
    hub = await apiserver()
    front = await secure(hub.connection)
    answered = []
    running = Promise.resolve()
    renewal = cell<RenewalState>({ kind: 'fresh' })
    local.put(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kube-system', uid: 'uid-east' } })
  })
  teardown(async () => {
    stop.abort()
    await running
    await front[Symbol.asyncDispose]()
    for (const server of [local, hub]) await server[Symbol.asyncDispose]()
  })

  const secret = () => local.read(secrets, { namespace: systemNamespace, name: brokerSecretName })
  const held = (): string => {
    const read = readCredentials(secret() ?? {})
    assert.ok(read.ok)
    return read.value.token
  }
  const hold = (own: string) =>
    local.put(secrets, brokerSecret({ server: front.server, ca: front.ca, token: own, renewalToken: token(0, 300) }, announced))
  /** The broker as one that asks sees it: answers a request once, sealed, with a token of its own. */
  async function answer(request: JoinRequest, given: string): Promise<void> {
    const credentials = { token: given, renewalToken: token(0, 336), clusterset: 'default' }
    const box = seal(request.spec.identity.agreementKey, credentialsContext(request), JSON.stringify(credentials))
    assert.ok(box.ok)
    assert.equal(proofsOf(request.spec, undefined).identity, 'Holds')
    const status = { observedGeneration: request.metadata.generation ?? 0, state: 'Admitted' as const, credentials: box.value }
    hub.put(joinRequest, { ...request, status })
    answered = [...answered, given]
    await sleep(10, undefined, { signal: stop.signal })
  }
  async function brokerAnswers(): Promise<void> {
    while (!stop.signal.aborted) {
      const request = hub.read(joinRequest, at)
      if (request !== undefined && request.status === undefined) await answer(request, token(0, 24))
      await sleep(10)
    }
  }
  async function keep(state: BrokerState = { kind: 'reached' }): Promise<void> {
    const api = kube(local.connection, logger('renewal', 'silent'))
    const own = await keepIdentity(api, 'test', stop.signal)
    assert.ok(own.ok)
    const kept = keepCredentials(
      api,
      member,
      { secret, broker: cell(state), renewal, clock: () => new Date() },
      logger('r', 'silent'),
      stop.signal,
    )
    running = Promise.all([kept.finally(() => api[Symbol.asyncDispose]()), brokerAnswers()]).catch((error: unknown) => {
      if (!stop.signal.aborted) throw error
    })
  }

  test('at two thirds of its life a token is replaced by a new one, once, though the answer from before is still there', async () => {
    hold(token(-23, 1.5))
    await keep()
    await eventually(() => assert.equal(held(), answered[0]))
    const first = held()
    // The day after: the request and its answer lie where they lay.
    stop.abort()
    await running
    stop = new AbortController()
    const aged = token(-17, 7)
    const request = hub.read(joinRequest, at)
    assert.ok(request)
    await answer(request, aged)
    hold(aged)
    await keep()
    await eventually(() => assert.notEqual(held(), aged))
    assert.notEqual(held(), first)
    await sleep(200)
    assert.equal(answered.length, 3, 'asked once for each')
    assert.equal(renewal.value.kind, 'fresh')
  })

  test('a token that the broker takes no more is replaced, however long it is good for', async () => {
    const dead = token(0, 24)
    hold(dead)
    await keep({ kind: 'refused', why: 'Unauthorized' })
    await eventually(() => assert.notEqual(held(), dead))
    assert.equal(held(), answered.at(-1))
  })

  test('one that is good is left alone', async () => {
    const good = token(-1, 23)
    hold(good)
    await keep()
    await sleep(300)
    assert.deepEqual([held(), answered, hub.read(joinRequest, at)], [good, [], undefined])
  })
})
