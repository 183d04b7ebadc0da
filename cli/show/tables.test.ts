import assert from 'node:assert/strict'
import { allocationOf, idOf } from '#test/kit/services.ts'
import { policyOf, withMember } from '#test/kit/snapshot.ts'
import { tableOf } from './tables.ts'

suite('the table of services', () => {
  const answering = (view: Parameters<typeof withMember>[0]) => {
    const { columns, rows } = tableOf.services(withMember(view))
    const column = columns.find(({ title }) => title === 'ANSWERING')
    return rows.map((row) => column?.cell(row as never))
  }

  test('has who answers, and where weights hold what share of the calls', () => {
    const of = (cluster: 'east' | 'west', gotPercent?: number) => ({
      cluster: idOf(cluster),
      state: 'Answers' as const,
      message: '',
      ...(gotPercent === undefined ? {} : { share: { wantedPercent: 70, gotPercent, readyEndpoints: 4, usedEndpoints: 3 } }),
    })
    assert.deepEqual(answering({ trafficPolicies: [policyOf([of('east'), of('west')])] }), ['east,west'])
    assert.deepEqual(answering({ trafficPolicies: [policyOf([of('east', 75), of('west', 25)])] }), ['east 75%,west 25%'])
  })

  test('says so where the fleet’s default leaves others out', () => {
    const own = allocationOf('east')
    const allocations = [{ ...own, spec: { ...own.spec, traffic: { locality: 'Local' as const, minReadyEndpoints: 1 } } }]
    const seen = (...clusters: readonly string[]) =>
      answering(({ imports }) => ({
        trafficPolicies: [],
        allocations,
        imports: imports.map((one) => ({ ...one, status: { clusters: [{ cluster: idOf('east') }, { cluster: idOf('west') }] } })),
        slices: clusters.map((cluster) => ({
          namespace: 'shop',
          service: 'web',
          cluster,
          addressType: 'IPv4',
          endpoints: 1,
          ready: 1,
        })),
      }))
    assert.deepEqual(seen('east'), ['east (by the fleet)'])
    assert.deepEqual(seen('east', 'west'), [undefined])
  })
})
