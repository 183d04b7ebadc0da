// What a grant is worth at a moment. Pure. A grant that cannot be used any more says why, and stays until somebody removes it.
import type { JoinGrant } from '#crds/join-grant.ts'

export type GrantState = NonNullable<NonNullable<JoinGrant['status']>['state']>

/** So many requests that do not prove the code, and nobody can any more: whoever guesses has no more tries than that. */
export const mostAttempts = 5

export type GrantFacts = {
  readonly expiresAt: Date
  readonly failedAttempts: readonly string[]
  readonly usedBy: string | undefined
  /** Whether the joiner's account and its right exist. */
  readonly placed: boolean
}

/** What was said of an earlier code under the same id counts no more. */
export function factsOf({ spec, status }: JoinGrant, placed: boolean): GrantFacts {
  const said = status?.verifier === spec.verifier ? status : undefined
  return { expiresAt: new Date(spec.expiresAt), failedAttempts: said?.failedAttempts ?? [], usedBy: said?.usedBy, placed }
}

export function stateOf({ expiresAt, failedAttempts, usedBy, placed }: GrantFacts, now: Date): GrantState {
  if (usedBy !== undefined) return 'Used'
  if (failedAttempts.length >= mostAttempts) return 'Locked'
  // An expiry that is no time has passed: fail closed.
  if (!(now < expiresAt)) return 'Expired'
  return placed ? 'Open' : 'Pending'
}

/** Whether somebody may still come with it. */
export const isUsable = (state: GrantState): boolean => state === 'Open' || state === 'Pending'

const messages: Readonly<Record<GrantState, string>> = {
  Pending: 'The account that may ask is being made.',
  Open: 'The cluster may join with it.',
  Used: 'It let a cluster in, and lets no other in.',
  Expired: 'Nobody used it in time. Make another: tombolo grant create CLUSTER_ID.',
  Locked: 'Too many requests did not prove its code. Find out who tried, then make another: tombolo grant create CLUSTER_ID.',
}

export const messageOf = (state: GrantState): string => messages[state]
