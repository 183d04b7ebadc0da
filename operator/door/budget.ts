// What one other cluster may cost us: so many objects, so many bytes, and so many changes a second. Each has a budget of its own, so that
// the one that floods is late and nobody else is (T11). The broker bounds numbers too, and is not believed.

/** Of one cluster and one kind. */
export type Budget = {
  readonly objects: number
  /** As JSON. */
  readonly bytes: number
  readonly changesPerSecond: number
  /** So many changes at once come through after a calm, as when a cluster exports for the first time. */
  readonly burst: number
  /** Of one service of it: more than that would be one piece of work, that holds up all others'. */
  readonly endpointsOfAService: number
}

/** Of so many objects at most. A roll-out of a large cluster stays below: changes of one object that wait are one change. */
export const budgetOf = (objects: number): Budget => ({
  objects,
  bytes: 16 * 2 ** 20,
  changesPerSecond: 100,
  burst: 500,
  // One a node and family in the largest cluster that Kubernetes is tested for, which has 5,000 nodes.
  endpointsOfAService: 10_000,
})

/** What a cluster has of its budget in use. `credit`: changes that it may make at once, as of `atMs`. */
export type Account = { readonly objects: number; readonly bytes: number; readonly credit: number; readonly atMs: number }
export type Size = Pick<Account, 'objects' | 'bytes'>

/** What a budget can be short of. */
export type Short = 'objects' | 'bytes' | 'changes' | 'endpoints'

export const opened = ({ burst }: Budget, nowMs: number): Account => ({ objects: 0, bytes: 0, credit: burst, atMs: nowMs })

const creditAt = ({ burst, changesPerSecond }: Budget, { credit, atMs }: Account, nowMs: number): number =>
  Math.min(burst, credit + ((nowMs - atMs) * changesPerSecond) / 1000)

/** How long the next change has to wait; 0: not at all. */
export function waitMs(budget: Budget, account: Account, nowMs: number): number {
  const lacking = 1 - creditAt(budget, account, nowMs)
  return lacking <= 0 ? 0 : Math.ceil((lacking * 1000) / budget.changesPerSecond)
}

/** For which of them there is no room; undefined: it fits. What makes it no more of anything always does. */
export function noRoomFor(budget: Budget, account: Account, growth: Size): 'objects' | 'bytes' | undefined {
  if (growth.objects > 0 && account.objects + growth.objects > budget.objects) return 'objects'
  if (growth.bytes > 0 && account.bytes + growth.bytes > budget.bytes) return 'bytes'
  return undefined
}

export const grown = (account: Account, { objects, bytes }: Size): Account => ({
  ...account,
  objects: account.objects + objects,
  bytes: account.bytes + bytes,
})

/** One change less. That something went costs nothing: it can go only after it came. */
export const charged = (budget: Budget, account: Account, nowMs: number): Account => ({
  ...account,
  credit: creditAt(budget, account, nowMs) - 1,
  atMs: nowMs,
})
