import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { joinGrant } from '#crds/join-grant.ts'
import { joinRequest } from '#crds/join-request.ts'
import { member } from '#crds/member.ts'
import { membership } from '#crds/membership.ts'
import { formatGrant, GrantCode } from '#lib/identity/grant.ts'
import { fingerprint } from '#lib/identity/identity.ts'
import { namespaces, nodes, secrets } from '#lib/kube/kinds.ts'
import type { ClusterID } from '#lib/net/cluster-id.ts'
import { writes } from '#test/kit/apiserver.ts'
import { eventually } from '#test/kit/eventually.ts'
import { controlPlane } from '#test/kit/installed.ts'
import { inSystem, inBroker, ownMembership, tokens, joiningFleet } from '#test/kit/joining-fleet.ts'

suite('joining by grant', () => {
  const at = joiningFleet()
  const { granted, join, joinWith, run, withOperator } = at

  test('a cluster becomes a member with keys of its own, and joining again changes nothing and needs no grant', async () => {
    const { east, hub } = at.servers
    const ran = await withOperator(east, () => join('east', '10.1.0.0/16', '-o', 'json'))
    assert.equal(ran.code, 0, ran.err)
    assert.equal((JSON.parse(ran.out) as { clusterID: string }).clusterID, 'east')
    const admitted = hub.read(member, inBroker('east'))
    assert.deepEqual(admitted?.spec.podCIDRs, ['10.1.0.0/16'])
    assert.equal(east.read(nodes, { name: 'east-1' })?.metadata.labels?.['tombolo.dev/gateway'], 'true')
    const secret = east.read(secrets, inSystem('tombolo-broker'))
    const read = (key: string) => Buffer.from(secret?.data?.[key] ?? '', 'base64').toString()
    assert.deepEqual([read('token'), read('renewalToken'), read('server')], [...tokens, at.front.server])
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
    const { hub } = at.servers
    const own = hub.read(nodes, { name: 'hub-1' })
    assert.ok(own !== undefined)
    hub.put(nodes, { ...own, status: { addresses: [{ type: 'InternalIP', address: '10.7.0.1' }] } })
    const other = await join('west', '10.7.0.0/16')
    assert.equal(other.code, 2, other.err)
    assert.match(other.err, /contains 10\.7\.0\.1 of one of its nodes/)
    const itself = controlPlane(hub, at.signal)
    const ran = await withOperator(hub, () => join('hub', '10.7.0.0/16'))
    assert.equal(ran.code, 0, ran.err)
    at.alongside(itself)
  })

  test('T8: a grant that was used lets nobody else in, and nothing stays in the cluster that tried', async () => {
    const grant = await granted('east')
    assert.equal((await withOperator(at.servers.east, () => joinWith(grant, 'east', '10.1.0.0/16'))).code, 0)
    const { hub } = at.servers
    await eventually(() => assert.equal(hub.read(joinGrant, inBroker('east'))?.status?.state, 'Used'))
    const thief = await joinWith(grant, 'west', '10.2.0.0/16')
    assert.equal(thief.code, 2, thief.err)
    const { usedBy = '' } = hub.read(joinGrant, inBroker('east'))?.status ?? {}
    assert.match(thief.err, new RegExp(`The grant for "east" was used already, by ${usedBy}\\.`))
    await eventually(() => assert.equal(at.servers.west.read(namespaces, { name: 'tombolo-system' }), undefined))
    assert.equal(at.servers.west.read(membership, ownMembership), undefined)
  })

  test('T8: five requests that do not prove the code lock the grant, also for whoever has it', async () => {
    const { hub } = at.servers
    const grant = await granted('east')
    const wrong = formatGrant({
      clusterID: 'east' as ClusterID,
      server: at.front.server,
      ca: at.front.ca,
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
    await eventually(() => assert.equal(at.servers.hub.read(joinGrant, inBroker('east'))?.status?.state, 'Expired'))
    assert.equal(at.servers.hub.read(member, inBroker('east')), undefined)
  })

  test('a join that is refused takes nothing away from another one of the same cluster that was let in meanwhile', async () => {
    const { west, hub } = at.servers
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

  for (const [name, grant] of [
    ['a line that was cut short', 'tombolo-grant-1.abc'],
    ['another word', 'kubeadm'],
  ] as const)
    test(`${name} is no grant, and is not repeated`, async () => {
      const ran = await joinWith(grant, 'east', '10.1.0.0/16')
      assert.equal(ran.code, 2)
      assert.match(ran.err, /That is no grant\.\n.*tombolo grant create/)
      assert.ok(!ran.err.includes(grant))
      assert.deepEqual(writes(at.servers.east), [])
    })

  test('a cluster that is no member needs a grant, and is told how to get one', async () => {
    const ran = await joinWith('', 'east', '10.1.0.0/16')
    assert.equal(ran.code, 2)
    assert.match(ran.err, /needs a grant\.\n.*tombolo grant create/)
  })

  test('a member changes its addresses by another grant, and keeps the old ones for a while', async () => {
    const { east, hub } = at.servers
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
    const { east, west, hub } = at.servers
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
    assert.deepEqual(
      [...writes(at.servers.east), ...writes(at.servers.hub).filter(({ plural }) => plural === 'joinrequests')],
      [],
    )
  })

  test('a context that does not exist is refused with those that do', async () => {
    const ran = await run(['join', '--context', 'eest'])
    assert.equal(ran.code, 2)
    assert.match(ran.err, /Context "eest" cannot be used\.\n {2}Choose one of east, west, hub/)
  })

  test('a broker that goes away in the middle leaves nothing installed, and the same command goes on with the same keys', async () => {
    const { east, hub } = at.servers
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
      const { east } = at.servers
      const grant = await granted('east')
      const mend = east.fault((s) => ['apply', 'create'].includes(s.verb) && s.plural === plural, { do: 'reset' }, 100)
      const broken = await joinWith(grant, 'east', '10.1.0.0/16')
      assert.equal(broken.code, 3, broken.err)
      mend()
      const again = await withOperator(east, () => joinWith(grant, 'east', '10.1.0.0/16'))
      assert.equal(again.code, 0, again.err)
    })

  test('rights that are missing are named, with the context they are missing in', async () => {
    at.servers.east.fault(({ plural }) => plural === 'nodes', { do: 'status', code: 403, reason: 'Forbidden' }, 100)
    const ran = await join('east', '10.1.0.0/16')
    assert.equal(ran.code, 1)
    assert.match(ran.err, /Not allowed in context "east": .*nodes.*Forbidden.*\n {2}Ask for that right/)
  })

  test('--dry-run prints what would be applied, the gateway label and no token among it, and writes nothing', async () => {
    const { east, hub } = at.servers
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
})
