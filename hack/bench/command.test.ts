// `npm run bench` with benches that know their figures: what it prints, what it keeps, and which of them it runs.
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Refusal } from '../setup/refusal.ts'
import type { Bench, Measurement } from './bench.ts'
import { benchCommand } from './command.ts'

const trip: Measurement = {
  figure: 'pod → pod',
  unit: 'ms',
  samples: [30, 10, 20],
  against: { name: 'by hand', samples: [8, 10, 9, 11] },
  goal: '≤ 40',
  detail: { nodes: 2 },
}
const memory: Measurement = { figure: 'agent', unit: 'MB', samples: [12.34567] }

suite('npm run bench', () => {
  let samples: string
  setup(() => {
    samples = mkdtempSync(join(tmpdir(), 'tombolo-bench-'))
  })
  teardown(() => rmSync(samples, { recursive: true, force: true }))

  const reports = (name: string, measured: Measurement): Bench => ({
    name,
    asks: `What is ${name}?`,
    run: (bed) => {
      bed.report(measured)
      return Promise.resolve()
    },
  })
  const fails = (error: Error): Bench => ({ name: 'broken', asks: 'Nothing?', run: () => Promise.reject(error) })
  const both = [reports('trips', trip), reports('idle', memory)]

  const bench = async (args: readonly string[], benches: readonly Bench[] = both, signal = new AbortController().signal) => {
    let printed = ''
    const said: string[] = []
    const print = (text: string) => {
      printed += text
    }
    const code = await benchCommand(args, { benches, samples, print, say: (line) => said.push(line) }, signal)
    return { code, printed, said: said.join('\n') }
  }
  const objects = (text: string): unknown[] =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown)

  test('prints a table with a row for each figure', async () => {
    const { code, printed } = await bench([])
    assert.equal(code, 0)
    assert.equal(
      printed,
      [
        'BENCH  FIGURE     MEASURED                         BESIDE IT                                RATIO  WANTED',
        'trips  pod → pod  p50 20, p99 30, max 30 ms (n=3)  by hand: p50 9, p99 11, max 11 ms (n=4)  2.222  ≤ 40',
        'idle   agent      12.35 MB                         -                                        -      -',
        '',
      ].join('\n'),
    )
  })

  test('--json prints one object a line for each figure, and nothing else', async () => {
    const { code, printed } = await bench(['--json'])
    assert.equal(code, 0)
    assert.deepEqual(objects(printed), [
      {
        ...{ bench: 'trips', figure: 'pod → pod', unit: 'ms', n: 3, p50: 20, p99: 30, max: 30 },
        ...{ against: { name: 'by hand', n: 4, p50: 9, p99: 11, max: 11 }, ratio: 2.222, goal: '≤ 40' },
      },
      { bench: 'idle', figure: 'agent', unit: 'MB', value: 12.35 },
    ])
  })

  test('the raw samples are kept as they came, in a file that it names', async () => {
    const { said } = await bench([])
    const [file = '', ...more] = readdirSync(samples)
    assert.deepEqual(more, [])
    assert.match(said, new RegExp(`^raw samples: ${join(samples, file)}$`, 'm'))
    assert.deepEqual(objects(readFileSync(join(samples, file), 'utf8')), [
      { bench: 'trips', ...trip },
      { bench: 'idle', ...memory },
    ])
  })

  test('those that are named run, in their own order', async () => {
    const ran = async (...names: readonly string[]) => {
      const { printed } = await bench(['--json', ...names])
      return objects(printed).map((figure) => (figure as { readonly bench: string }).bench)
    }
    assert.deepEqual(await ran('idle'), ['idle'])
    assert.deepEqual(await ran('idle', 'trips'), ['trips', 'idle'])
  })

  test('a name that there is not is answered with those that there are, and exit code 2', async () => {
    const { code, printed, said } = await bench(['tripz'])
    assert.equal(code, 2)
    assert.equal(printed, '')
    assert.match(said, /'tripz' is invalid.*Allowed choices are trips, idle\./)
    assert.deepEqual(readdirSync(samples), [])
  })

  test('--help says what each of them asks', async () => {
    const { code, printed } = await bench(['--help'])
    assert.equal(code, 0)
    assert.match(printed, /^ {2}trips +What is trips\?\n {2}idle +What is idle\?$/m)
  })

  const faults: readonly (readonly [string, Error, number, RegExp])[] = [
    ['a fault', new Error('no route', { cause: new Error('link down') }), 1, /\ntombolo: no route\n {2}because: link down$/],
    [
      'a machine that cannot be measured on',
      new Refusal('the disk is full: free some space.', { cause: new Error('ENOSPC') }),
      2,
      /\ntombolo: the disk is full: free some space\.$/,
    ],
  ]
  for (const [name, error, ends, says] of faults)
    test(`what was measured before ${name} is printed all the same, and the exit code is ${ends}`, async () => {
      const { code, printed, said } = await bench([], [reports('idle', memory), fails(error), reports('trips', trip)])
      assert.equal(code, ends)
      assert.match(printed, /^idle {3}agent {3}12\.35 MB/m)
      assert.doesNotMatch(printed, /trips/)
      assert.match(said, says)
    })

  test('one that is stopped says so, with exit code 130', async () => {
    const stop = new AbortController()
    const long: Bench = {
      name: 'long',
      asks: 'How long?',
      run: (bed) => {
        stop.abort()
        return Promise.reject(bed.signal.reason as Error)
      },
    }
    const { code, said } = await bench([], [long], stop.signal)
    assert.equal(code, 130)
    assert.match(said, /^interrupted; nothing of it is left on the machine$/m)
  })
})
