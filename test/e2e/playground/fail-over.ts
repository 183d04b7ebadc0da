// examples/fail-over on the playground: three clusters export the shop, and a pod of the third one calls it without pause.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually } from '#test/kit/eventually.ts'
import type { Answer } from '#test/kit/fleet.ts'
import { exportWeb, openShop, webURL } from '#test/kit/fleet.ts'
import { lostMs, traffic } from '#test/kit/traffic.ts'
import type { Traffic } from '#test/kit/traffic.ts'
import type { Cluster } from '#test/rig/cluster.ts'
import type { Rig } from '#test/rig/rig.ts'
import { pause } from '#lib/std/pause.ts'

const example = (file: string): string => readFileSync(join(import.meta.dirname, '../../../examples/fail-over', file), 'utf8')

/** The playground is up with its shop in east. */
export async function failOver(rig: Rig, signal: AbortSignal): Promise<void> {
  const [east, west, north] = [rig.cluster('east'), rig.cluster('west'), rig.cluster('north')]
  const inShop = (cluster: Cluster, ...args: readonly string[]) => cluster.kubectl(['-n', 'shop', ...args], '', signal)
  const scale = (cluster: Cluster, replicas: number) => inShop(cluster, 'scale', 'deployment/web', `--replicas=${replicas}`)
  const apply = (file: string) => north.apply(example(file), signal)

  await Promise.all([west, north].map((cluster) => openShop(cluster, signal)))
  await Promise.all([
    ...[west, north].map((cluster) => exportWeb(cluster, signal)),
    ...rig.clusters.map(async (cluster) => {
      await inShop(cluster, 'patch', 'deployment', 'web', '--patch', example('gentle.yaml'))
      await inShop(cluster, 'rollout', 'status', 'deployment/web', '--timeout=60s')
    }),
  ])

  /** Pod → its cluster, of all that have been seen. */
  const homes = new Map<string, string>()
  const learn = async (): Promise<void> => {
    await Promise.all(
      rig.clusters.map(async (cluster) => {
        const pods = await inShop(cluster, 'get', 'pods', '-l', 'app=web', '-o', 'jsonpath={.items[*].metadata.name}')
        for (const pod of pods.split(' ').filter(Boolean)) homes.set(pod, cluster.id)
      }),
    )
  }
  /** The last twenty requests are answered by these, each of them by one. */
  const answeredBy = async (requests: Traffic, ...clusters: readonly string[]): Promise<void> => {
    const since = Date.now()
    await eventually(async () => {
      const last = requests.between(since, Date.now()).slice(-20)
      const pods = last.flatMap(({ lost, answer }) => (lost === undefined ? [(JSON.parse(answer) as Answer).pod] : []))
      if (pods.some((pod) => !homes.has(pod))) await learn()
      assert.deepEqual([pods.length, [...new Set(pods.map((pod) => homes.get(pod)))].toSorted()], [20, clusters.toSorted()])
    }, 30_000)
  }

  await using requests = await traffic(north, { pod: 'shop/client', url: webURL })
  await answeredBy(requests, 'east', 'west', 'north')
  const began = Date.now()
  const stages: readonly (readonly [what: string, () => Promise<unknown>, ...by: readonly string[]])[] = [
    ['order.yaml', () => apply('order.yaml'), 'east'],
    ['the pods of east end', () => scale(east, 0), 'west'],
    ['those of west end too', () => scale(west, 0), 'north'],
    ['those of east are back', () => scale(east, 2), 'east'],
    [
      'minimum.yaml, with one pod in east and two in west',
      () => Promise.all([apply('minimum.yaml'), scale(west, 2), scale(east, 1)]),
      'east',
      'west',
    ],
    ['the second of east is back', () => scale(east, 2), 'east'],
    ['deny.yaml', () => apply('deny.yaml'), 'west'],
    ['nearest.yaml', () => apply('nearest.yaml'), 'north'],
  ]
  for (const [what, change, ...by] of stages) {
    const from = Date.now()
    await change()
    await answeredBy(requests, ...by)
    process.stdout.write(`      ${what}: ${by.join(' and ')} within ${Date.now() - from} ms\n`)
  }
  const ended = Date.now()
  await pause(lostMs + 500, signal)
  const lost = requests.lostBetween(began, ended)
  process.stdout.write(`      ${lost.length} of ${requests.between(began, ended).length} requests lost\n`)
  assert.deepEqual(lost, [])
}
