import assert from 'node:assert/strict'
import { grantsController } from '#broker/grants/reconcile.ts'
import { membersController } from '#broker/members/reconcile.ts'
import { brokerStores } from '#broker/stores.ts'
import { joinGrant } from '#crds/join-grant.ts'
import { joinRequest } from '#crds/join-request.ts'
import { brokerNamespace, joinNamespace, memberNamespace } from '#crds/places.ts'
import { kube } from '#lib/kube/client.ts'
import { endpointSlices } from '#lib/kube/kinds.ts'
import { logger } from '#lib/std/log.ts'
import type { ApiServer } from '#test/kit/apiserver.ts'
import { apiserver } from '#test/kit/apiserver.ts'
import { eventually } from '#test/kit/eventually.ts'
import { installedBroker } from '#test/kit/installed.ts'
import type { Joiner } from '#test/kit/joining.ts'
import { apiserverAt, grantFor, joiner, requestBy } from '#test/kit/joining.ts'
import { apiserverSlice } from './own-addresses.ts'
import { joinsController } from './reconcile.ts'

suite('answering who asks to join', () => {
  let stop: AbortController
  let server: ApiServer
  let running: Promise<unknown>
  const [bad, good] = [joiner('bad'), joiner('good')]

  setup(async () => {
    stop = new AbortController()
    server = await apiserver()
    installedBroker(server)
    const api = kube(server.connection, logger('test', 'silent'))
    const stores = brokerStores(api, stop.signal)
    const controllers = [grantsController, joinsController, membersController].map((make) => make(api, stores))
    running = Promise.all(controllers.map((controller) => controller.run(stop.signal)))
  })
  teardown(async () => {
    stop.abort()
    await running
    await server[Symbol.asyncDispose]()
  })

  const grantOf = ({ id }: Joiner) => server.read(joinGrant, { namespace: brokerNamespace, name: id })
  const answerTo = ({ id }: Joiner) => server.read(joinRequest, { namespace: joinNamespace(id), name: id })?.status
  async function ask(one: Joiner, pods: string, services: string): Promise<void> {
    const [soon, now] = [Date.now() + 900_000, Date.now()].map((ms) => new Date(ms).toISOString())
    server.put(joinGrant, grantFor(one, { expiresAt: soon ?? '' }))
    await eventually(() => assert.equal(grantOf(one)?.status?.state, 'Open'))
    const spec = { pods: [pods], services: [services], requestedAt: now ?? '' }
    server.put(joinRequest, requestBy(one, spec, { creationTimestamp: now ?? '' }))
  }
  const both = async () => {
    await ask(bad, '10.1.0.0/16', '10.101.0.0/16')
    await ask(good, '10.2.0.0/16', '10.102.0.0/16')
  }

  test('an answer that cannot be written keeps nobody else’s back', async () => {
    const isAnswer: Parameters<ApiServer['fault']>[0] = ({ verb, plural, name }) =>
      verb === 'apply' && plural === 'joinrequests' && name === bad.id
    server.fault(isAnswer, { do: 'status', code: 422 }, Infinity)
    await both()
    await eventually(() => assert.ok(answerTo(good)?.credentials !== undefined))
    assert.equal(answerTo(bad), undefined)
  })

  test('nor do credentials that cannot be made', async () => {
    const isToken: Parameters<ApiServer['fault']>[0] = ({ verb, plural, namespace }) =>
      verb === 'create' && plural === 'serviceaccounts' && namespace === memberNamespace(bad.id)
    server.fault(isToken, { do: 'status', code: 500 }, Infinity)
    await both()
    await eventually(() => assert.ok(answerTo(good)?.credentials !== undefined))
    assert.equal(answerTo(bad)?.credentials, undefined)
  })

  const holds = async (one: Joiner) => {
    await eventually(() => assert.ok(answerTo(one)?.credentials !== undefined))
    return answerTo(one)?.credentials
  }
  /** As a member does at two thirds of its token: it asks for what it has, anew. */
  const renew = ({ id, ...one }: Joiner) => {
    const requestedAt = new Date().toISOString()
    const spec = { pods: ['10.2.0.0/16'], services: ['10.102.0.0/16'], requestedAt }
    server.remove(joinRequest, { namespace: joinNamespace(id), name: id })
    server.put(joinRequest, requestBy({ id, ...one }, spec, { creationTimestamp: requestedAt }, false))
  }
  /** So that it looks at once and not in ten seconds. */
  const touch = () => {
    const { status: _, ...grant } = grantOf(good) ?? assert.fail()
    server.put(joinGrant, { ...grant, metadata: { ...grant.metadata, annotations: { touched: 'true' } } })
  }
  const unknown = (one: Joiner, why: RegExp) =>
    eventually(() => {
      const ready = answerTo(one)?.conditions?.find(({ type }) => type === 'Ready')
      assert.equal(ready?.reason, 'GroundUnknown')
      assert.match(ready.message, why)
    })

  test('where gateways cannot be listed, members renew, and a newcomer waits until they can', async () => {
    await ask(good, '10.2.0.0/16', '10.102.0.0/16')
    const first = await holds(good)
    const mended = server.fault(
      ({ verb, plural }) => verb === 'list' && plural === 'gatewayendpoints',
      { do: 'status', code: 500 },
      Infinity,
    )
    renew(good)
    await eventually(async () => assert.notDeepEqual(await holds(good), first))
    await ask(bad, '10.1.0.0/16', '10.101.0.0/16')
    await unknown(bad, /cannot read where gateways are/)
    mended()
    touch()
    await holds(bad)
  })

  test('nor does anybody come in while its apiserver does not say where it is', async () => {
    server.remove(endpointSlices, apiserverSlice)
    await ask(good, '10.2.0.0/16', '10.102.0.0/16')
    await unknown(good, /EndpointSlice default\/kubernetes names no address/)
    server.put(endpointSlices, apiserverAt('10.2.3.4'))
    touch()
    await eventually(() => assert.equal(answerTo(good)?.state, 'Refused'))
  })
})
