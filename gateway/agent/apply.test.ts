import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { FakeHost } from '#lib/host/fake.ts'
import { fakeHost } from '#lib/host/fake.ts'
import type { Network } from '#lib/host/network.ts'
import { agentFacts, cidrs } from '#test/kit/gateway.ts'
import { applyAgent, cleanUp } from './apply.ts'
import { agentOwns } from './ownership.ts'
import { planAgent } from './plan.ts'

const stateDir = '/var/lib/tombolo'
const { signal } = new AbortController()
const machine = () => fakeHost({ devices: { eth0: ['172.29.1.2/24'] } })
const north = { clusterID: 'north', podCIDRs: cidrs('10.243.0.0/16', 'fd00:243::/48') }

/** Situations that a node can be in, in any order. */
const situations = {
  'a worker': {},
  'a worker without an active gateway': { active: undefined },
  'a worker after the gateway moved': { gateways: ['n1', 'n3'], active: 'n3' },
  'a worker with one more cluster': { announced: [...agentFacts().announced, north] },
  'a worker alone in the fleet': { announced: [] },
  'the gateway itself': { self: 'n1', machine: { ...agentFacts().machine, addresses: ['172.29.1.1'] } },
}
const want = (name: keyof typeof situations): Network => planAgent(agentFacts(situations[name])).network
const names = Object.keys(situations) as (keyof typeof situations)[]

const after = async (host: FakeHost, name: keyof typeof situations) => {
  await applyAgent(host, want(name), agentOwns, stateDir, signal)
  return host.print()
}

suite('a node under the agent', function () {
  this.timeout(30_000)

  test('a second pass changes nothing', async () => {
    for (const name of names) {
      const host = machine()
      await after(host, name)
      assert.deepEqual(await applyAgent(host, want(name), agentOwns, stateDir, signal), [], name)
    }
  })

  test('whatever it was before, it ends as if made from nothing', async () => {
    const fresh = new Map(await Promise.all(names.map(async (name) => [name, network(await after(machine(), name))] as const)))
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 8 }), async (walk) => {
        const host = machine()
        for (const name of walk) assert.equal(network(await after(host, name)), fresh.get(name), walk.join(' → '))
      }),
      { numRuns: 40 },
    )
  })

  test('cleaning up leaves what was there before, but for forwarding', async () => {
    const host = machine()
    const before = network(host.print())
    await after(host, 'the gateway itself')
    await host.write(`${stateDir}/wireguard.key`, 'x', { mode: 0o600 }, signal)
    await cleanUp(host, stateDir, signal)
    assert.equal(network(host.print()), before)
    assert.equal(host.files.size, 0)
  })

  test('cleaning up puts a filter of the node back, unless somebody else changed it since', async () => {
    const key = '/proc/sys/net/ipv4/conf/eth0/rp_filter'
    const value = async (host: FakeHost) => (await host.read(key, signal))?.trim()
    const withoutBlocks = { nodes: agentFacts().nodes.map((node) => ({ ...node, podCIDRs: [] })) }
    for (const [since, left] of [
      [undefined, '1'],
      ['0', '0'],
    ] as const) {
      const host = machine()
      await host.write(key, '1', {}, signal)
      for (const _ of ['made', 'made again'])
        await applyAgent(host, planAgent(agentFacts(withoutBlocks)).network, agentOwns, stateDir, signal)
      assert.equal(await value(host), '2')
      if (since !== undefined) await host.write(key, since, {}, signal)
      await cleanUp(host, stateDir, signal)
      assert.equal(await value(host), left)
    }
  })
})

/** Settings of the kernel stay when nobody wants them any more. */
const network = (print: string): string =>
  print
    .split('\n')
    .filter((line) => !line.startsWith('sysctl '))
    .join('\n')
