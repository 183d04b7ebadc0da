import assert from 'node:assert/strict'
import { conditionEvents } from './condition-events.ts'
import type { Condition } from './conditions.ts'

const regarding = { apiVersion: 'v1', kind: 'Thing', metadata: { name: 'it', namespace: 'n' } }
const condition = (status: Condition['status'], reason: string, type = 'Ready'): Condition => ({
  type,
  status,
  reason,
  message: `because ${reason}`,
  lastTransitionTime: '2030-01-01T00:00:00Z',
})
const faults = { Ready: (c: Condition) => c.status === 'False' && c.reason !== 'Pending' }
const [well, pending, failed, refused] = [
  condition('True', 'Done'),
  condition('False', 'Pending'),
  condition('False', 'Failed'),
  condition('False', 'Refused'),
]

const cases: readonly (readonly [string, Condition | undefined, Condition, readonly string[]])[] = [
  ['a new object that is well', undefined, well, []],
  ['a new object that is not well', undefined, failed, ['Warning Failed because Failed']],
  ['waiting is no fault', undefined, pending, []],
  ['what waited and is well', pending, well, []],
  ['a fault that begins', well, failed, ['Warning Failed because Failed']],
  ['a fault that goes on', failed, { ...failed, message: 'other words' }, []],
  ['a fault that becomes another', failed, refused, ['Warning Refused because Refused']],
  ['a fault that ends', failed, well, ['Normal Done because Done']],
  ['a condition that nobody calls a fault', undefined, condition('False', 'Off', 'Extra'), []],
]

suite('events of conditions', () => {
  for (const [what, before, after, wanted] of cases)
    test(what, () => {
      const said = conditionEvents(regarding, before === undefined ? undefined : [before], [after], faults, 'Do')
      assert.deepEqual(
        said.map(({ type, reason, note }) => `${type} ${reason} ${note}`),
        wanted,
      )
      for (const one of said) assert.deepEqual([one.regarding, one.action], [regarding, 'Do'])
    })
})
