// One question on the way from a pod to its destination, and what can be said to it.
import type { Facts } from './facts.ts'

export type Judgement =
  | { readonly state: 'ok'; readonly says: string }
  | { readonly state: 'broken'; readonly says: string; readonly remedy: string; readonly evidence?: string }
  | { readonly state: 'unknown'; readonly why: string }

/** `at` is the station in a word or two; `of` says for which destinations the question arises. */
export type Hop = {
  readonly at: string
  readonly of: 'every destination' | 'services'
  readonly look: (facts: Facts) => Judgement
}

export const fine = (says: string): Judgement => ({ state: 'ok', says })
export const broken = (says: string, remedy: string, evidence?: string): Judgement => ({
  state: 'broken',
  says,
  remedy,
  ...(evidence === undefined ? {} : { evidence }),
})
export const unknown = (why: string): Judgement => ({ state: 'unknown', why })
