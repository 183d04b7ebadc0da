import assert from 'node:assert/strict'
import { idOf } from '#test/kit/services.ts'
import { policyOf, withMember } from '#test/kit/snapshot.ts'
import { tableOf } from './tables.ts'

suite('the table of services', () => {
  test('has who answers, and where weights hold what share of the calls', () => {
    const of = (cluster: 'east' | 'west', gotPercent?: number) => ({
      cluster: idOf(cluster),
      state: 'Answers' as const,
      message: '',
      ...(gotPercent === undefined ? {} : { share: { wantedPercent: 70, gotPercent, readyEndpoints: 4, usedEndpoints: 3 } }),
    })
    const cell = (...clusters: readonly ReturnType<typeof of>[]) => {
      const { columns, rows } = tableOf.services(withMember({ trafficPolicies: [policyOf([...clusters])] }))
      const column = columns.find(({ title }) => title === 'ANSWERING')
      return rows.map((row) => column?.cell(row as never))
    }
    assert.deepEqual(cell(of('east'), of('west')), ['east,west'])
    assert.deepEqual(cell(of('east', 75), of('west', 25)), ['east 75%,west 25%'])
  })
})
