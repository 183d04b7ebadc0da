import assert from 'node:assert/strict'
import type { Allocation } from '#crds/allocation.ts'
import { allocation } from '#crds/allocation.ts'
import type { Node } from '#lib/kube/kinds.ts'
import { nodes } from '#lib/kube/kinds.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import { keyText } from '#lib/kube/object.ts'
import type { StoreWriter } from '#lib/kube/store.ts'
import { store } from '#lib/kube/store.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import { logger } from '#lib/std/log.ts'
import { allocationOf, idOf } from '#test/kit/services.ts'
import type { Unroutable } from './unroutable.ts'
import { unroutable } from './unroutable.ts'

suite('clusters that are not routed here', () => {
  const quiet = logger('test', 'silent')
  let version: number
  let allocations: StoreWriter<Allocation>
  let machines: StoreWriter<Node>
  let it: Unroutable
  let told: string[]
  let flows: (string | undefined)[]

  const put = <T extends KubeObject>(writer: StoreWriter<T>, object: T) => {
    const metadata = { ...object.metadata, resourceVersion: String(++version) }
    writer.take({ type: 'put', object: { ...object, metadata } })
  }
  const node = (name: string, ...addresses: readonly string[]): Node => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name },
    status: { addresses: addresses.map((address) => ({ type: 'InternalIP', address })) },
  })
  const west = (...podCIDRs: readonly string[]): Allocation => {
    const usual = allocationOf('west')
    return { ...usual, spec: { ...usual.spec, podCIDRs: podCIDRs as CIDR[] } }
  }
  const soon = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)))

  setup(async () => {
    version = 0
    told = []
    flows = []
    const kept = { allocations: store(allocation, quiet), nodes: store(nodes, quiet) }
    allocations = kept.allocations.writer
    machines = kept.nodes.writer
    for (const writer of [allocations, machines]) writer.take({ type: 'synced' })
    it = unroutable(idOf('east'), kept.allocations.store, kept.nodes.store, (id) => [{ name: `all-of-${id}` }])
    it.source.follow((key, flow) => {
      told.push(keyText(key))
      flows.push(flow)
    })
    put(allocations, allocationOf('east'))
    put(machines, node('east-1', '192.0.2.1', 'fd00:aa::1'))
    put(allocations, allocationOf('west'))
    // Before anybody asks there is nothing to look at again.
    it.why('west')
    await soon()
  })

  test('there is none where addresses differ', () => {
    assert.equal(it.why('west'), undefined)
    assert.equal(it.why('nobody'), undefined)
    assert.deepEqual(told, [])
  })

  const claims: readonly (readonly [string, string])[] = [
    ['our pods', '10.1.7.0/24'],
    ['all of our pods and more', '10.0.0.0/9'],
    ['our services', '10.101.0.128/25'],
    ['a node of ours', '192.0.2.0/28'],
    ['a node of ours by its other family', 'fd00:aa::/64'],
  ]
  for (const [what, cidr] of claims)
    test(`one that has ${what} is not, and says with whom it collides; what it exports is looked at again`, async () => {
      put(allocations, west('10.2.0.0/16', cidr))
      assert.match(it.why('west') ?? '', new RegExp(cidr.replaceAll('.', '\\.')))
      await soon()
      assert.deepEqual([told, flows], [['all-of-west'], ['west']])
      put(allocations, west('10.2.0.0/16'))
      await soon()
      assert.equal(it.why('west'), undefined)
      assert.equal(told.length, 2)
    })

  test('a node that comes later decides too, without anybody asking again', async () => {
    put(allocations, west('10.2.0.0/16', '198.51.100.0/24'))
    await soon()
    assert.deepEqual(told, [])
    put(machines, node('east-2', '198.51.100.7'))
    await soon()
    assert.deepEqual(told, ['all-of-west'])
    assert.notEqual(it.why('west'), undefined)
  })

  test('what changes nothing about addresses is not looked at, and many changes at once are told once', async () => {
    put(machines, { ...node('east-1', '192.0.2.1', 'fd00:aa::1'), spec: { unschedulable: true } })
    put(machines, node('east-3', 'no address'))
    for (let n = 0; n < 20; n++) put(allocations, west('10.2.0.0/16', `192.0.2.0/${n % 2 === 0 ? 24 : 25}`))
    await soon()
    assert.deepEqual(told, ['all-of-west'])
  })
})
