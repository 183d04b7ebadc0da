import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { grantsController } from '#broker/grants/reconcile.ts'
import { joinsController } from '#broker/joins/reconcile.ts'
import { membersController } from '#broker/members/reconcile.ts'
import { brokerStores } from '#broker/stores.ts'
import { fleet } from '#crds/fleet.ts'
import { joinGrant } from '#crds/join-grant.ts'
import { joinRequest } from '#crds/join-request.ts'
import { member } from '#crds/member.ts'
import { membership } from '#crds/membership.ts'
import { formatGrant, GrantCode } from '#lib/identity/grant.ts'
import { fingerprint } from '#lib/identity/identity.ts'
import { kube } from '#lib/kube/client.ts'
import { configMaps, namespaces, nodes, secrets, serviceAccounts } from '#lib/kube/kinds.ts'
import { logger } from '#lib/std/log.ts'
import type { ClusterID } from '#lib/net/cluster-id.ts'
import type { ApiServer } from '#test/kit/apiserver.ts'
import { apiserver, writes } from '#test/kit/apiserver.ts'
import type { Ran } from '#test/kit/cli.ts'
import { inProcess, withImage } from '#test/kit/in-process.ts'
import { eventually } from '#test/kit/eventually.ts'
import { bareCluster, controlPlane, installedBroker } from '#test/kit/installed.ts'
import { grantFor, joiner } from '#test/kit/joining.ts'
import type { Kubeconfig } from '#test/kit/kubeconfig.ts'
import { kubeconfig } from '#test/kit/kubeconfig.ts'
import type { Secure } from '#test/kit/secure.ts'
import { secure } from '#test/kit/secure.ts'

const inSystem = (name: string) => ({ namespace: 'tombolo-system', name })
const inBroker = (name: string) => ({ namespace: 'tombolo-broker', name })
const ownMembership = inSystem('membership')

/** Three clusters; the broker's controllers are the real ones, in this process. */
suite('joining by grant', () => {
  withImage()
  let stop: AbortController
  let servers: Record<'east' | 'west' | 'hub', ApiServer>
  let front: Secure
  let config: Kubeconfig
  let running: Promise<unknown>
  let controller: AsyncDisposable
  setup(async () => {
    stop = new AbortController()
    servers = { east: await apiserver(), west: await apiserver(), hub: await apiserver() }
    const { east, west, hub } = servers
    front = await secure(hub.connection)
    config = await kubeconfig({ east: east.connection.server, west: west.connection.server, hub: hub.connection.server })
    for (const [id, server] of Object.entries(servers)) bareCluster(server, id, `${id}-1`)
    installedBroker(hub)
    hub.put(configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'kube-root-ca.crt', namespace: 'kube-public' },
      data: { 'ca.crt': front.ca },
    })
    controller = start(hub)
    running = Promise.all([controlPlane(east, stop.signal), controlPlane(west, stop.signal)])
  })
  teardown(async () => {
    stop.abort()
    await running
    await controller[Symbol.asyncDispose]()
    await config[Symbol.asyncDispose]()
    await front[Symbol.asyncDispose]()
    for (const server of Object.values(servers)) await server[Symbol.asyncDispose]()
  })

  /** The broker's controller, until it is disposed of. */
  function start(hub: ApiServer): AsyncDisposable {
    const ended = new AbortController()
    const api = kube(hub.connection, logger('broker', 'silent'))
    const stores = brokerStores(api, ended.signal)
    const controllers = [grantsController, joinsController, membersController].map((make) => make(api, stores))
    const ran = Promise.all(controllers.map((one) => one.run(ended.signal)))
    return {
      [Symbol.asyncDispose]: async () => {
        ended.abort()
        await ran
        await api[Symbol.asyncDispose]()
      },
    }
  }

  const tokens = ['token-of-member', 'token-of-joiner']
  const run = async (args: readonly string[], stdin = ''): Promise<Ran> => {
    const ran = await inProcess([...args, '--kubeconfig', config.path], { signal: stop.signal, stdin })
    for (const secret of ['not-to-be-shown', ...tokens, ...tokens.map((t) => Buffer.from(t).toString('base64'))])
      assert.ok(!`${ran.out}${ran.err}`.includes(secret), 'a secret was printed')
    assert.doesNotMatch(`${ran.out}${ran.err}`, /^\s+at .*:\d+/m, 'a stack trace was printed')
    return ran
  }
  /** A grant as \`grant create\` makes it, but for a broker that only this machine reaches. */
  const granted = async (id: keyof typeof servers, spec: Parameters<typeof grantFor>[1] = {}): Promise<string> => {
    const { hub } = servers
    const one = joiner(id)
    if (hub.read(joinGrant, inBroker(id)) !== undefined) hub.remove(joinGrant, inBroker(id))
    const { expiresAt = new Date(Date.now() + 900_000).toISOString() } = spec
    hub.put(joinGrant, grantFor(one, { ...spec, expiresAt }))
    await eventually(() => assert.equal(hub.read(joinGrant, inBroker(id))?.status?.state, 'Open'))
    return formatGrant({
      clusterID: id as ClusterID,
      server: front.server,
      ca: front.ca,
      token: 'token-of-joiner',
      code: one.code,
      expiresAt: new Date(expiresAt),
    })
  }
  const joinWith = (grant: string, id: keyof typeof servers, pods: string, ...more: readonly string[]) =>
    run(
      [
        ...['join', ...(grant === '' ? [] : ['--grant', '-']), '--context', id, '--gateway-node', `${id}-1`],
        ...['--pod-cidr', pods, '--service-cidr', id === 'east' ? '10.101.0.0/16' : '10.102.0.0/16'],
        ...more,
      ],
      grant,
    )
  const join = async (id: keyof typeof servers, pods: string, ...more: readonly string[]) =>
    joinWith(await granted(id), id, pods, ...more)
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

  test('a cluster becomes a member with keys of its own, and joining again changes nothing and needs no grant', async () => {
    const { east, hub } = servers
    const ran = await withOperator(east, () => join('east', '10.1.0.0/16', '-o', 'json'))
    assert.equal(ran.code, 0, ran.err)
    assert.equal((JSON.parse(ran.out) as { clusterID: string }).clusterID, 'east')
    const admitted = hub.read(member, inBroker('east'))
    assert.deepEqual(admitted?.spec.podCIDRs, ['10.1.0.0/16'])
    assert.equal(east.read(nodes, { name: 'east-1' })?.metadata.labels?.['tombolo.dev/gateway'], 'true')
    const secret = east.read(secrets, inSystem('tombolo-broker'))
    const read = (key: string) => Buffer.from(secret?.data?.[key] ?? '', 'base64').toString()
    assert.deepEqual([read('token'), read('renewalToken'), read('server')], [...tokens, front.server])
    const keys = east.read(secrets, inSystem('tombolo-identity'))
    assert.ok(keys?.data?.['signing'] !== undefined && keys.data['agreement'] !== undefined)
    const mark = () => east.read(namespaces, { name: 'tombolo-system' })?.metadata.annotations?.['tombolo.dev/identity']
    assert.equal(mark(), fingerprint(admitted.spec.identity))
    await eventually(() => assert.equal(hub.read(joinGrant, inBroker('east'))?.status?.state, 'Used'))
    const { resourceVersion } = east.read(membership, ownMembership)?.metadata ?? {}
    const again = await joinWith('', 'east', '10.1.0.0/16')
    assert.equal(again.code, 0, again.err)
    assert.equal(east.read(membership, ownMembership)?.metadata.resourceVersion, resourceVersion)
    assert.deepEqual(hub.read(member, inBroker('east'))?.spec.identity, admitted.spec.identity)
  })

  test('T3: a cluster that the broker is in may have the addresses of its nodes, and no other', async () => {
    const { hub } = servers
    const own = hub.read(nodes, { name: 'hub-1' })
    assert.ok(own !== undefined)
    hub.put(nodes, { ...own, status: { addresses: [{ type: 'InternalIP', address: '10.7.0.1' }] } })
    const other = await join('west', '10.7.0.0/16')
    assert.equal(other.code, 2, other.err)
    assert.match(other.err, /contains 10\.7\.0\.1 of one of its nodes/)
    const itself = controlPlane(hub, stop.signal)
    const ran = await withOperator(hub, () => join('hub', '10.7.0.0/16'))
    assert.equal(ran.code, 0, ran.err)
    running = Promise.all([running, itself])
  })

  test('T8: a grant that was used lets nobody else in, and nothing stays in the cluster that tried', async () => {
    const grant = await granted('east')
    assert.equal((await withOperator(servers.east, () => joinWith(grant, 'east', '10.1.0.0/16'))).code, 0)
    const { hub } = servers
    await eventually(() => assert.equal(hub.read(joinGrant, inBroker('east'))?.status?.state, 'Used'))
    const thief = await joinWith(grant, 'west', '10.2.0.0/16')
    assert.equal(thief.code, 2, thief.err)
    const { usedBy = '' } = hub.read(joinGrant, inBroker('east'))?.status ?? {}
    assert.match(thief.err, new RegExp(`The grant for "east" was used already, by ${usedBy}\\.`))
    await eventually(() => assert.equal(servers.west.read(namespaces, { name: 'tombolo-system' }), undefined))
    assert.equal(servers.west.read(membership, ownMembership), undefined)
  })

  test('T8: five requests that do not prove the code lock the grant, also for whoever has it', async () => {
    const { hub } = servers
    const grant = await granted('east')
    const wrong = formatGrant({
      clusterID: 'east' as ClusterID,
      server: front.server,
      ca: front.ca,
      token: 'token-of-joiner',
      code: GrantCode.generate(),
      expiresAt: new Date(Date.now() + 900_000),
    })
    for (const left of [4, 3, 2, 1, 0]) {
      const ran = await joinWith(wrong, 'east', '10.1.0.0/16')
      assert.equal(ran.code, 2, ran.err)
      assert.match(ran.err, left === 0 ? /it is locked now/ : new RegExp(`${left} more tr(y|ies) and it is locked`))
    }
    const late = await joinWith(grant, 'east', '10.1.0.0/16', '--timeout', '5')
    assert.equal(late.code, 2)
    assert.match(
      late.err,
      /The grant for "east" is locked: 5 requests did not prove its code, as this one does\. Find out who else/,
    )
    assert.equal(hub.read(member, inBroker('east')), undefined)
    assert.equal(hub.read(joinGrant, inBroker('east'))?.status?.state, 'Locked')
  })

  test('T8: an expired grant lets nobody in', async () => {
    const grant = await granted('east', { expiresAt: new Date(Date.now() + 2000).toISOString() })
    await sleep(2100)
    const ran = await joinWith(grant, 'east', '10.1.0.0/16', '--timeout', '5')
    assert.equal(ran.code, 2, ran.err)
    assert.match(ran.err, /The grant for "east" expired at /)
    await eventually(() => assert.equal(servers.hub.read(joinGrant, inBroker('east'))?.status?.state, 'Expired'))
    assert.equal(servers.hub.read(member, inBroker('east')), undefined)
  })

  test('where approval is manual both sides show the fingerprint, and the cluster joins when it is approved', async () => {
    const { east, hub } = servers
    const grant = await granted('east', { approval: 'Manual' })
    const joining = withOperator(east, () => joinWith(grant, 'east', '10.1.0.0/16'))
    const request = { namespace: 'tombolo-j-east', name: 'east' }
    await eventually(() => assert.equal(hub.read(joinRequest, request)?.status?.state, 'AwaitingApproval'))
    const print = hub.read(joinRequest, request)?.status?.fingerprint ?? ''
    assert.equal(hub.read(member, inBroker('east')), undefined)
    const wrong = await run(['approve', 'east', '--context', 'hub', '--fingerprint', print.replace(/^..../, 'ffff')])
    assert.equal(wrong.code, 2)
    assert.match(wrong.err, /Another identity asks to be "east"/)
    const approved = await run(['approve', 'east', '--context', 'hub', '--fingerprint', print])
    assert.equal(approved.code, 0, approved.err)
    const ran = await joining
    assert.equal(ran.code, 0, ran.err)
    assert.ok(ran.err.includes(`fingerprint ${print}`), ran.err)
    assert.ok(approved.err.includes(print), approved.err)
    assert.deepEqual(hub.read(joinGrant, inBroker('east'))?.spec.approvedAddresses, ['10.1.0.0/16', '10.101.0.0/16'])
  })

  test('a join that is refused takes nothing away from another one of the same cluster that was let in meanwhile', async () => {
    const { west, hub } = servers
    const joining = joinWith(await granted('west', { approval: 'Manual' }), 'west', '10.2.0.0/16')
    const request = { namespace: 'tombolo-j-west', name: 'west' }
    await eventually(() => assert.equal(hub.read(joinRequest, request)?.status?.state, 'AwaitingApproval'))
    west.put(secrets, { apiVersion: 'v1', kind: 'Secret', metadata: inSystem('tombolo-broker') })
    const grant = hub.read(joinGrant, inBroker('west'))
    assert.ok(grant !== undefined)
    hub.put(joinGrant, {
      ...grant,
      metadata: inBroker('west'),
      spec: { ...grant.spec, approved: 'ffff-ffff-ffff-ffff-ffff-ffff-ffff-ffff' },
    })
    const ran = await joining
    assert.equal(ran.code, 2, ran.err)
    assert.match(ran.err, /Another identity was approved/)
    assert.ok(west.read(namespaces, { name: 'tombolo-system' }) !== undefined)
    assert.ok(west.read(secrets, inSystem('tombolo-identity')) !== undefined)
  })

  test('nobody waits: approve says so', async () => {
    const ran = await run(['approve', 'east', '--context', 'hub', '--yes'])
    assert.equal(ran.code, 2)
    assert.match(ran.err, /"east" does not wait for approval.*\n.*tombolo grant list/)
  })

  test('a grant is printed once on stdout, listed without its code, and taken back', async () => {
    const { hub } = servers
    const made = await run([
      'grant',
      'create',
      'east',
      '--context',
      'hub',
      '--broker-server',
      'https://192.0.2.10:6443',
      '--expires',
      '90s',
    ])
    assert.equal(made.code, 0, made.err)
    assert.match(made.out, /^tombolo-grant-1\.\S+\n$/)
    const listed = await run(['grant', 'list', '--context', 'hub', '-o', 'json'])
    assert.match(listed.out, /"state": "Open"/)
    assert.doesNotMatch(`${listed.out}${JSON.stringify(hub.read(joinGrant, inBroker('east')))}`, /tombolo-grant/)
    const removed = await run(['grant', 'remove', 'east', '--context', 'hub'])
    assert.equal(removed.code, 0, removed.err)
    assert.equal(hub.read(joinGrant, inBroker('east')), undefined)
    await eventually(() => assert.equal(hub.read(namespaces, { name: 'tombolo-j-east' }), undefined))
  })

  test('a broker address that only this machine reaches is refused with the remedy, and one that is none', async () => {
    for (const [server, says] of [
      ['https://localhost:6443', /means something else on every machine\.\n.*--broker-server/],
      ['http://192.0.2.1', /not of the form https/],
    ] as const) {
      const ran = await run(['grant', 'create', 'east', '--context', 'hub', '--broker-server', server])
      assert.equal(ran.code, 2)
      assert.match(ran.err, says)
    }
    const none = await run(['grant', 'create', 'east', '--context', 'west'])
    assert.match(none.err, /There is no broker in context "west"\.\n.*tombolo deploy-broker --context west/)
    const label = await run(['grant', 'create', 'East_1', '--context', 'hub'])
    assert.equal(label.code, 2)
    assert.match(label.err, /"East_1" is not valid \(want a DNS label/)
  })

  test('grant list --watch shows what becomes of a grant, and ends well at an interrupt', async () => {
    const { hub } = servers
    const ends = new AbortController()
    let seen = ''
    const listing = inProcess(['grant', 'list', '--watch', '--context', 'hub', '--kubeconfig', config.path], {
      ...{ signal: stop.signal, interrupt: ends.signal },
      show: (text) => (seen += text),
    })
    await granted('east')
    await eventually(() => assert.match(seen, /east +Open/))
    hub.remove(joinGrant, inBroker('east'))
    hub.put(joinGrant, grantFor(joiner('west'), { expiresAt: new Date(Date.now() - 1000).toISOString() }))
    await eventually(() => assert.match(seen, /west +Expired/))
    ends.abort()
    const { code, err } = await listing
    assert.equal(code, 0, err)
  })

  for (const [name, grant] of [
    ['a line that was cut short', 'tombolo-grant-1.abc'],
    ['another word', 'kubeadm'],
  ] as const)
    test(`${name} is no grant, and is not repeated`, async () => {
      const ran = await joinWith(grant, 'east', '10.1.0.0/16')
      assert.equal(ran.code, 2)
      assert.match(ran.err, /That is no grant\.\n.*tombolo grant create/)
      assert.ok(!ran.err.includes(grant))
      assert.deepEqual(writes(servers.east), [])
    })

  test('a cluster that is no member needs a grant, and is told how to get one', async () => {
    const ran = await joinWith('', 'east', '10.1.0.0/16')
    assert.equal(ran.code, 2)
    assert.match(ran.err, /needs a grant\.\n.*tombolo grant create/)
  })

  test('a member is quarantined and let back, and revoked for good: its accounts and the place to ask at go', async () => {
    const { east, hub } = servers
    await withOperator(east, () => join('east', '10.1.0.0/16'))
    const shut = await run(['quarantine', 'east', '--context', 'hub'])
    assert.equal(shut.code, 0, shut.err)
    assert.equal(hub.read(member, inBroker('east'))?.spec.state, 'Quarantined')
    assert.equal((await run(['quarantine', 'east', '--lift', '--context', 'hub'])).code, 0)
    assert.equal(hub.read(member, inBroker('east'))?.spec.state, 'Admitted')
    const unknown = await run(['revoke', 'north', '--yes', '--context', 'hub'])
    assert.equal(unknown.code, 2)
    assert.match(unknown.err, /no member "north".*\n.*Its members are east/)
    const gone = await run(['revoke', 'east', '--yes', '--context', 'hub'])
    assert.equal(gone.code, 0, gone.err)
    for (const name of ['tombolo-m-east', 'tombolo-j-east'])
      await eventually(() => assert.equal(hub.read(namespaces, { name }), undefined))
  })

  test('revoked while the broker’s controller is down, its tokens are dead at once; what else it had goes with the next one', async () => {
    const { east, hub } = servers
    await withOperator(east, () => join('east', '10.1.0.0/16'))
    await controller[Symbol.asyncDispose]()
    const accounts = [
      { namespace: 'tombolo-m-east', name: 'member' },
      { namespace: 'tombolo-j-east', name: 'joiner' },
    ]
    assert.deepEqual(
      accounts.map((at) => hub.read(serviceAccounts, at)?.metadata.name),
      ['member', 'joiner'],
    )
    const revoking = run(['revoke', 'east', '--yes', '--context', 'hub'])
    for (const at of accounts) await eventually(() => assert.equal(hub.read(serviceAccounts, at), undefined))
    assert.notEqual(hub.read(member, inBroker('east')), undefined)
    controller = start(hub)
    const { code, err } = await revoking
    assert.equal(code, 0, err)
    for (const { namespace } of accounts)
      await eventually(() => assert.equal(hub.read(namespaces, { name: namespace }), undefined))
  })

  test('a member changes its addresses by another grant, and keeps the old ones for a while', async () => {
    const { east, hub } = servers
    await withOperator(east, () => join('east', '10.1.0.0/16'))
    const alone = await joinWith('', 'east', '10.3.0.0/16')
    assert.equal(alone.code, 2)
    assert.match(alone.err, /10\.3\.0\.0\/16, which it was not admitted with.*tombolo grant create east/)
    assert.deepEqual(hub.read(member, inBroker('east'))?.spec.podCIDRs, ['10.1.0.0/16'])
    const ran = await join('east', '10.3.0.0/16')
    assert.equal(ran.code, 0, ran.err)
    const now = hub.read(member, inBroker('east'))
    assert.deepEqual(now?.spec.podCIDRs, ['10.3.0.0/16'])
    assert.deepEqual(
      now.status?.draining?.map(({ cidr, use }) => [cidr, use]),
      [['10.1.0.0/16', 'Pods']],
    )
  })

  test('addresses that overlap are refused with both names, nothing is installed, and the corrected command goes through with the same grant', async () => {
    const { east, west, hub } = servers
    await withOperator(east, () => join('east', '10.1.0.0/16'))
    const grant = await granted('west')
    const ran = await joinWith(grant, 'west', '10.1.128.0/17')
    assert.equal(ran.code, 2)
    assert.match(ran.err, /10\.1\.128\.0\/17 of "west" overlaps pod CIDR 10\.1\.0\.0\/16 of member "east"/)
    await eventually(() => assert.equal(west.read(namespaces, { name: 'tombolo-system' }), undefined))
    assert.equal(hub.read(joinRequest, { namespace: 'tombolo-j-west', name: 'west' }), undefined)
    const corrected = await withOperator(west, () => joinWith(grant, 'west', '10.2.0.0/16'))
    assert.equal(corrected.code, 0, corrected.err)
  })

  test('without a gateway node nothing is asked for, and the remedy names a node', async () => {
    const ran = await run(['join', '--grant', '-', '--context', 'east'], await granted('east'))
    assert.equal(ran.code, 2)
    assert.match(ran.err, /No node of context "east" is labelled as a gateway/)
    assert.match(ran.err, /--gateway-node east-1/)
    assert.match(ran.err, /kubectl --context east label node east-1 tombolo\.dev\/gateway=true/)
    assert.deepEqual([...writes(servers.east), ...writes(servers.hub).filter(({ plural }) => plural === 'joinrequests')], [])
  })

  test('a context that does not exist is refused with those that do', async () => {
    const ran = await run(['join', '--context', 'eest'])
    assert.equal(ran.code, 2)
    assert.match(ran.err, /Context "eest" cannot be used\.\n {2}Choose one of east, west, hub/)
  })

  test('a broker that goes away in the middle leaves nothing installed, and the same command goes on with the same keys', async () => {
    const { east, hub } = servers
    const grant = await granted('east')
    const mend = hub.fault(({ plural, verb }) => plural === 'joinrequests' && verb === 'get', { do: 'reset' }, 100)
    const broken = await joinWith(grant, 'east', '10.1.0.0/16')
    assert.equal(broken.code, 3, broken.err)
    assert.match(broken.err, /The broker \(https:.*\) cannot be reached.*\n.*running the command again goes on from there/)
    assert.equal(east.read(membership, ownMembership), undefined)
    const keys = east.read(secrets, inSystem('tombolo-identity'))?.data
    mend()
    const again = await withOperator(east, () => joinWith(grant, 'east', '10.1.0.0/16'))
    assert.equal(again.code, 0, again.err)
    assert.deepEqual(east.read(secrets, inSystem('tombolo-identity'))?.data, keys)
  })

  for (const plural of ['secrets', 'customresourcedefinitions', 'deployments', 'memberships'])
    test(`a cluster that goes away when its ${plural} are written is gone on with`, async () => {
      const { east } = servers
      const grant = await granted('east')
      const mend = east.fault((s) => ['apply', 'create'].includes(s.verb) && s.plural === plural, { do: 'reset' }, 100)
      const broken = await joinWith(grant, 'east', '10.1.0.0/16')
      assert.equal(broken.code, 3, broken.err)
      mend()
      const again = await withOperator(east, () => joinWith(grant, 'east', '10.1.0.0/16'))
      assert.equal(again.code, 0, again.err)
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
    for (const kind of ['CustomResourceDefinition', 'Node', 'Deployment', 'Secret', 'Membership'])
      assert.match(ran.out, new RegExp(`^kind: ${kind}$`, 'm'))
    assert.deepEqual(writes(east), [])
    assert.deepEqual(
      writes(hub).filter(({ plural }) => plural === 'joinrequests'),
      [],
    )
  })

  test('a member leaves by itself: the broker has forgotten it, whoever holds its grant', async () => {
    const { east, hub } = servers
    await withOperator(east, () => join('east', '10.1.0.0/16'))
    const ran = await run(['leave', '--yes', '--context', 'east', '--timeout', '10'])
    assert.equal(ran.code, 0, ran.err)
    assert.doesNotMatch(ran.out, /What remains/)
    await eventually(() => assert.equal(hub.read(member, inBroker('east')), undefined))
    for (const name of ['tombolo-broker', 'tombolo-pair-keys']) assert.equal(east.read(secrets, inSystem(name)), undefined)
  })

  test('--cable is written into the Membership, and one that there is not is refused', async () => {
    assert.match(
      (await join('east', '10.1.0.0/16', '--dry-run', '--cable', 'ipsec,wireguard')).out,
      /^ {2}cables:\n +- ipsec\n +- wireguard\n/m,
    )
    assert.doesNotMatch((await join('east', '10.1.0.0/16', '--dry-run')).out, /^ {2}cables:$/m)
    const { code, err } = await join('east', '10.1.0.0/16', '--dry-run', '--cable', 'carrier-pigeon')
    assert.equal(code, 2)
    assert.match(err, /Kinds of cables are wireguard and ipsec/)
  })

  test('leave --dry-run prints what would go, no credentials among it, and deletes nothing', async () => {
    const { east, hub } = servers
    await withOperator(east, () => join('east', '10.1.0.0/16'))
    const before = [writes(east).length, writes(hub).length]
    const ran = await run(['leave', '--dry-run', '--context', 'east'])
    assert.equal(ran.code, 0, ran.err)
    const names = [...ran.out.matchAll(/^ {2}name: (.*)$/gm)].map(([, name]) => name)
    assert.deepEqual(names, ['membership', 'tombolo-broker'])
    assert.doesNotMatch(ran.out, /^data:|token/m)
    assert.deepEqual([writes(east).length, writes(hub).length], before)
  })

  test('leaving twice is no mistake: the second time it says that the cluster has left, and where it never was that it never was', async () => {
    const { east } = servers
    await withOperator(east, () => join('east', '10.1.0.0/16'))
    await run(['leave', '--yes', '--context', 'east', '--timeout', '10'])
    const again = await run(['leave', '--context', 'east', '-o', 'json'])
    assert.equal(again.code, 0, again.err)
    assert.deepEqual(JSON.parse(again.out), { context: 'east', state: 'Left', remains: [] })
    const never = await run(['leave', '--yes', '--context', 'west'])
    assert.equal(never.code, 1)
    assert.match(never.err, /There is no Tombolo in context "west"/)
  })

  test('a cluster that left comes back by a new grant as who it was, and has its addresses at once', async () => {
    const { east, hub } = servers
    await withOperator(east, () => join('east', '10.1.0.0/16'))
    const before = hub.read(member, inBroker('east'))?.spec
    await run(['leave', '--yes', '--context', 'east', '--timeout', '10'])
    await eventually(() => assert.equal(hub.read(member, inBroker('east')), undefined))
    const kept = hub.read(fleet, inBroker('fleet'))?.status?.released ?? []
    assert.deepEqual(
      kept.map(({ cidr }) => cidr),
      ['10.1.0.0/16', '10.101.0.0/16'],
    )
    const other = await join('west', '10.1.0.0/16')
    assert.match(other.err, /of "east", which left and whose addresses are kept/)
    const ran = await withOperator(east, () => join('east', '10.1.0.0/16', '--timeout', '10'))
    assert.equal(ran.code, 0, ran.err)
    const now = hub.read(member, inBroker('east'))?.spec
    assert.deepEqual([now?.identity, now?.podCIDRs], [before?.identity, before?.podCIDRs])
  })

  for (const plural of ['memberships', 'secrets'])
    test(`leaving that was cut off before the ${plural} were gone is gone on with, and the broker is known to have been told`, async () => {
      const { east, hub } = servers
      await withOperator(east, () => join('east', '10.1.0.0/16'))
      const mend = east.fault((s) => s.verb === 'delete' && s.plural === plural, { do: 'reset' }, 100)
      const broken = await run(['leave', '--yes', '--context', 'east', '--timeout', '10'])
      assert.equal(broken.code, 3, broken.err)
      mend()
      // What an apiserver says to the token of an account that is gone.
      hub.fault((s) => s.plural === 'joinrequests', { do: 'status', code: 401, reason: 'Unauthorized' }, 10)
      const again = await run(['leave', '--yes', '--context', 'east', '--timeout', '10', '-o', 'json'])
      assert.equal(again.code, 0, again.err)
      const { state, remains } = JSON.parse(again.out) as { state: string; remains: readonly string[] }
      assert.equal(state, 'Left')
      if (plural === 'memberships') assert.deepEqual(remains, [])
      assert.equal(hub.read(member, inBroker('east')), undefined)
      assert.equal(east.read(membership, ownMembership), undefined)
      assert.equal(east.read(secrets, inSystem('tombolo-broker')), undefined)
    })

  test('where the broker knows its token and refuses it all the same, the cluster leaves and does not say that it was told', async () => {
    const { east, hub } = servers
    await withOperator(east, () => join('east', '10.1.0.0/16'))
    hub.fault((s) => s.plural === 'joinrequests', { do: 'status', code: 403, reason: 'Forbidden' }, 1000)
    const ran = await run(['leave', '--yes', '--context', 'east', '--timeout', '1'])
    assert.equal(ran.code, 0, ran.err)
    assert.match(ran.out, /What remains:\n {2}on the broker Member east, which could not be told: there tombolo revoke east/)
    assert.equal(east.read(membership, ownMembership), undefined)
  })

  test('and where the refusal was of a token that is dead a moment later, it says nothing', async () => {
    const { east, hub } = servers
    await withOperator(east, () => join('east', '10.1.0.0/16'))
    hub.fault((s) => s.plural === 'joinrequests', { do: 'status', code: 403, reason: 'Forbidden' }, 1)
    hub.fault((s) => s.plural === 'joinrequests', { do: 'status', code: 401, reason: 'Unauthorized' }, 1000)
    const ran = await run(['leave', '--yes', '--context', 'east', '--timeout', '10'])
    assert.equal(ran.code, 0, ran.err)
    assert.doesNotMatch(ran.out, /What remains/)
  })

  for (const [silence, fault] of [
    ['refuses connections', { do: 'reset' }],
    ['takes them and never answers', { do: 'silence' }],
  ] as const)
    test(`where the broker ${silence}, the cluster leaves all the same, in time, and says what to type there`, async () => {
      const { east, hub } = servers
      await withOperator(east, () => join('east', '10.1.0.0/16'))
      hub.fault((s) => s.plural === 'joinrequests', fault, 1000)
      const began = performance.now()
      const ran = await run(['leave', '--yes', '--context', 'east', '--timeout', '2'])
      assert.ok(performance.now() - began < 10_000)
      assert.equal(ran.code, 0, ran.err)
      assert.match(ran.out, /What remains:\n {2}on the broker Member east, which could not be told: there tombolo revoke east/)
      assert.equal(east.read(membership, ownMembership), undefined)
      assert.equal(east.read(secrets, inSystem('tombolo-broker')), undefined)
    })

  test('leaving goes on where the Membership is gone and its credentials are not', async () => {
    const { east } = servers
    await withOperator(east, () => join('east', '10.1.0.0/16'))
    east.remove(membership, ownMembership)
    const ran = await run(['leave', '--yes', '--context', 'east', '--timeout', '10'])
    assert.equal(ran.code, 0, ran.err)
    assert.match(ran.out, /What remains:\n {2}on the broker the Member of this cluster, if it was not told before/)
    assert.equal(east.read(secrets, inSystem('tombolo-broker')), undefined)
  })
})
