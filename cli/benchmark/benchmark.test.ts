import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { eventually } from '#test/kit/eventually.ts'
import type { Table } from '../output/table.ts'
import { renderTable } from '../output/table.ts'
import { latencyRows, tableOf, throughputRows } from './figures.ts'
import { echoCommand, parseMeasured, sendCommand, server } from './programs.ts'
import { spotsOf, waysOf } from './ways.ts'

const node = (name: string, gateway: boolean, ready = true) => ({ name, gateway, ready })
const side = (cluster: string, ...nodes: readonly string[]) => ({
  cluster,
  probes: nodes.map((name, i) => ({
    place: i === 0 ? ('gateway' as const) : ('other' as const),
    node: name,
    addresses: [`10.0.0.${i}`],
  })),
})

suite('the ways of a benchmark', () => {
  const cases = [
    ['a gateway’s node and another', [node('a', false), node('b', true), node('c', false)], ['gateway b', 'other a']],
    ['two gateways’ nodes where there is no other', [node('a', true), node('b', true)], ['gateway a', 'other b']],
    ['two nodes where none is a gateway’s', [node('a', false), node('b', false)], ['gateway a', 'other b']],
    ['one node alone', [node('a', true, false), node('b', false)], ['gateway b']],
    ['none that is ready', [node('a', true, false)], []],
  ] as const
  for (const [name, nodes, want] of cases)
    test(`pods go to ${name}`, () =>
      assert.deepEqual(
        spotsOf(nodes).map((spot) => `${spot.place} ${spot.node}`),
        want,
      ))

  const lines = (...args: Parameters<typeof waysOf>) =>
    waysOf(...args).map(
      (w) => `${w.name} ${w.from.node ?? ''}→${w.to.node ?? ''}: ${'skipped' in w ? w.skipped : `${w.pod} asks ${w.host}`}`,
    )

  test('go across from both kinds of node, and inside of a cluster that has two', () => {
    assert.deepEqual(lines(side('west', 'w1', 'w2'), side('east', 'e1', 'e2')), [
      'gateways w1→e1: gateway asks 10.0.0.0',
      'others w2→e2: other asks 10.0.0.1',
      'inside w1→w2: gateway asks 10.0.0.1',
    ])
    assert.deepEqual(lines(side('west', 'w1'), side('east', 'e1', 'e2')), [
      'gateways w1→e1: gateway asks 10.0.0.0',
      'others →e2: west has one ready node alone',
      'inside e1→e2: gateway asks 10.0.0.1',
    ])
  })
})

suite('the figures of a benchmark', () => {
  const ways = waysOf(side('west', 'w1', 'w2'), side('east', 'e1'))
  const [across, others, inside] = ways
  assert.ok(across && others && inside)
  const text = (table: Table, format: 'table' | 'wide' = 'table') => renderTable(table, { format, headed: false, colour: false })

  test('throughput is what arrived by the time until that was known, and stands beside the same inside', () => {
    const rows = throughputRows(
      [
        { way: across, measured: { kind: 'sent', bytes: 50_000_000, ms: 4000 } },
        { way: others },
        { way: inside, measured: { kind: 'sent', bytes: 200_000_000, ms: 4000 } },
      ],
      2,
    )
    assert.deepEqual(
      rows.map((row) => [row.mbitPerSecond, row.ratio]),
      [
        [100, 0.25],
        [undefined, undefined],
        [400, undefined],
      ],
    )
    assert.match(text(tableOf.throughput(rows)), /^across, on other nodes +west\/w2 +east +- +- +east has one ready node alone$/m)
    assert.match(text(tableOf.throughput(rows), 'wide'), /^across, on gateway nodes +west\/w1 +east\/e1 +100 +0\.25 +2 +4\.0 /m)
  })

  test('p50 and p99 are samples that were seen', () => {
    const micros = Array.from({ length: 200 }, (_, i) => (200 - i) * 10)
    const [row] = latencyRows([{ way: across, measured: { kind: 'echoed', micros } }])
    assert.deepEqual([row?.samples, row?.minMs, row?.p50Ms, row?.p99Ms, row?.ratio], [200, 0.01, 1, 1.98, undefined])
    const [single] = latencyRows([{ way: across, measured: { kind: 'echoed', micros: [700] } }])
    assert.deepEqual([single?.p50Ms, single?.p99Ms], [0.7, 0.7])
  })
})

suite('the programs in the pods of a benchmark', function () {
  this.timeout(20_000)
  const run = async ([program = '', ...args]: readonly string[]) =>
    parseMeasured(
      await text(spawn(program === 'node' ? process.execPath : program, args, { stdio: ['ignore', 'pipe', 'inherit'] }).stdout),
    )
  let target: { readonly host: string; readonly port: number }
  let served: ReturnType<typeof spawn>
  suiteSetup(async () => {
    const free = createServer().listen(0, '127.0.0.1')
    await once(free, 'listening')
    const address = free.address()
    assert.ok(address !== null && typeof address === 'object')
    target = { host: '127.0.0.1', port: address.port }
    free.close()
    served = spawn(process.execPath, ['-e', server, String(target.port)], { stdio: 'inherit' })
    await eventually(async () => assert.equal((await run(echoCommand(target, 0.01))).kind, 'echoed'), 10_000)
  })
  suiteTeardown(() => served.kill())

  test('what is sent through several connections is counted where it arrives', async () => {
    const sent = await run(sendCommand(target, 0.3, 3))
    assert.ok(sent.kind === 'sent' && sent.bytes > 3 << 20 && sent.ms >= 300, JSON.stringify(sent))
  })

  test('round trips are counted one by one', async () => {
    const echoed = await run(echoCommand(target, 0.3))
    assert.ok(echoed.kind === 'echoed' && echoed.micros.length > 10 && echoed.micros.every((n) => n > 0), JSON.stringify(echoed))
  })

  test('where nobody listens it is said', async () => {
    for (const command of [sendCommand({ ...target, port: 1 }, 1, 1), echoCommand({ ...target, port: 1 }, 1)]) {
      const none = await run(command)
      assert.ok(none.kind === 'none' && none.why.includes('ECONNREFUSED'), JSON.stringify(none))
    }
    assert.equal(parseMeasured('<html>').kind, 'none')
  })
})
