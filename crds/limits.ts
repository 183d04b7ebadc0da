// What one cluster may take of the broker, as numbers: how many objects it publishes, and how many requests it has served at once.

/**
 * By plural. The broker holds gateways to that by quota and exports by the names that there are (rules/numbered.ts), and whoever imports them
 * asks again. Of endpoints an object holds 200 (exported-endpoints.ts).
 */
export const mostOfAMember = { gatewayendpoints: 64, exportedservices: 2000, exportedendpoints: 4000 } as const

/**
 * The spec of the PriorityLevelConfiguration of one member. One share is the least there is: 3 seats where the apiserver takes 600 requests
 * at once (its default) and has up to 52 members, 2 up to 352, 1 beyond (docs/design/0023-level-per-member.md has what was measured, and what
 * it costs everybody else).
 */
export const levelOfAMember = {
  type: 'Limited',
  limited: {
    nominalConcurrencyShares: 1,
    // What runs side by side shares the processors, and is not queued fairly any more.
    borrowingLimitPercent: 0,
    // Of 2 or 3 seats one is others' while the member does not ask for it; the last one is never lent.
    lendablePercent: 33,
    // Its operator has a dozen requests under way at most. What is beyond is turned away at once, with 429.
    limitResponse: { type: 'Queue', queuing: { queues: 1, handSize: 1, queueLengthLimit: 200 } },
  },
} as const

/** Before everybody else's (tombolo-members), after those of Kubernetes itself and the controller's. */
export const schemaPrecedence = 1050
