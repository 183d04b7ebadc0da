import assert from 'node:assert/strict'
import { jsonLine, p50, spread } from './figure.ts'

suite('bench figures', () => {
  test('percentiles are samples that were seen', () => {
    const samples = Array.from({ length: 200 }, (_, i) => 200 - i)
    assert.deepEqual(spread(samples), { n: 200, p50: 100, p99: 198, max: 200 })
    assert.deepEqual(spread([7]), { n: 1, p50: 7, p99: 7, max: 7 })
    for (const few of [[3, 1, 2], [4, 1, 3, 2], samples]) assert.equal(p50(few), spread(few).p50)
    assert.equal(p50([4, 1, 3, 2]), 2)
  })

  test('a line carries its floor and the ratio to it', () => {
    const line = jsonLine({
      bench: 'b',
      figure: 'f',
      unit: 'ms',
      measured: spread([10, 20, 30]),
      against: { name: 'floor', measured: { value: 10 } },
    })
    assert.deepEqual(JSON.parse(line), {
      bench: 'b',
      figure: 'f',
      unit: 'ms',
      n: 3,
      p50: 20,
      p99: 30,
      max: 30,
      against: { name: 'floor', value: 10 },
      ratio: 2,
    })
  })
})
