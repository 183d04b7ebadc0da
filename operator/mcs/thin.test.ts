import assert from 'node:assert/strict'
import fc from 'fast-check'
import { thin } from './thin.ts'

type Row = Record<string, unknown>
const parsed = (rows: unknown): Row[] => JSON.parse(JSON.stringify(rows)) as Row[]

suite('what repeats within an object', () => {
  test('is held once, and what differs stays apart', () => {
    const [ready, not] = [
      { ready: true, serving: true },
      { ready: false, serving: true },
    ]
    const rows = parsed([ready, ready, not].map((conditions, i) => ({ addresses: [`10.1.0.${i}`], conditions })))
    thin(rows)
    assert.deepEqual(
      rows,
      [ready, ready, not].map((conditions, i) => ({ addresses: [`10.1.0.${i}`], conditions })),
    )
    assert.equal(rows[0]?.['conditions'], rows[1]?.['conditions'])
    assert.notEqual(rows[0]?.['conditions'], rows[2]?.['conditions'])
  })

  test('changes nothing of what anybody reads, whatever it is', () => {
    const row = fc.dictionary(fc.constantFrom('address', 'node', 'zone', '__proto__', 'x'), fc.jsonValue())
    fc.assert(
      fc.property(fc.array(row), (rows) => {
        const [before, after] = [parsed(rows), parsed(rows)]
        thin(after)
        assert.deepEqual(after, before)
      }),
    )
  })
})
