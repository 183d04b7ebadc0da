import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { allJoins, joinsController } from '#broker/joins/reconcile.ts'
import { membersController } from '#broker/members/reconcile.ts'
import { brokerStores } from '#broker/stores.ts'
import { joinRequest } from '#crds/join-request.ts'
import { member } from '#crds/member.ts'
import { membership } from '#crds/membership.ts'
import { kube } from '#lib/kube/client.ts'
import { source } from '#lib/kube/controller.ts'
import { configMaps, nodes, secrets } from '#lib/kube/kinds.ts'
import { logger } from '#lib/std/log.ts'
import type { ApiServer } from '#test/kit/apiserver.ts'
import { apiserver, writes } from '#test/kit/apiserver.ts'
import type { Ran } from '#test/kit/cli.ts'
import { tombolo } from '#test/kit/cli.ts'
import { bareCluster, controlPlane, installedBroker } from '#test/kit/installed.ts'
import type { Kubeconfig } from '#test/kit/kubeconfig.ts'
import { kubeconfig } from '#test/kit/kubeconfig.ts'

const ownMembership = { namespace: 'tombolo-system', name: 'membership' }
const reached = ['--broker-server', 'https://192.0.2.10:6443']

/** Three clusters; the broker's controllers are the real ones, in this process. */
suite('tombolo join', () => {
  let stop: AbortController
  let servers: Record<'east' | 'west' | 'hub', ApiServer>
  let config: Kubeconfig
  let running: Promise<unknown>
  setup(async () => {
    stop = new AbortController()
    servers = { east: await apiserver(), west: await apiserver(), hub: await apiserver() }
    const { east, west, hub } = servers
    config = await kubeconfig({ east: east.connection.server, west: west.connection.server, hub: hub.connection.server })
    for (const [id, server] of Object.entries(servers)) bareCluster(server, id, `${id}-1`)
    installedBroker(hub)
    hub.put(configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'kube-root-ca.crt', namespace: 'kube-public' },
      data: { 'ca.crt': 'CA' },
    })
    running = Promise.all([brokerController(hub), controlPlane(east, stop.signal), controlPlane(west, stop.signal)])
  })
  teardown(async () => {
    stop.abort()
    await running
    await config[Symbol.asyncDispose]()
    for (const server of Object.values(servers)) await server[Symbol.asyncDispose]()
  })

  async function brokerController(hub: ApiServer): Promise<void> {
    await using api = kube(hub.connection, logger('broker', 'silent'))
    const stores = brokerStores(api, stop.signal)
    const sources = [source(stores.requests, () => allJoins), source(stores.members, () => allJoins)]
    const onRun = () => undefined
    await Promise.all([
      joinsController(api, sources, onRun).run(stop.signal),
      membersController(api, stores, onRun).run(stop.signal),
    ])
  }

  const run = async (...args: readonly string[]): Promise<Ran> => {
    const ran = await tombolo([...args, '--kubeconfig', config.path], { signal: stop.signal })
    for (const secret of ['not-to-be-shown', 'token-of-member', Buffer.from('token-of-member').toString('base64')])
      assert.ok(!`${ran.out}${ran.err}`.includes(secret), 'a secret was printed')
    assert.doesNotMatch(`${ran.out}${ran.err}`, /^\s+at .*:\d+/m, 'a stack trace was printed')
    return ran
  }
  const join = (id: 'east' | 'west', pods: string, ...more: readonly string[]) =>
    run(
      'join',
      ...[id, '--context', id, '--broker-context', 'hub', '--gateway-node', `${id}-1`],
      ...['--pod-cidr', pods, '--service-cidr', id === 'east' ? '10.101.0.0/16' : '10.102.0.0/16'],
      ...reached,
      ...more,
    )
  /** What an operator says when all is well. */
  async function operatorIsReady(server: ApiServer, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const own = server.read(membership, ownMembership)
      const ready = {
        type: 'Ready',
        status: 'True' as const,
        reason: 'Ready',
        message: '',
        lastTransitionTime: '2026-01-02T00:00:00Z',
      }
      if (own !== undefined && own.status === undefined) server.put(membership, { ...own, status: { conditions: [ready] } })
      await sleep(10)
    }
  }
  async function withOperator<T>(server: ApiServer, work: () => Promise<T>): Promise<T> {
    const done = new AbortController()
    const operator = operatorIsReady(server, done.signal)
    try {
      return await work()
    } finally {
      done.abort()
      await operator
    }
  }

  test('a cluster becomes a member, and joining again changes nothing', async () => {
    const { east, hub } = servers
    const ran = await withOperator(east, () => join('east', '10.1.0.0/16', '-o', 'json'))
    assert.equal(ran.code, 0, ran.err)
    assert.equal((JSON.parse(ran.out) as { clusterID: string }).clusterID, 'east')
    assert.deepEqual(hub.read(member, { namespace: 'tombolo-broker', name: 'east' })?.spec.podCIDRs, ['10.1.0.0/16'])
    assert.equal(east.read(nodes, { name: 'east-1' })?.metadata.labels?.['tombolo.dev/gateway'], 'true')
    const secret = east.read(secrets, { namespace: 'tombolo-system', name: 'tombolo-broker' })
    assert.equal(Buffer.from(secret?.data?.['token'] ?? '', 'base64').toString(), 'token-of-member')
    const { resourceVersion } = east.read(membership, ownMembership)?.metadata ?? {}
    const again = await join('east', '10.1.0.0/16')
    assert.equal(again.code, 0, again.err)
    assert.equal(east.read(membership, ownMembership)?.metadata.resourceVersion, resourceVersion)
  })

  test('a cluster id that is no DNS label is wrong use', async () => {
    const ran = await run('join', 'East_1', '--context', 'east', '--broker-context', 'hub')
    assert.equal(ran.code, 2)
    assert.match(ran.err, /"East_1" is not valid \(want a DNS label/)
    assert.deepEqual(writes(servers.east), [])
  })

  test('a cluster id that another cluster has is refused, and nothing is installed', async () => {
    const first = await withOperator(servers.east, () => join('east', '10.1.0.0/16'))
    assert.equal(first.code, 0, first.err)
    const ran = await run(
      'join',
      ...['east', '--context', 'west', '--broker-context', 'hub', '--gateway-node', 'west-1'],
      ...['--pod-cidr', '10.2.0.0/16', '--service-cidr', '10.102.0.0/16', ...reached],
    )
    assert.equal(ran.code, 2)
    assert.match(ran.err, /Cluster id "east" is taken: another cluster.*\n {2}Choose another cluster id, or check --context\./)
    assert.deepEqual(writes(servers.west), [])
  })

  test('addresses that overlap are refused with both names, nothing is installed, and the corrected command goes through', async () => {
    const { east, west, hub } = servers
    await withOperator(east, () => join('east', '10.1.0.0/16'))
    const ran = await join('west', '10.1.128.0/17')
    assert.equal(ran.code, 2)
    assert.match(ran.err, /10\.1\.128\.0\/17/)
    assert.match(ran.err, /10\.1\.0\.0\/16/)
    assert.match(ran.err, /"?west"?/)
    assert.match(ran.err, /"?east"?/)
    assert.deepEqual(writes(west), [])
    assert.equal(hub.read(joinRequest, { namespace: 'tombolo-join', name: 'west' }), undefined)
    const corrected = await withOperator(west, () => join('west', '10.2.0.0/16'))
    assert.equal(corrected.code, 0, corrected.err)
  })

  test('without a gateway node nothing is asked for, and the remedy names a node', async () => {
    const ran = await run('join', 'east', '--context', 'east', '--broker-context', 'hub', ...reached)
    assert.equal(ran.code, 2)
    assert.match(ran.err, /No node of context "east" is labelled as a gateway/)
    assert.match(ran.err, /--gateway-node east-1/)
    assert.match(ran.err, /kubectl --context east label node east-1 tombolo\.dev\/gateway=true/)
    assert.deepEqual([...writes(servers.east), ...writes(servers.hub).filter(({ plural }) => plural === 'joinrequests')], [])
  })

  test('a context that does not exist is refused with those that do', async () => {
    const ran = await run('join', 'east', '--context', 'eest', '--broker-context', 'hub')
    assert.equal(ran.code, 2)
    assert.match(ran.err, /Context "eest" cannot be used\.\n {2}Choose one of east, west, hub/)
  })

  test('a broker that goes away in the middle leaves nothing half installed, and the same command goes on', async () => {
    const { east, hub } = servers
    const mend = hub.fault(({ subresource }) => subresource === 'token', { do: 'reset' }, 100)
    const broken = await join('east', '10.1.0.0/16')
    assert.equal(broken.code, 3, broken.err)
    assert.match(
      broken.err,
      /The apiserver of context "hub" .* cannot be reached.*\n.*running the command again goes on from there/,
    )
    assert.deepEqual(writes(east), [])
    mend()
    const again = await withOperator(east, () => join('east', '10.1.0.0/16'))
    assert.equal(again.code, 0, again.err)
  })

  test('a cluster that goes away in the middle is gone on with as well', async () => {
    const { east } = servers
    const mend = east.fault(({ verb, plural }) => verb === 'apply' && plural === 'deployments', { do: 'reset' }, 100)
    const broken = await join('east', '10.1.0.0/16')
    assert.equal(broken.code, 3, broken.err)
    mend()
    const again = await withOperator(east, () => join('east', '10.1.0.0/16'))
    assert.equal(again.code, 0, again.err)
  })

  test('a broker that is none, and one that only this machine reaches, are refused with the remedy', async () => {
    const none = await run(
      'join',
      ...['east', '--context', 'east', '--broker-context', 'west', '--gateway-node', 'east-1'],
      ...['--pod-cidr', '10.1.0.0/16', '--service-cidr', '10.101.0.0/16', ...reached],
    )
    assert.equal(none.code, 2)
    assert.match(none.err, /There is no broker in context "west"\.\n.*tombolo deploy-broker --context west/)
    const local = await run(
      'join',
      ...['east', '--context', 'east', '--broker-context', 'hub', '--gateway-node', 'east-1'],
      ...['--pod-cidr', '10.1.0.0/16', '--service-cidr', '10.101.0.0/16', '--broker-server', 'https://127.0.0.1:6443'],
    )
    assert.equal(local.code, 2)
    assert.match(local.err, /which only this machine can\.\n.*--broker-server/)
    assert.deepEqual(writes(servers.east), [])
  })

  test('rights that are missing are named, with the context they are missing in', async () => {
    servers.east.fault(({ plural }) => plural === 'nodes', { do: 'status', code: 403, reason: 'Forbidden' }, 100)
    const ran = await join('east', '10.1.0.0/16')
    assert.equal(ran.code, 1)
    assert.match(ran.err, /Not allowed in context "east": .*nodes.*Forbidden.*\n {2}Ask for that right/)
  })

  test('--dry-run prints what would be applied, the gateway label and no token among it, and writes nothing', async () => {
    const { east, hub } = servers
    const ran = await join('east', '10.1.0.0/16', '--dry-run')
    assert.equal(ran.code, 0, ran.err)
    for (const kind of ['JoinRequest', 'CustomResourceDefinition', 'Node', 'Deployment', 'Secret', 'Membership'])
      assert.match(ran.out, new RegExp(`^kind: ${kind}$`, 'm'))
    assert.deepEqual(writes(east), [])
    assert.deepEqual(
      writes(hub).filter(({ plural }) => plural === 'joinrequests'),
      [],
    )
  })
})
