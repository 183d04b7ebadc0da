// Who is let in, and with which addresses: the broker's controllers as they run, with the rights they have, on a real apiserver.
import assert from 'node:assert/strict'
import { grantsController } from '#broker/grants/reconcile.ts'
import { joinsController } from '#broker/joins/reconcile.ts'
import { memberKeys } from '#broker/members/objects.ts'
import { membersController } from '#broker/members/reconcile.ts'
import { brokerStores } from '#broker/stores.ts'
import type { JoinGrant } from '#crds/join-grant.ts'
import { joinGrant } from '#crds/join-grant.ts'
import type { JoinRequest } from '#crds/join-request.ts'
import { joinRequest } from '#crds/join-request.ts'
import { levelOfAMember } from '#crds/limits.ts'
import { member } from '#crds/member.ts'
import {
  brokerNamespace,
  clusterIDLabel,
  controllerName,
  identityAnnotation,
  joinNamespace,
  memberLabel,
  memberNamespace,
  systemNamespace,
} from '#crds/places.ts'
import { userOf } from '#crds/rules/account.ts'
import { fingerprint, publicIdentity } from '#lib/identity/identity.ts'
import { timeIn, timeQuestion } from '#lib/kube/server-time.ts'
import { conditionOf } from '#lib/kube/conditions.ts'
import { isForbidden } from '#lib/kube/errors.ts'
import type { FlowSchema } from '#lib/kube/kinds.ts'
import { clusterRoles, flowSchemas, namespaces, nodes, priorityLevelConfigurations } from '#lib/kube/kinds.ts'
import type { Kind } from '#lib/kube/object.ts'
import { pause } from '#lib/std/pause.ts'
import type { BareBroker } from '#test/kit/bare-broker.ts'
import { bareBroker } from '#test/kit/bare-broker.ts'
import { eventually } from '#test/kit/eventually.ts'
import type { Joiner, Spec } from '#test/kit/joining.ts'
import { grantFor, joiner, requestBy } from '#test/kit/joining.ts'
import { interruptedJoin } from './registry/interrupted-join.ts'
import { lostGrant } from './registry/lost-grant.ts'
import { sleptOver } from './registry/slept-over.ts'

type Status = NonNullable<JoinRequest['status']>

suite('the registry of members, on a real apiserver', function () {
  this.timeout(180_000)
  const stop = new AbortController()
  let broker: BareBroker
  let running: Promise<unknown>
  suiteSetup(async () => {
    // An apiserver that gives an hour at most, as some do.
    broker = await bareBroker('apiserver and controllers', stop.signal, ['--service-account-max-token-expiration', '1h'])
    const api = broker.as(userOf(brokerNamespace, controllerName))
    const stores = brokerStores(api, stop.signal)
    running = Promise.all(
      [joinsController, grantsController, membersController].map((make) => make(api, stores).run(stop.signal)),
    ).catch((error: unknown) => {
      if (!stop.signal.aborted) throw error
    })
  })
  suiteTeardown(async () => {
    stop.abort()
    await running
    await broker[Symbol.asyncDispose]()
  })

  const keyOf = ({ id }: Joiner) => ({ namespace: joinNamespace(id), name: id })
  async function grant(one: Joiner, spec: Partial<JoinGrant['spec']> = {}): Promise<void> {
    const { status: _, ...object } = grantFor(one, { expiresAt: new Date(Date.now() + 900_000).toISOString(), ...spec })
    await broker.admin.create(joinGrant, object, {}, stop.signal)
    await eventually(async () => assert.equal(await grantState(one), 'Open'))
  }
  const grantState = async ({ id }: Joiner) =>
    (await broker.admin.get(joinGrant, { namespace: brokerNamespace, name: id }, stop.signal))?.status?.state
  async function asks(one: Joiner, spec: Spec = {}): Promise<void> {
    const { apiVersion, kind, spec: signed } = requestBy(one, { requestedAt: new Date().toISOString(), ...spec })
    await broker.admin.create(joinRequest, { apiVersion, kind, metadata: keyOf(one), spec: signed }, {}, stop.signal)
  }
  async function answer(one: Joiner): Promise<Status> {
    let status: JoinRequest['status']
    await eventually(async () => {
      status = (await broker.admin.get(joinRequest, keyOf(one), stop.signal))?.status
      assert.ok(status?.state === 'Refused' || status?.credentials !== undefined, JSON.stringify(status))
    }, 60_000)
    assert.ok(status !== undefined)
    return status
  }
  const reasonOf = ({ conditions }: Status) => conditionOf(conditions, 'Ready')?.reason

  test('of two that ask for the same addresses at once one is let in, and the other is told by Overlap whose they are', async () => {
    for (const round of [1, 2, 3]) {
      const two = [joiner(`one-${round}`), joiner(`two-${round}`)]
      await Promise.all(two.map((one) => grant(one)))
      const pods = [`10.${round}.0.0/16`]
      await Promise.all(two.map((one, i) => asks(one, { pods, services: [`10.${100 + 10 * round + i}.0.0/16`] })))
      const answers = await Promise.all(two.map(answer))
      assert.deepEqual(answers.map(({ state }) => state).toSorted(), ['Admitted', 'Refused'])
      const [loser, winner] = answers[0]?.state === 'Refused' ? [0, 1] : [1, 0]
      const overlap = conditionOf(answers[loser]?.conditions, 'Overlap')
      assert.equal(overlap?.status, 'True')
      for (const id of [two[loser]?.id, two[winner]?.id]) assert.ok(overlap.message.includes(`"${id ?? ''}"`), overlap.message)
      assert.match(overlap.message, /renumber one of them/)
    }
  })

  test('nobody is asked to approve what is then refused, and who is refused may come with the same grant again', async () => {
    const one = joiner('asks-first')
    await grant(one, { approval: 'Manual' })
    await asks(one, { pods: ['10.1.64.0/18'], services: ['10.201.0.0/16'] })
    assert.equal(reasonOf(await answer(one)), 'Overlap')
    assert.equal(await grantState(one), 'Open')
    await broker.admin.delete(joinRequest, keyOf(one), {}, stop.signal)
    await asks(one, { pods: ['10.21.0.0/16'], services: ['10.201.0.0/16'] })
    await eventually(async () => assert.equal(await grantState(one), 'Claimed'))
  })

  test('a member that asks for what another has keeps its own, and is told so', async () => {
    const mover = joiner('mover')
    await grant(mover)
    await asks(mover, { pods: ['10.20.0.0/16'], services: ['10.200.0.0/16'] })
    assert.equal((await answer(mover)).state, 'Admitted')
    await broker.admin.delete(joinGrant, { namespace: brokerNamespace, name: mover.id }, {}, stop.signal)
    await broker.admin.delete(joinRequest, keyOf(mover), {}, stop.signal)
    await eventually(async () => assert.equal(await broker.admin.get(joinRequest, keyOf(mover), stop.signal), undefined))
    // By another code, as every grant has: that of the first would still be proved by the request that is just gone.
    const again = { ...mover, code: joiner('mover').code }
    await grant(again)
    await asks(again, { pods: ['10.1.128.0/17'], services: ['10.200.0.0/16'] })
    assert.equal(reasonOf(await answer(mover)), 'Overlap')
    await eventually(async () => {
      const own = await broker.admin.get(member, { namespace: brokerNamespace, name: mover.id }, stop.signal)
      assert.deepEqual(own?.spec.podCIDRs, ['10.20.0.0/16'])
      assert.match(
        conditionOf(own.status?.conditions, 'Overlap')?.message ?? '',
        /keeps those it has: .*10\.1\.128\.0\/17 of "mover" overlaps/,
      )
      assert.equal(conditionOf(own.status?.conditions, 'Ready')?.status, 'True')
    })
  })

  test('the broker’s Service range is no obstacle, and a version that is too far away is one', async () => {
    const [alike, old] = [joiner('alike'), joiner('old')]
    await Promise.all([grant(alike), grant(old)])
    await asks(alike, { pods: ['10.30.0.0/16'], services: ['10.96.128.0/20'] })
    await asks(old, { pods: ['10.31.0.0/16'], services: ['10.131.0.0/16'], version: '7.0.0' })
    const [same, far] = [await answer(alike), await answer(old)]
    assert.equal(same.state, 'Admitted', same.message)
    assert.equal(reasonOf(far), 'Incompatible')
    assert.match(far.message ?? '', /spec\.version of "old" is "7\.0\.0", want/)
  })

  test('who waits for approval outlives its grant, and nobody else comes in by that', async () => {
    const one = joiner('waits')
    await grant(one, { approval: 'Manual', expiresAt: new Date(Date.now() + 8000).toISOString() })
    await asks(one, { pods: ['10.40.0.0/16'], services: ['10.140.0.0/16'] })
    await eventually(async () => assert.equal(await grantState(one), 'Claimed'))
    await pause(9000, stop.signal)
    const waiting = (await broker.admin.get(joinRequest, keyOf(one), stop.signal))?.status
    assert.equal(waiting?.state, 'AwaitingApproval')
    const thief = { ...joiner('waits'), code: one.code }
    await broker.admin.delete(joinRequest, keyOf(one), {}, stop.signal)
    await asks(thief, { pods: ['10.40.0.0/16'], services: ['10.140.0.0/16'] })
    assert.match((await answer(thief)).message ?? '', /was proved by another identity/)
    await broker.admin.delete(joinRequest, keyOf(one), {}, stop.signal)
    await asks(one, { pods: ['10.40.0.0/16'], services: ['10.140.0.0/16'] })
    const key = { namespace: brokerNamespace, name: one.id }
    await broker.admin.patch(joinGrant, key, { spec: { approved: waiting.fingerprint } }, {}, stop.signal)
    assert.equal((await answer(one)).state, 'Admitted')
    await eventually(async () => assert.equal(await grantState(one), 'Used'))
  })

  test('T3: only the broker’s own cluster may have the addresses of its nodes, by what is written there and not by what is asked', async () => {
    const [home, liar] = [joiner('home'), joiner('liar')]
    const node = { apiVersion: nodes.apiVersion, kind: nodes.kind, metadata: { name: 'hub-1' } }
    const status = { addresses: [{ type: 'InternalIP', address: '10.70.0.9' }] }
    await broker.admin.create(nodes, node, {}, stop.signal)
    const fieldManager = 'test'
    await broker.admin.apply(nodes, { ...node, status }, { fieldManager, subresource: 'status' }, stop.signal)
    const uid = (await broker.admin.get(namespaces, { name: 'kube-system' }, stop.signal))?.metadata.uid ?? ''
    const annotations = { [identityAnnotation]: fingerprint(publicIdentity(home.identity)) }
    const system = { apiVersion: namespaces.apiVersion, kind: namespaces.kind, metadata: { name: systemNamespace, annotations } }
    await broker.admin.apply(namespaces, system, { fieldManager }, stop.signal)
    await Promise.all([grant(home), grant(liar)])
    const wanted = { uid, pods: ['10.70.0.0/16'], services: ['10.170.0.0/16'] }
    await asks(liar, wanted)
    const refused = await answer(liar)
    assert.equal(reasonOf(refused), 'BrokerAddresses')
    assert.match(refused.message ?? '', /10\.70\.0\.9 of one of its nodes.*tombolo join shows that it is that one/)
    await asks(home, wanted)
    assert.equal((await answer(home)).state, 'Admitted')
  })

  test('while the broker cannot read where it is, members renew and newcomers wait and are told why; then they are let in', async () => {
    const [renews, comes] = [joiner('renews'), joiner('comes')]
    await Promise.all([grant(renews), grant(comes)])
    const own = { pods: ['10.60.0.0/16'], services: ['10.160.0.0/16'] }
    await asks(renews, own)
    assert.equal((await answer(renews)).state, 'Admitted')
    const key = { name: controllerName }
    const rules = (await broker.admin.get(clusterRoles, key, stop.signal))?.rules ?? []
    const blind = rules.filter(({ resources }) => resources?.includes('nodes') !== true)
    await broker.admin.patch(clusterRoles, key, { rules: blind }, {}, stop.signal)
    const controller = broker.as(userOf(brokerNamespace, controllerName))
    await eventually(() => assert.rejects(controller.list(nodes, {}, stop.signal), isForbidden))
    await broker.admin.delete(joinRequest, keyOf(renews), {}, stop.signal)
    await asks(renews, own)
    await asks(comes, { pods: ['10.61.0.0/16'], services: ['10.161.0.0/16'] })
    assert.equal((await answer(renews)).state, 'Admitted')
    await eventually(async () => {
      const status = (await broker.admin.get(joinRequest, keyOf(comes), stop.signal))?.status
      assert.equal(status?.state, 'Pending')
      assert.match(status.message ?? '', /cannot read where it is itself.*403 Forbidden/)
    })
    await broker.admin.patch(clusterRoles, key, { rules }, {}, stop.signal)
    assert.equal((await answer(comes)).state, 'Admitted')
  })

  test('the label without which a member may write nothing is put back', async () => {
    const one = joiner('marked')
    await grant(one)
    await asks(one, { pods: ['10.51.0.0/16'], services: ['10.151.0.0/16'] })
    assert.equal((await answer(one)).state, 'Admitted')
    const key = { name: memberNamespace(one.id) }
    const labels = async () => (await broker.admin.get(namespaces, key, stop.signal))?.metadata.labels ?? {}
    await eventually(async () => assert.equal((await labels())[memberLabel], 'true'))
    // With that by which the controller finds it, too.
    await broker.admin.patch(
      namespaces,
      key,
      { metadata: { labels: { [memberLabel]: null, [clusterIDLabel]: null } } },
      {},
      stop.signal,
    )
    await eventually(async () => {
      const now = await labels()
      assert.deepEqual([now[memberLabel], now[clusterIDLabel]], ['true', one.id])
    })
  })

  test('where the apiserver gives shorter tokens than it is asked for, that is remarked', async () => {
    const one = joiner('short')
    await grant(one)
    await asks(one, { pods: ['10.50.0.0/16'], services: ['10.150.0.0/16'] })
    const said = conditionOf((await answer(one)).conditions, 'ShortCredentials')
    assert.match(said?.message ?? '', /gives tokens of 1\.0 h where 336 h were asked for/)
  })

  test('a member may ask for the broker’s time', async () => {
    const answered = await broker.as(userOf('tombolo-m-short', 'member')).request(timeQuestion, stop.signal)
    assert.ok(Math.abs((timeIn(answered)?.getTime() ?? 0) - Date.now()) < 5000)
  })

  test('T11: a member has a level of the apiserver of its own from its admission on, and nothing of it is left when it is gone', async () => {
    const one = joiner('level')
    const levelOf = (kind: Kind) => broker.admin.get(kind, memberKeys(one.id).level, stop.signal)
    await grant(one)
    await asks(one, { pods: ['10.71.0.0/16'], services: ['10.171.0.0/16'] })
    assert.equal((await answer(one)).state, 'Admitted')
    assert.deepEqual((await levelOf(priorityLevelConfigurations))?.spec, levelOfAMember)
    await eventually(async () => {
      const { status } = (await levelOf(flowSchemas)) as FlowSchema
      assert.deepEqual(
        status?.conditions?.map(({ type, status: is }) => [type, is]),
        [['Dangling', 'False']],
      )
    })
    // What somebody takes away is put back.
    await broker.admin.delete(flowSchemas, memberKeys(one.id).schema, {}, stop.signal)
    await eventually(async () => assert.ok((await levelOf(flowSchemas)) !== undefined))
    await broker.admin.delete(member, { namespace: brokerNamespace, name: one.id }, {}, stop.signal)
    await eventually(async () => {
      for (const kind of [member, flowSchemas, priorityLevelConfigurations, namespaces] as readonly Kind[])
        assert.equal(
          await broker.admin.get(
            kind,
            kind === member ? { namespace: brokerNamespace, name: one.id } : memberKeys(one.id).level,
            stop.signal,
          ),
          undefined,
          kind.kind,
        )
    }, 60_000)
  })

  const registry = () => ({ broker, signal: stop.signal, grant, asks, answer })
  sleptOver(registry)
  lostGrant(registry)
  interruptedJoin(registry)
})
