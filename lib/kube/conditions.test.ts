import assert from 'node:assert/strict'
import { isTrue, setCondition, setConditions } from './conditions.ts'

const noon = new Date('2026-01-31T12:00:00.123Z')
const later = new Date('2026-01-31T13:00:00Z')
const ready = { type: 'Ready', status: 'True', reason: 'Done', message: '', observedGeneration: 1 } as const

suite('conditions', () => {
  test('a new one gets the time, to the second as the API wants it', () => {
    assert.deepEqual(setCondition(undefined, ready, noon), [{ ...ready, lastTransitionTime: '2026-01-31T12:00:00Z' }])
  })

  test('said again it is the very same list', () => {
    const list = setCondition([], ready, noon)
    assert.equal(setCondition(list, ready, later), list)
  })

  test('another message keeps the time of the transition; another status does not', () => {
    const list = setCondition([], ready, noon)
    assert.equal(setCondition(list, { ...ready, message: 'x' }, later)[0]?.lastTransitionTime, '2026-01-31T12:00:00Z')
    assert.equal(setCondition(list, { ...ready, status: 'False' }, later)[0]?.lastTransitionTime, '2026-01-31T13:00:00Z')
  })

  test('others keep their place', () => {
    const list = setConditions([], [ready, { ...ready, type: 'Stalled', status: 'False' }], noon)
    const changed = setCondition(list, { ...ready, status: 'False' }, later)
    assert.deepEqual(
      changed.map((condition) => [condition.type, condition.status]),
      [
        ['Ready', 'False'],
        ['Stalled', 'False'],
      ],
    )
    assert.ok(isTrue(list, 'Ready') && !isTrue(list, 'Stalled') && !isTrue(list, 'Unheard'))
  })
})
