// A cluster that slept, with a clock that the test turns: its operator's own loops on one side, the broker's own judgement on the other.
// Of the apiservers only the tokens are made up: they hold from one time to another by that clock, and no longer.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { issue } from '#broker/joins/issue.ts'
import { planJoins } from '#broker/joins/plan.ts'
import type { JoinGrant } from '#crds/join-grant.ts'
import type { JoinRequest } from '#crds/join-request.ts'
import { joinRequest } from '#crds/join-request.ts'
import type { Member } from '#crds/member.ts'
import type { Membership } from '#crds/membership.ts'
import { brokerSecretName, systemNamespace } from '#crds/places.ts'
import type { Identity } from '#lib/identity/identity.ts'
import { newIdentity } from '#lib/identity/identity.ts'
import { kube } from '#lib/kube/client.ts'
import { namespaces, secrets } from '#lib/kube/kinds.ts'
import { cell } from '#lib/std/cell.ts'
import { logger } from '#lib/std/log.ts'
import { ok } from '#lib/std/result.ts'
import type { ApiServer } from '#test/kit/apiserver.ts'
import { apiserver } from '#test/kit/apiserver.ts'
import { eventually } from '#test/kit/eventually.ts'
import type { Joiner } from '#test/kit/joining.ts'
import { fleetWith, grantFor, joiner, memberOf } from '#test/kit/joining.ts'
import type { Secure } from '#test/kit/secure.ts'
import { secure } from '#test/kit/secure.ts'
import { capabilities, ownVersion } from '../joining/about.ts'
import type { Turn } from '../joining/ask.ts'
import { ask } from '../joining/ask.ts'
import { brokerSecret, lifeOf, readCredentials } from '../joining/credentials.ts'
import { keepIdentity } from '../joining/identity-secret.ts'
import { clockBeside, connectionOf, heartbeat } from './heartbeat.ts'
import { keepCredentials } from './renewal.ts'
import type { BrokerState, ClockState, RenewalState } from './status.ts'
import { conditionsOf } from './status.ts'

const day = 24 * 3600_000
const at = { namespace: 'tombolo-j-east', name: 'east' }
const addresses = { podCIDRs: ['10.1.0.0/16'], serviceCIDRs: ['10.101.0.0/16'] }
const membership = {
  apiVersion: 'v',
  kind: 'Membership',
  metadata: { name: 'membership' },
  spec: { clusterID: 'east', ...addresses },
} as unknown as Membership
const announced = { ...membership.spec, version: ownVersion }
const log = logger('slept', 'silent')

suite('a cluster that slept', function () {
  this.timeout(30_000)
  let stop: AbortController
  let local: ApiServer
  let hub: ApiServer
  let front: Secure
  let answering: Promise<unknown>
  /** The operator; it sleeps when this is aborted. */
  let awake: AbortController | undefined
  let running: Promise<unknown>
  /** Since it joined; no second passes by itself. */
  let sleptMs: number
  /** Its clock, of the broker's. */
  let aheadMs: number
  let most: number
  /** Of its kube-system. */
  let uid: string
  let east: Joiner
  let member: Member
  let grants: readonly JoinGrant[]
  let renewal: ReturnType<typeof cell<RenewalState>>
  const clock = (): Date => new Date(Date.UTC(2026, 0, 1) + sleptMs)

  setup(async () => {
    stop = new AbortController()
    local = await apiserver()
    hub = await apiserver()
    front = await secure(hub.connection)
    ;[sleptMs, aheadMs, most, grants, running] = [0, 0, Infinity, [], Promise.resolve()]
    renewal = cell<RenewalState>({ kind: 'fresh' })
    uid = local.put(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kube-system' } }).metadata.uid ?? ''
    hub.fault(({ token }) => !isGood(token), { do: 'status', code: 401, reason: 'Unauthorized' }, Infinity)
    await using api = kube(local.connection, log)
    const identity = await keepIdentity(api, 'test', stop.signal)
    assert.ok(identity.ok)
    east = { ...joiner('east'), identity: identity.value }
    member = memberOf(east, { uid, pods: addresses.podCIDRs, services: addresses.serviceCIDRs })
    hold({ token: mint(24 * 3600), renewalToken: mint(14 * 24 * 3600) })
    answering = broker().catch((error: unknown) => {
      if (!stop.signal.aborted) throw error
    })
  })
  teardown(async () => {
    await sleeps(0)
    stop.abort()
    await answering
    await front[Symbol.asyncDispose]()
    for (const server of [local, hub]) await server[Symbol.asyncDispose]()
  })

  const itsClock = (): Date => new Date(clock().getTime() + aheadMs)
  const isGood = (token: string | undefined): boolean => {
    const life = lifeOf(token ?? '')
    return life !== undefined && clock() < life.expiresAt
  }
  function mint(seconds: number): string {
    const iat = Math.floor(clock().getTime() / 1000)
    return `h.${Buffer.from(JSON.stringify({ iat, exp: iat + Math.min(seconds, most), jti: Math.random() })).toString('base64url')}.s`
  }
  const secret = () => local.read(secrets, { namespace: systemNamespace, name: brokerSecretName })
  const hold = (tokens: { readonly token: string; readonly renewalToken: string }) =>
    local.put(secrets, brokerSecret({ server: front.server, ca: front.ca, ...tokens }, announced))
  const held = () => {
    const read = readCredentials(secret() ?? {})
    assert.ok(read.ok)
    return read.value
  }

  /** The broker: judges what is asked, as its controller does, and writes the answer. */
  async function broker(): Promise<void> {
    const minting = {
      request: ({ body }: { body?: unknown }) => {
        const token = mint((body as { spec: { expirationSeconds: number } }).spec.expirationSeconds)
        return Promise.resolve({ status: { token, expirationTimestamp: lifeOf(token)?.expiresAt.toISOString() } })
      },
    }
    while (!stop.signal.aborted) {
      await sleep(10)
      const asked = hub.read(joinRequest, at)
      if (asked === undefined || asked.status !== undefined) continue
      const request: JoinRequest = { ...asked, metadata: { ...asked.metadata, creationTimestamp: clock().toISOString() } }
      const hubCluster = {
        version: ownVersion,
        addresses: ok({ identity: undefined, apiservers: [], nodes: [] }),
        names: new Map(),
      }
      const seen = { fleet: fleetWith(), requests: [request], grants, members: [member], gateways: ok([]), broker: hubCluster }
      const plan = planJoins({ ...seen, placed: new Set(['east']), self: 'broker', now: clock() })
      const issued = await Promise.all(plan.issue.map((one) => issue(minting, one, 'default', clock(), stop.signal)))
      for (const step of [...plan.steps, ...issued]) {
        if (step.do === 'apply') member = { ...member, spec: { ...member.spec, ...(step.object as Member).spec } }
        if (step.do === 'status' && step.kind.kind === 'JoinRequest') hub.put(joinRequest, { ...asked, status: step.status })
      }
    }
  }

  function wakes(): void {
    const { signal } = (awake = new AbortController())
    const [reached, theirs] = [cell<BrokerState>({ kind: 'never' }), cell<ClockState>({ kind: 'unknown' })]
    const api = kube(local.connection, log)
    const remote = kube(connectionOf(held(), secret), log)
    running = Promise.all([
      heartbeat(remote, 'east', 'one', { state: reached, clock: theirs }, signal),
      keepCredentials(api, membership, { secret, broker: reached, renewal, clock: itsClock }, log, signal),
    ])
      .catch((error: unknown) => {
        if (!signal.aborted) throw error
      })
      .finally(() => Promise.all([api, remote].map((one) => one[Symbol.asyncDispose]())))
  }
  async function sleeps(ms: number): Promise<void> {
    awake?.abort()
    await running
    sleptMs += ms
  }
  const credentialsValid = () =>
    conditionsOf({
      ...{ broker: { kind: 'reached' }, clock: { kind: 'agrees' }, allocation: undefined, workloads: [], gateways: [] },
      ...{ dns: 'wired', refused: [], leftOut: [], held: [], throttled: [], renewal: renewal.value },
    }).find(({ type }) => type === 'CredentialsValid')

  /** As `tombolo join` does with a grant, whose token is good. */
  async function joinsAgain(identity: Identity, code: Joiner['code']): Promise<Turn> {
    const token = mint(900)
    await using at = kube({ server: front.server, ca: front.ca, token: () => Promise.resolve(token) }, log)
    const asked = { intent: 'Join' as const, clusterUID: uid, ...announced, capabilities: [...capabilities] }
    for (;;) {
      const turn = await ask(at, { asked, identity, code }, 'test', clock(), stop.signal)
      if (turn.kind !== 'waiting') return turn
      await sleep(10)
    }
  }
  const grant = (): Joiner => {
    const made = { ...east, code: joiner('east').code }
    grants = [grantFor(made, { expiresAt: new Date(clock().getTime() + 900_000).toISOString() })]
    return made
  }

  test('for six days comes back by itself, with its addresses, and may sleep for fourteen more', async () => {
    const before = member.spec
    const old = held()
    await sleeps(6 * day)
    assert.ok(!isGood(old.token), 'what it did everything with is dead')
    wakes()
    await eventually(() => assert.ok(isGood(held().token)))
    await eventually(() => assert.match(credentialsValid()?.message ?? '', /come back by itself until /))
    assert.deepEqual([credentialsValid()?.status, credentialsValid()?.reason], ['True', 'Fresh'])
    const until = lifeOf(held().renewalToken)?.expiresAt.getTime() ?? 0
    assert.ok(until - clock().getTime() > 13.9 * day)
    assert.deepEqual({ ...member.spec, requestedAt: undefined }, { ...before, requestedAt: undefined })
  })

  for (const [how, ms] of [
    ['as the broker’s', 0],
    ['five minutes ahead', 300_000],
    ['five minutes behind', -300_000],
  ] as const)
    test(`comes back by itself in the last second of fourteen days, and not in the next, with a clock ${how}`, async () => {
      aheadMs = ms
      await sleeps(14 * day - 1000)
      wakes()
      await eventually(() => assert.equal(credentialsValid()?.reason, 'Fresh'), 10_000)
      await eventually(() => assert.ok(isGood(held().token)))
      const { renewalToken } = held()
      await sleeps(14 * day)
      wakes()
      const ended = lifeOf(renewalToken)?.expiresAt.toISOString() ?? ''
      const says = new RegExp(`expired at ${ended}.*tombolo grant create, and tombolo join`)
      await eventually(() => {
        assert.equal(credentialsValid()?.reason, 'Expired')
        assert.match(credentialsValid()?.message ?? '', says)
      }, 10_000)
      assert.equal(held().renewalToken, renewalToken)
    })

  test('for twenty days says Expired and what to do; a new grant and the old keys bring back the old membership, while it runs', async () => {
    const before = member
    await sleeps(20 * day)
    wakes()
    await eventually(() => assert.equal(credentialsValid()?.reason, 'Expired'), 10_000)
    assert.equal(credentialsValid()?.status, 'False')
    assert.match(
      credentialsValid()?.message ?? '',
      /expired at .*traffic and names go on.*tombolo grant create, and tombolo join/,
    )
    const turn = await joinsAgain(east.identity, grant().code)
    assert.ok(turn.kind === 'admitted', JSON.stringify(turn))
    hold(turn.credentials)
    await eventually(() => assert.equal(credentialsValid()?.reason, 'Fresh'), 10_000)
    assert.ok(isGood(held().token))
    assert.equal(member.metadata.uid, before.metadata.uid)
    assert.deepEqual({ ...member.spec, requestedAt: undefined }, { ...before.spec, requestedAt: undefined })
  })

  test('and comes back with other keys is not the member, whatever its grant', async () => {
    await sleeps(20 * day)
    const turn = await joinsAgain(newIdentity(), grant().code)
    assert.ok(turn.kind === 'refused', JSON.stringify(turn))
    assert.match(turn.message, /"east" is taken: a member has it under another identity .*tombolo revoke east/)
  })

  test('where the apiserver gives an hour at most, credentials are renewed at two thirds of that, and what was said the hour before is no answer', async () => {
    most = 3600
    const turn = await joinsAgain(east.identity, grant().code)
    assert.ok(turn.kind === 'admitted')
    hold(turn.credentials)
    await sleeps(39 * 60_000)
    wakes()
    await sleep(300)
    assert.equal(held().token, turn.credentials.token, 'not before')
    await sleeps(2 * 60_000)
    wakes()
    await eventually(() => assert.notEqual(held().token, turn.credentials.token))
    assert.match(
      hub.read(joinRequest, at)?.status?.conditions?.find(({ type }) => type === 'ShortCredentials')?.message ?? '',
      /tokens of 1\.0 h where 336 h were asked for/,
    )
  })
})

suite('the clock of a cluster beside the broker’s', () => {
  test('may be five minutes off, either way, and no more', () => {
    const theirs = new Date('2026-01-01T00:00:00Z')
    const of = (seconds: number) => clockBeside(theirs, new Date(theirs.getTime() + seconds * 1000))
    assert.deepEqual([of(300), of(-300)], [{ kind: 'agrees' }, { kind: 'agrees' }])
    assert.deepEqual(
      [of(301), of(-301)],
      [
        { kind: 'off', aheadMs: 300_000 },
        { kind: 'off', aheadMs: -300_000 },
      ],
    )
    assert.deepEqual(of(420), { kind: 'off', aheadMs: 420_000 })
    assert.deepEqual(of(-3600), { kind: 'off', aheadMs: -3_600_000 })
  })
})
