// T8: a grant that somebody else has. Each way in which it is worth nothing has a name of its own, for whoever tries and for the administrator;
// also where its token is dead, which a broker tells nobody the reason of.
import assert from 'node:assert/strict'
import { askBroker } from '#cli/join/asking.ts'
import { joinGrant } from '#crds/join-grant.ts'
import { joinRequest } from '#crds/join-request.ts'
import { brokerNamespace, joinerAccount, joinNamespace } from '#crds/places.ts'
import { userOf } from '#crds/rules/account.ts'
import { fingerprint, publicIdentity } from '#lib/identity/identity.ts'
import { conditionOf } from '#lib/kube/conditions.ts'
import { StatusError } from '#lib/kube/errors.ts'
import { namespaces } from '#lib/kube/kinds.ts'
import { eventually } from '#test/kit/eventually.ts'
import type { Joiner } from '#test/kit/joining.ts'
import { askedOf, joiner, requestBy } from '#test/kit/joining.ts'
import { joinerToken } from '#test/kit/on-broker.ts'
import type { Registry } from './registry.ts'

const own = { pods: ['10.95.0.0/16'], services: ['10.195.0.0/16'] }
const printOf = ({ identity }: Joiner): string => fingerprint(publicIdentity(identity))
/** Another cluster with the same line. */
const thiefOf = (one: Joiner): Joiner => ({ ...joiner(one.id), code: one.code })

export const lostGrant = (registry: () => Registry): void => {
  const keyOf = ({ id }: Joiner) => ({ namespace: joinNamespace(id), name: id })
  async function is(one: Joiner, state: string, message: RegExp): Promise<void> {
    const { broker, signal } = registry()
    await eventually(async () => {
      const { status } = (await broker.admin.get(joinGrant, { namespace: brokerNamespace, name: one.id }, signal)) ?? {}
      assert.equal(status?.state, state)
      assert.match(conditionOf(status.conditions, 'Ready')?.message ?? '', message)
    })
  }
  async function tries(one: Joiner): Promise<string> {
    const { broker, signal, asks, answer } = registry()
    await broker.admin.delete(joinRequest, keyOf(one), {}, signal)
    await eventually(async () => assert.equal(await broker.admin.get(joinRequest, keyOf(one), signal), undefined))
    await asks(one, own)
    const { state, message } = await answer(one)
    return `${state ?? ''}: ${message ?? ''}`
  }
  /** The place to ask at, and with it whatever token was given out for it. */
  async function isShut(one: Joiner): Promise<void> {
    const { broker, signal } = registry()
    await eventually(async () =>
      assert.equal(await broker.admin.get(namespaces, { name: joinNamespace(one.id) }, signal), undefined),
    )
  }
  /** As `tombolo join` asks, with the line that it was given. */
  async function lineOf(one: Joiner, expiresAt: Date) {
    const { broker, signal } = registry()
    const way = { server: broker.server, ca: broker.ca, token: await joinerToken(broker.admin, one.id, signal), expiresAt }
    return () =>
      askBroker(way, { asked: askedOf(one.id, own), identity: one.identity, code: one.code }, 10_000, () => undefined, signal)
  }
  const asJoiner = ({ id }: Joiner) => registry().broker.as(userOf(joinNamespace(id), joinerAccount))

  suite('a grant that somebody else has', () => {
    test('T8: is Used after it let one in: who comes second is told by whom; with a new one, that the id is taken', async () => {
      const first = joiner('first')
      await registry().grant(first)
      assert.match(await tries(first), /^Admitted: /)
      await is(first, 'Used', /let a cluster in, and lets no other in/)
      assert.match(
        await tries(thiefOf(first)),
        new RegExp(`^Refused: The grant for "first" was used already, by ${printOf(first)}\\.`),
      )
      await registry().broker.admin.delete(joinGrant, { namespace: brokerNamespace, name: first.id }, {}, registry().signal)
      const second = joiner('first')
      await registry().grant(second)
      assert.match(
        await tries(second),
        new RegExp(`^Refused: Cluster id "first" is taken: a member has it under another identity \\(${printOf(first)}\\)`),
      )
      await is(second, 'Open', /may join with it/)
    })

    test('T8: is Claimed by who proved it first and waits: another is told by whom', async () => {
      const one = joiner('claims')
      await registry().grant(one, { approval: 'Manual' })
      await registry().asks(one, { pods: ['10.97.0.0/16'], services: ['10.197.0.0/16'] })
      await is(one, 'Claimed', /waits for approval: tombolo approve/)
      assert.match(
        await tries(thiefOf(one)),
        new RegExp(`^Refused: The grant for "claims" was proved by another identity, ${printOf(one)}, which waits`),
      )
    })

    test('T8: is Locked by five guesses, each told how many are left; who has the right code is told that others do not', async () => {
      const one = joiner('guessed')
      await registry().grant(one)
      for (const left of ['4 more tries and it is locked', '3 more tries', '2 more tries', '1 more try', 'it is locked now'])
        assert.match(await tries(joiner(one.id)), new RegExp(`^Refused: .*does not prove the code.*; ${left}`))
      await is(one, 'Locked', /Find out who tried, then make another: tombolo grant create/)
      assert.match(await tries(joiner(one.id)), /^Refused: .*is locked: too many requests did not prove its code\./)
      const join = await lineOf(one, new Date(Date.now() + 900_000))
      await assert.rejects(join, /is locked: 5 requests did not prove its code, as this one does/)
    })

    test('T8: is Expired when nobody came in time: there is nowhere to ask, and who has the line is told since when', async () => {
      const one = joiner('expires')
      const expiresAt = new Date(Date.now() + 4000)
      await registry().grant(one, { expiresAt: expiresAt.toISOString() })
      const join = await lineOf(one, expiresAt)
      await is(one, 'Expired', /Nobody used it in time.*Make another: tombolo grant create/)
      await isShut(one)
      await assert.rejects(join, new RegExp(`The grant for "expires" expired at ${expiresAt.toISOString()}`))
    })

    test('T8: is taken back, and who has the line is told that it did not expire', async () => {
      const { broker, signal, grant } = registry()
      const one = joiner('taken')
      await grant(one)
      const join = await lineOf(one, new Date(Date.now() + 900_000))
      await broker.admin.delete(joinGrant, { namespace: brokerNamespace, name: one.id }, {}, signal)
      await isShut(one)
      await assert.rejects(join, /The grant for "taken" would be good until .*, and was taken back on the broker/)
    })

    test('T8: is for one id: under another its account is refused, here by the policy and there by its rights, and it stays Open', async () => {
      const { broker, signal, grant } = registry()
      const [one, other] = [joiner('mine'), joiner('theirs')]
      await Promise.all([grant(one), grant(other)])
      const { apiVersion, kind, spec } = requestBy({ ...one, id: other.id }, own)
      const refusal = (namespace: string, name: string) =>
        asJoiner(one)
          .create(joinRequest, { apiVersion, kind, metadata: { namespace, name }, spec }, {}, signal)
          .then(
            () => 'created',
            (error: unknown) => (error instanceof StatusError ? `${error.code} ${error.message}` : String(error)),
          )
      assert.match(
        await refusal(joinNamespace(one.id), one.id),
        /^403 .*tombolo-joiner-requests.*joiners-id: spec\.clusterID and the name must be the id that the grant is for/,
      )
      assert.match(
        await refusal(joinNamespace(other.id), other.id),
        /^403 .*cannot create resource "joinrequests".*tombolo-j-theirs/,
      )
      for (const id of [one, other]) {
        assert.equal(await broker.admin.get(joinRequest, keyOf(id), signal), undefined)
        await is(id, 'Open', /may join with it/)
      }
    })
  })
}
