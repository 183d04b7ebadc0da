import assert from 'node:assert/strict'
import { topologyOf } from './topology.ts'

const node = (zone?: string, region?: string) => ({
  metadata: {
    name: 'n',
    labels: {
      ...(zone === undefined ? {} : { 'topology.kubernetes.io/zone': zone }),
      ...(region === undefined ? {} : { 'topology.kubernetes.io/region': region }),
    },
  },
})

suite('where a cluster is', () => {
  test('is every zone and region of its nodes, each once', () =>
    assert.deepEqual(topologyOf([node('b', 'eu'), node('a', 'eu'), node('b', 'eu'), node()]), {
      zones: ['a', 'b'],
      regions: ['eu'],
    }))

  test('is nowhere without labels, or with empty ones', () =>
    assert.deepEqual(topologyOf([node(), node('', '')]), { zones: [], regions: [] }))

  test('is the first sixteen by name, whatever order the nodes come in', () => {
    const nodes = Array.from({ length: 40 }, (_, i) => node(`z${i + 10}`))
    const { zones } = topologyOf(nodes)
    assert.deepEqual([zones.length, zones[0], zones.at(-1)], [16, 'z10', 'z25'])
    assert.deepEqual(topologyOf(nodes.toReversed()).zones, zones)
  })
})
