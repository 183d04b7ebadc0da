import assert from 'node:assert/strict'
import { overlaps, parseCIDR } from '#lib/net/cidr.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import type { Layout } from './layout.ts'
import { layoutOf, slots } from './layout.ts'
import type { RigSpec } from './spec.ts'
import { checkSpec, clustersOf, most, twoClusters } from './spec.ts'

const at = (slot: number) => ({ run: `r${slot}`, slot, runDir: `/run/r${slot}`, dataDir: `/data/r${slot}` })
const cidr = (text: string): CIDR => {
  const parsed = parseCIDR(text)
  assert.ok(parsed.ok, text)
  return parsed.value
}
const distinct = (blocks: readonly string[]) =>
  blocks.every((a, i) => blocks.every((b, j) => i === j || !overlaps(cidr(a), cidr(b))))

suite('the address plan of a rig', () => {
  const full = layoutOf(clustersOf(most.clusters, { families: ['IPv4', 'IPv6'], nodes: 3 }), at(0))

  test('no two clusters share pods, Services or an underlay', () => {
    for (const blocks of [
      full.clusters.flatMap((c) => [...c.podCIDRs, ...c.serviceCIDRs]),
      full.clusters.flatMap((c) => c.underlay.map((u) => u.network)),
    ])
      assert.ok(distinct(blocks), blocks.join(' '))
  })

  test('every node has its own share of its cluster’s pods', () => {
    for (const cluster of full.clusters) assert.ok(distinct(cluster.nodes.flatMap((n) => n.podCIDRs)))
  })

  test('no two rigs share an address that the machine routes, or a name', () => {
    const all = Array.from({ length: slots }, (_, slot) => layoutOf(twoClusters(), at(slot)))
    const underlays = (layout: Layout) => layout.hostLink.ends.map((end) => end.underlay)
    assert.ok(distinct(all.flatMap(underlays)))
    const names = all.flatMap((l) => [l.wan, l.hostLink.name, ...l.clusters.flatMap((c) => c.nodes.map((n) => n.netns))])
    assert.equal(new Set(names).size, names.length)
  })

  test('names fit: devices in 15 characters, sockets in 107', () => {
    const devices = full.clusters.flatMap((c) => [c.bridge, ...c.nodes.map((n) => n.port)])
    assert.ok([...devices, `${full.hostLink.name}p`].every((name) => name.length <= 15))
  })

  test('an IPv6 cluster has an apiserver whose address is a URL', () =>
    assert.equal(
      layoutOf({ clusters: [{ id: 'six', families: ['IPv6'] }] }, at(3)).clusters[0]?.server,
      'https://[fd64:3:1::1]:6443',
    ))
})

suite('what a rig may be asked for', () => {
  const bad: readonly (readonly [string, RigSpec, string])[] = [
    ['no cluster', { clusters: [] }, 'clusters'],
    ['too many', { clusters: clustersOf(most.clusters + 1).clusters }, 'clusters'],
    ['an id twice', { clusters: [{ id: 'east' }, { id: 'east' }] }, 'id'],
    ['an id that is no label', { clusters: [{ id: 'East!' }] }, 'clusterID'],
    ['no node', { clusters: [{ id: 'east', nodes: 0 }] }, 'nodes'],
    ['a family twice', { clusters: [{ id: 'east', families: ['IPv4', 'IPv4'] }] }, 'families'],
    [
      'one network for two families',
      { clusters: [{ id: 'east', families: ['IPv4', 'IPv6'], podCIDRs: ['10.1.0.0/16'] }] },
      'podCIDRs',
    ],
  ]
  for (const [name, spec, field] of bad)
    test(`${name} is refused by its field`, () => {
      const checked = checkSpec(spec)
      assert.equal(checked.ok ? 'taken' : checked.error.field, field)
    })
})
