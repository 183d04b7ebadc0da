// Two real clusters change from WireGuard to IPsec as their owners would have it, and pods go on talking.
// It leaves its fleet so.
import assert from 'node:assert/strict'
import type { ConnectionRow } from '#fleet/rows/connections.ts'
import { eventually } from '#test/kit/eventually.ts'
import { exportWeb, firstAnswer, fleetOf } from '#test/kit/fleet.ts'
import { inProcess } from '#test/kit/in-process.ts'
import type { Cluster } from '#test/rig/cluster.ts'
import { isMember, onPair } from './fleets.ts'

suite('two clusters that prefer IPsec', function () {
  this.timeout(180_000)
  const at = onPair()
  const both = () => at.rig.clusters

  suiteSetup(async () => {
    const west = at.rig.cluster('west')
    // Alone it finds west as no member yet.
    if (!(await isMember(west))) await fleetOf(at.rig, at.signal).join(west)
    await exportWeb(at.rig.cluster('east'), at.signal)
    await firstAnswer(west, 40_000, at.signal)
  })

  const connections = async ({ id }: Cluster): Promise<readonly ConnectionRow[]> => {
    const args = ['show', 'connections', '--context', id, '--kubeconfig', at.rig.kubeconfig, '-o', 'json']
    const { out, err } = await inProcess(args, { signal: at.signal })
    assert.notEqual(out, '', err)
    return (JSON.parse(out) as { readonly connections: readonly ConnectionRow[] }).connections
  }

  test('have cables over it, by the certificates of the fleet’s CA, and a pod is answered through them', async () => {
    for (const cluster of both())
      await cluster.kubectl([
        ...['-n', 'tombolo-system', 'patch', 'membership', 'membership', '--type=merge'],
        ...['-p', JSON.stringify({ spec: { cables: ['ipsec', 'wireguard'] } })],
      ])
    await eventually(
      async () => {
        for (const cluster of both()) {
          const rows = await connections(cluster)
          assert.ok(rows.length > 0 && rows.every(({ driver, state }) => driver === 'ipsec' && state === 'Connected'))
        }
      },
      90_000,
      500,
    )
    const west = at.rig.cluster('west')
    await firstAnswer(west, 20_000, at.signal)
    const gateway = ['-n', 'tombolo-system', 'exec', 'daemonset/tombolo-gateway', '--']
    assert.match(await west.kubectl([...gateway, 'ip', '-s', 'link', 'show', 'dev', 'ipsec0']), /ipsec0/)
    assert.match(await west.kubectl([...gateway, 'ip', 'route', 'show', 'table', '7300']), /dev ipsec0/)
  })
})
