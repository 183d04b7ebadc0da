// What a cluster is refused for when it wants to join: a clear word with the remedy, and nothing left in it.
import assert from 'node:assert/strict'
import type { Cluster } from '#test/rig/cluster.ts'
import { fleetOf } from '#test/kit/fleet.ts'
import { tombolo } from '#test/kit/cli.ts'
import { kernelHasWireGuard } from '#test/kit/netns.ts'
import { onRig } from '#test/kit/rig-suite.ts'

suite('joining', function () {
  this.timeout(120_000)
  // One node each: what is refused needs no more.
  const at = onRig({
    clusters: [
      { id: 'hub', nodes: 1 },
      { id: 'same', nodes: 1, podCIDRs: ['10.241.0.0/16'], serviceCIDRs: ['10.99.0.0/16'] },
      { id: 'bare', nodes: 1, lacks: [{ node: 1, what: 'tun' }] },
    ],
  })
  const fleet = () => fleetOf(at.rig, at.signal)
  /** The broker's administrator makes a grant, and the cluster's comes with it. */
  const join = async (id: string, context: string, ...more: readonly string[]) => {
    const grant = await fleet().tombolo('grant', 'create', id, '--context', 'hub')
    if (grant.code !== 0) return grant
    const args = ['join', '--grant', '-', '--context', context, ...more, '--kubeconfig', at.rig.kubeconfig]
    return tombolo(args, { signal: at.signal, stdin: grant.out })
  }
  const untouched = async (cluster: Cluster) => {
    assert.doesNotMatch(
      await cluster.kubectl(['get', 'namespace,crd,clusterrole,clusterrolebinding', '-o', 'name']),
      /tombolo|multicluster/,
    )
    assert.doesNotMatch(await cluster.kubectl(['get', 'nodes', '--show-labels']), /tombolo/)
  }

  test('without a broker there, it says how to make one', async () => {
    const { code, err } = await join('same', 'same', '--gateway-node', 'same-1')
    assert.equal(code, 2, err)
    assert.match(err, /tombolo deploy-broker --context hub/)
    await untouched(at.rig.cluster('same'))
  })

  test('a context that is not there: it says which are', async () => {
    const { code, err } = await fleet().tombolo('join', '--context', 'wrong')
    assert.equal(code, 2, err)
    assert.match(err, /"wrong"/)
    assert.match(err, /hub, same, bare/)
    for (const cluster of at.rig.clusters) await untouched(cluster)
  })

  test('an id that is no DNS label', async () => {
    const { code, err } = await join('Not_A_Label', 'same')
    assert.equal(code, 2, err)
    assert.match(err, /DNS label/)
    await untouched(at.rig.cluster('same'))
  })

  suite('with a broker and a member', () => {
    suiteSetup(async function () {
      this.timeout(120_000)
      await fleet().deployBroker()
      await fleet().join(at.rig.cluster('hub'))
    })

    test('no node labelled as a gateway: it says how to name one', async () => {
      const { code, err } = await join('same', 'same')
      assert.equal(code, 2, err)
      assert.match(err, /--gateway-node same-1/)
      await untouched(at.rig.cluster('same'))
    })

    test('[mcs 5] an id that is taken', async () => {
      const { code, err } = await join('hub', 'bare', '--gateway-node', 'bare-1')
      assert.equal(code, 2, err)
      assert.match(err, /cluster id "hub" is taken/i)
      await untouched(at.rig.cluster('bare'))
    })

    test('pods that overlap those of a member: both are named, with both networks', async () => {
      const { code, err } = await join('same', 'same', '--gateway-node', 'same-1')
      assert.equal(code, 2, err)
      assert.match(err, /pod CIDR 10\.241\.0\.0\/16 of "same" overlaps pod CIDR 10\.241\.0\.0\/16 of member "hub"/)
      await untouched(at.rig.cluster('same'))
    })

    test('Services that overlap those of a member', async () => {
      const { code, err } = await join(
        'same',
        'same',
        '--gateway-node',
        'same-1',
        '--pod-cidr',
        '10.77.0.0/16',
        '--service-cidr',
        '10.91.0.0/16',
      )
      assert.equal(code, 2, err)
      assert.match(err, /service CIDR 10\.91\.0\.0\/16 of "same" overlaps service CIDR 10\.91\.0\.0\/16 of member "hub"/)
      await untouched(at.rig.cluster('same'))
    })

    test('a gateway node without /dev/net/tun: it says so, and which node', async function () {
      if (kernelHasWireGuard()) this.skip() // There a gateway needs no /dev/net/tun, so the join goes through.
      const { code, err } = await join('bare', 'bare', '--gateway-node', 'bare-1', '--timeout', '20')
      assert.equal(code, 1, err)
      assert.match(err, /bare-1/)
      assert.match(err, /\/dev\/net\/tun/)
    })
  })
})
