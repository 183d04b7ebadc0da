// The commands that let pods of their own talk: verify, and benchmark. Each leaves nothing behind.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LatencyRow, ThroughputRow } from '#cli/benchmark/figures.ts'
import type { Row } from '#cli/verify/render.ts'
import { tombolo } from '#test/kit/cli.ts'
import { fleetOf } from '#test/kit/fleet.ts'
import { activeGatewayNode } from '#test/kit/pods.ts'
import type { RigSuite } from '#test/kit/rig-suite.ts'

const both = ['--context', 'west', '--to-context', 'east']

export const podsTalk = (at: RigSuite): void => {
  const run = (...args: readonly string[]) => fleetOf(at.rig, at.signal).tombolo(...args, ...both)

  test('verify shows with pods that the two reach each other, and leaves nothing behind', async () => {
    const { tests, code, out } = await verified(at, '--connection-timeout', '20')
    process.stdout.write(tests.map((t) => `      ${t.result} ${t.name} ${t.seconds.toFixed(1)} s\n`).join(''))
    assert.equal(code, 0, out)
    const passed = (what: string) => tests.filter(({ name, result }) => result === 'passed' && name.startsWith(what)).length
    // Both ways, over both families, and from both kinds of node.
    assert.deepEqual([passed('service by name'), passed('name gone after unexport')], [2, 2])
    assert.deepEqual([passed('pod to pod'), passed('source address kept')], [8, 4])
    assert.ok(
      tests.every(({ subject }) => subject !== 'gateway-failover'),
      'what interrupts is not done unasked',
    )
    await nothingOf(at, 'verify')
  })

  test('verify and benchmark clean up after Ctrl-C too', async () => {
    const interrupted = async (command: string) => {
      const interrupt = new AbortController()
      const show = (text: string) => {
        if (text.includes('Pods in west and east')) interrupt.abort()
      }
      const args = [command, ...both, '--kubeconfig', at.rig.kubeconfig]
      const { code, err } = await tombolo(args, { signal: at.signal, interrupt: interrupt.signal, show })
      assert.equal(code, 130, err)
      await nothingOf(at, command)
    }
    // What they do is wait, most of the time.
    await Promise.all([interrupted('verify'), interrupted('benchmark')])
  })

  test('verify kills no gateway unless told to, and none that nobody could take over from', async () => {
    const refused = await run('verify', 'gateway-failover')
    assert.equal(refused.code, 2, refused.err)
    assert.match(refused.err, /kills the active gateway of "east".*\n {2}.*--disruptive/)
    const active = await activeGatewayNode(at.rig.cluster('east'))
    const { tests, code } = await verified(at, 'gateway-failover', '--disruptive')
    assert.deepEqual([code, tests.map(({ result }) => result)], [0, ['skipped']])
    assert.match(
      tests[0]?.why ?? '',
      new RegExp(`east has one gateway, on ${active}, .*label node NODE tombolo.dev/gateway=true`),
    )
  })

  test('benchmark measures both ways across beside the way inside, and leaves nothing behind', async () => {
    const { out, err, code } = await run('benchmark', '--seconds', '1', '-o', 'json')
    assert.equal(code, 0, err)
    const { throughput, latency } = JSON.parse(out) as {
      readonly throughput: readonly ThroughputRow[]
      readonly latency: readonly LatencyRow[]
    }
    const ways = (rows: readonly (ThroughputRow | LatencyRow)[]) =>
      rows.map(({ name, from, to }) => `${name} ${from.node ?? ''} ${to.node ?? ''}`)
    const wanted = ['gateways west-1 east-1', 'others west-2 east-2', 'inside west-1 west-2']
    assert.deepEqual([ways(throughput), ways(latency)], [wanted, wanted])
    for (const { name, mbitPerSecond: rate = 0, ratio } of throughput) {
      process.stdout.write(`      ${name}: ${rate.toFixed(0)} Mbit/s, ${ratio?.toFixed(2) ?? '-'} of inside\n`)
      assert.ok(rate > 1, `${name}: ${rate} Mbit/s`)
      assert.equal(ratio === undefined, name === 'inside')
    }
    for (const { name, p50Ms = 0, p99Ms = 0, samples = 0 } of latency) {
      process.stdout.write(`      ${name}: p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms of ${samples}\n`)
      assert.ok(p50Ms > 0 && p99Ms >= p50Ms && samples > 10, `${name}: ${p50Ms} ms, ${p99Ms} ms of ${samples}`)
    }
    await nothingOf(at, 'benchmark')
  })
}

export async function verified(at: RigSuite, ...args: readonly string[]) {
  const { out, err, code } = await fleetOf(at.rig, at.signal).tombolo('verify', ...args, ...both, '-o', 'json')
  assert.notEqual(out, '', err)
  const { tests } = JSON.parse(out) as { readonly tests: readonly Row[] }
  return { tests, code, out }
}

export async function nothingOf(at: RigSuite, command: string): Promise<void> {
  const clusters = [at.rig.cluster('east'), at.rig.cluster('west')]
  const until = performance.now() + 20_000
  for (;;) {
    const names = await Promise.all(clusters.map((c) => c.kubectl(['get', 'namespaces', '-o', 'name'])))
    const left = names.filter((n) => n.includes(`${command}-tombolo-`))
    if (left.length === 0) return
    if (performance.now() > until) assert.fail(left.join('\n'))
    await sleep(300)
  }
}
