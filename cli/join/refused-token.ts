// A broker that does not take a token says no more than that, since it knows the account no more: anything else would help whoever guesses.
// So why it is so is told from what its holder knows. A grant that is locked still answers (broker/grants/plan.ts).

export type RefusedToken = {
  readonly clusterID: string
  /** Until when the grant was good; undefined for the token of a member. */
  readonly expiresAt: Date | undefined
  /** Whether the broker took it before, while this question was asked. */
  readonly taken: boolean
  readonly now: Date
}

export function whyRefused({ clusterID, expiresAt, taken, now }: RefusedToken): {
  readonly says: string
  readonly remedy: string
} {
  const another = `on the broker: tombolo grant create ${clusterID}`
  if (expiresAt === undefined)
    return {
      says: `The broker does not take the token of "${clusterID}" any more: it was revoked, or was off for longer than its token lasts.`,
      remedy: `See whether it is a member still, on the broker: tombolo show members. Then make a grant ${another}; and join with it.`,
    }
  if (taken)
    return {
      says: `The grant for "${clusterID}" was taken back while it was asked for.`,
      remedy: `Ask the broker's administrator why; then another is made ${another}.`,
    }
  if (now >= expiresAt)
    return {
      says: `The grant for "${clusterID}" expired at ${expiresAt.toISOString()}.`,
      remedy: `Make another ${another}; with --expires 24h if it takes its time to get here.`,
    }
  return {
    says: `The grant for "${clusterID}" would be good until ${expiresAt.toISOString()}, and was taken back on the broker, or the cluster that used it was revoked.`,
    remedy: `Ask the broker's administrator why; then another is made ${another}.`,
  }
}
