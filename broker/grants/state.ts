// What a grant is worth at a moment. Pure. A grant that cannot be used any more says why, and stays until somebody removes it.
import type { JoinGrant } from '#crds/join-grant.ts'

export type GrantState = NonNullable<NonNullable<JoinGrant['status']>['state']>

/** So many requests that do not prove the code, and nobody can any more: whoever guesses has no more tries than that. */
export const mostAttempts = 5

/** `by`: fingerprint of an identity. */
export type Claim = { readonly by: string; readonly until: Date }

export type GrantFacts = {
  readonly expiresAt: Date
  readonly failedAttempts: readonly string[]
  readonly usedBy: string | undefined
  /** By whom it was proved first, who waits for approval since. */
  readonly claim: Claim | undefined
  /** Whether the joiner's account and its right exist. */
  readonly placed: boolean
}

/** What was said of an earlier code under the same id counts no more. */
export function factsOf({ spec, status }: JoinGrant, placed: boolean): GrantFacts {
  const said = status?.verifier === spec.verifier ? status : undefined
  const claim = said?.claim === undefined ? undefined : { by: said.claim.by, until: new Date(said.claim.until) }
  return {
    expiresAt: new Date(spec.expiresAt),
    failedAttempts: said?.failedAttempts ?? [],
    usedBy: said?.usedBy,
    claim,
    placed,
  }
}

export function stateOf({ expiresAt, failedAttempts, usedBy, claim, placed }: GrantFacts, now: Date): GrantState {
  if (usedBy !== undefined) return 'Used'
  // Whoever proved it in time is not too late because a person takes longer, and nobody's guesses lock it any more.
  if (claim !== undefined) return now < claim.until ? 'Claimed' : 'Expired'
  if (failedAttempts.length >= mostAttempts) return 'Locked'
  // An expiry that is no time has passed: fail closed.
  if (!(now < expiresAt)) return 'Expired'
  return placed ? 'Open' : 'Pending'
}

/** Whether somebody may still come with it, or has come and waits. */
export const isUsable = (state: GrantState): boolean => state === 'Open' || state === 'Pending' || state === 'Claimed'

/**
 * Whether whoever holds it is answered. A locked one is for its own time, or a joiner that has the right code would find a dead token, as
 * when the grant expired or was taken back; it lets nobody in, and guessing is told nothing that it did not know.
 */
export const isAnswered = (facts: GrantFacts, now: Date): boolean => {
  const state = stateOf(facts, now)
  return isUsable(state) || (state === 'Locked' && now < facts.expiresAt)
}

/** When time alone makes it unusable. */
export const endOf = ({ expiresAt, claim }: GrantFacts): Date => claim?.until ?? expiresAt

const messages: Readonly<Record<GrantState, string>> = {
  Pending: 'The account that may ask is being made.',
  Open: 'The cluster may join with it.',
  Claimed: 'A cluster proved it and waits for approval: tombolo approve CLUSTER_ID.',
  Used: 'It let a cluster in, and lets no other in.',
  Expired: 'Nobody used it in time, or whoever did was not approved in time. Make another: tombolo grant create CLUSTER_ID.',
  Locked: 'Too many requests did not prove its code. Find out who tried, then make another: tombolo grant create CLUSTER_ID.',
}

export const messageOf = (state: GrantState): string => messages[state]
