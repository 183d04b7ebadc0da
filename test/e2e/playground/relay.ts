// examples/relay on the playground: UDP of one cluster is cut, its cable goes through the third one, and comes back; calls go on.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Connection, GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { eventually } from '#test/kit/eventually.ts'
import { webURL } from '#test/kit/fleet.ts'
import { traffic } from '#test/kit/traffic.ts'
import type { Rig } from '#test/rig/rig.ts'

const example = (file: string): string => readFileSync(join(import.meta.dirname, '../../../examples/relay', file), 'utf8')

/** The playground is up with its shop in east, where the broker is, and a client in west. */
export async function relay(rig: Rig, signal: AbortSignal): Promise<void> {
  const [east, west, north] = [rig.cluster('east'), rig.cluster('west'), rig.cluster('north')]
  const toEast = async (): Promise<Connection> => {
    const list = await west.kubectl(['-n', 'tombolo-system', 'get', 'gatewayendpoints', '-o', 'json'], '', signal)
    const { items } = JSON.parse(list) as { readonly items: readonly GatewayEndpoint[] }
    const found = items.find(({ spec }) => spec.clusterID === 'west')?.status?.connections
    return found?.find(({ clusterID }) => clusterID === 'east') ?? assert.fail('west says nothing of east')
  }
  const goes = async (way: string, withinMs: number): Promise<number> => {
    const began = performance.now()
    await eventually(
      async () => {
        const { state, path, relay: by } = await toEast()
        assert.deepEqual([state, [path, by].filter(Boolean).join(' ')], ['Connected', way])
      },
      withinMs,
      200,
    )
    return Math.round(performance.now() - began)
  }

  const says = ['-n', 'tombolo-broker', 'patch', 'member', 'north', '--type=merge', '--patch', example('relay.yaml')]
  await east.kubectl(says, '', signal)
  await eventually(async () => {
    const { stdout } = await north.node(1).exec(['sh', '-c', 'ss -Hltn sport = :443'], signal)
    assert.match(stdout, /:443/)
  }, 60_000)
  await goes('Direct', 30_000)

  await using requests = await traffic(west, { pod: 'shop/client', url: webURL })
  const lost = (since: number) => requests.lostBetween(since, Date.now()).length
  const cut = await west.node(1).exec(['sh', '-c', `nft -f - <<'END'\n${example('cut.nft')}END\n`], signal)
  assert.equal(cut.code, 0, cut.stderr)
  const away = await goes('Relay north/north-1', 30_000)
  const settled = Date.now()
  await eventually(
    () => assert.ok(requests.between(settled, Date.now()).filter((r) => r.lost === undefined).length > 100),
    60_000,
  )
  await west.node(1).exec(['nft', 'delete', 'table', 'inet', 'cut'], signal)
  const back = await goes('Direct', 40_000)
  process.stdout.write(
    `      over the relay after ${away} ms, straight again after ${back} ms; ${lost(settled)} of ${requests.between(settled, Date.now()).length} requests lost from the first on\n`,
  )
  assert.ok(back <= 30_000)
  assert.equal(lost(settled), 0)
  await east.kubectl(
    ['-n', 'tombolo-broker', 'patch', 'member', 'north', '--type=merge', '--patch', '{"spec":{"relay":null}}'],
    '',
    signal,
  )
  await eventually(async () => {
    const { stdout } = await north.node(1).exec(['sh', '-c', 'ss -Hltn sport = :443'], signal)
    assert.equal(stdout, '')
  }, 60_000)
}
