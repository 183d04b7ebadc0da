// Which changes of an object's conditions are worth an event: a fault that begins, becomes another, or ends. What never was wrong says
// nothing, so that nothing is written for objects that are well.
import type { Condition } from './conditions.ts'
import type { Said } from './events.ts'
import type { KubeObject } from './object.ts'

/** Condition type → when it is a fault. */
export type Faults = Readonly<Record<string, (condition: Condition) => boolean>>

/** `regarding` carries the conditions from before; `action` is what its controller does with it, a CamelCase verb. */
export function conditionEvents(
  regarding: KubeObject,
  before: readonly Condition[] | undefined,
  after: readonly Condition[],
  faults: Faults,
  action: string,
): readonly Said[] {
  return after.flatMap((now): readonly Said[] => {
    const isFault = faults[now.type]
    const old = before?.find(({ type }) => type === now.type)
    if (isFault === undefined || (old?.status === now.status && old.reason === now.reason)) return []
    const said = { regarding, action, reason: now.reason, note: now.message }
    if (isFault(now)) return [{ ...said, type: 'Warning' }]
    return old !== undefined && isFault(old) ? [{ ...said, type: 'Normal' }] : []
  })
}
