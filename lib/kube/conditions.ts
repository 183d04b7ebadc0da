// Conditions in the way kstatus and `kubectl wait` read them: Ready, Progressing, Stalled and whatever a kind adds.
import { time } from './time.ts'

export interface Condition {
  readonly type: string
  readonly status: 'True' | 'False' | 'Unknown'
  /** CamelCase, for programs. */
  readonly reason: string
  /** For people: what is so, and what to do about it. */
  readonly message: string
  readonly observedGeneration?: number | undefined
  /** When `status` last changed; not when the rest did. */
  readonly lastTransitionTime: string
}

export type NewCondition = Omit<Condition, 'lastTransitionTime'>

/** The list with `next` in it. The very same list when it said so already, so that "nothing changed" is an identity. */
export function setCondition(list: readonly Condition[] | undefined, next: NewCondition, now: Date): readonly Condition[] {
  const before = list?.find(({ type }) => type === next.type)
  if (list !== undefined && before !== undefined && says(before, next)) return list
  const lastTransitionTime = before?.status === next.status ? before.lastTransitionTime : time(now)
  const condition = { ...next, lastTransitionTime }
  if (before === undefined) return [...(list ?? []), condition]
  return (list ?? []).map((old) => (old === before ? condition : old))
}

/** Several at once. */
export const setConditions = (
  list: readonly Condition[] | undefined,
  next: readonly NewCondition[],
  now: Date,
): readonly Condition[] =>
  next.reduce<readonly Condition[]>((conditions, condition) => setCondition(conditions, condition, now), list ?? [])

/** Undefined: nobody has said anything about it. */
export const conditionOf = <C extends Pick<Condition, 'type'>>(list: readonly C[] | undefined, type: string): C | undefined =>
  list?.find((condition) => condition.type === type)

export const isTrue = (list: readonly Condition[] | undefined, type: string): boolean =>
  list?.find((condition) => condition.type === type)?.status === 'True'

const says = (a: Condition, b: NewCondition): boolean =>
  a.status === b.status && a.reason === b.reason && a.message === b.message && a.observedGeneration === b.observedGeneration
