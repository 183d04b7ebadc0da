// What a cluster is refused for when it wants to join: a clear word with the remedy, and nothing left in it.
import assert from 'node:assert/strict'
import type { Cluster } from '#test/rig/cluster.ts'
import { fleetOf } from '#test/kit/fleet.ts'
import { tombolo } from '#test/kit/cli.ts'
import { kernelHasWireGuard } from '#test/kit/netns.ts'
import { onTrio } from './fleets.ts'

suite('joining', function () {
  this.timeout(120_000)
  const at = onTrio()
  const fleet = () => fleetOf(at.rig, at.signal)
  const east = () => at.rig.cluster('east')
  /** The broker's administrator makes a grant, and the cluster comes with it, by default with its first node as gateway. */
  const join = async (id: string, cluster: 'hub' | 'east', more: readonly string[] = ['--gateway-node', `${cluster}-1`]) => {
    const grant = await fleet().tombolo('grant', 'create', id, '--context', 'hub')
    if (grant.code !== 0) return grant
    const args = ['join', '--grant', '-', '--context', cluster, ...more, '--kubeconfig', at.rig.kubeconfig]
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
    const { code, err } = await join('same', 'east')
    assert.equal(code, 2, err)
    assert.match(err, /tombolo deploy-broker --context hub/)
    await untouched(east())
  })

  test('a context that is not there: it says which are', async () => {
    const { code, err } = await fleet().tombolo('join', '--context', 'wrong')
    assert.equal(code, 2, err)
    assert.match(err, /"wrong"/)
    assert.match(err, /hub, east, west/)
    for (const cluster of at.rig.clusters) await untouched(cluster)
  })

  test('an id that is no DNS label', async () => {
    const { code, err } = await join('Not_A_Label', 'east')
    assert.equal(code, 2, err)
    assert.match(err, /DNS label/)
    await untouched(east())
  })

  suite('with a broker and a member', () => {
    suiteSetup(async function () {
      this.timeout(120_000)
      await fleet().deployBroker()
      await fleet().join(at.rig.cluster('west'))
    })

    test('no node labelled as a gateway: it says how to name one', async () => {
      const { code, err } = await join('same', 'east', [])
      assert.equal(code, 2, err)
      assert.match(err, /--gateway-node east-1/)
      await untouched(east())
    })

    test('[mcs 5] an id that is taken', async () => {
      const { code, err } = await join('west', 'east')
      assert.equal(code, 2, err)
      assert.match(err, /cluster id "west" is taken/i)
      await untouched(east())
    })

    const overlaps = [
      ['pod', ['--pod-cidr', 'fd00:243::/48'], 'fd00:243::/48'],
      ['service', ['--service-cidr', 'fd00:93::/112'], 'fd00:93::/112'],
    ] as const
    for (const [what, option, network] of overlaps)
      test(`a ${what} CIDR that overlaps a member's: both are named, with both networks`, async () => {
        const { code, err } = await join('same', 'east', ['--gateway-node', 'east-1', ...option])
        assert.equal(code, 2, err)
        assert.ok(err.includes(`${what} CIDR ${network} of "same" overlaps ${what} CIDR ${network} of member "west"`), err)
        await untouched(east())
      })

    test('a gateway node without /dev/net/tun: it says so, and which node; what it did is taken away again', async function () {
      if (kernelHasWireGuard()) this.skip() // There a gateway needs no /dev/net/tun, so the join goes through.
      const { code, err } = await join('bare', 'hub', ['--gateway-node', 'hub-1', '--timeout', '20'])
      assert.equal(code, 1, err)
      assert.match(err, /hub-1/)
      assert.match(err, /\/dev\/net\/tun/)
      await fleet().must('uninstall', '--context', 'hub', '--yes')
    })
  })
})
