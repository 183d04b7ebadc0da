import assert from 'node:assert/strict'
import { idOf } from '#test/kit/services.ts'
import { isTaken } from './import-from.ts'

test('T5: a namespace that is named is imported from the clusters it names, every other from all', () => {
  const importFrom = [
    { namespace: 'payments', clusters: [idOf('east')] },
    { namespace: 'closed', clusters: [] },
  ]
  const taken = ['payments', 'closed', 'shop'].map((namespace) =>
    (['east', 'west'] as const).filter((id) => isTaken(importFrom, { namespace, clusterID: idOf(id) })),
  )
  assert.deepEqual(taken, [['east'], [], ['east', 'west']])
  assert.ok(isTaken(undefined, { namespace: 'payments', clusterID: idOf('west') }))
})
