// How many ready endpoints of each cluster are used, so that calls, which every data plane spreads evenly over endpoints, follow weights.
// kube-proxy takes an address once, so endpoints can only be left out: a share is as exact as whole endpoints let it be.
import { sum } from '#lib/std/sum.ts'

/** A cluster that answers. `weight` and `ready` are at least 1. */
export type Part = { readonly cluster: string; readonly weight: number; readonly ready: number }

/** In points, of 100. So much nobody can see: of 1000 calls spread at random half are further off. More endpoints are worth it. */
const unseenPoints = 1
/** So much is called inexact. */
export const statedPoints = 5

/**
 * By cluster, from 1 to `ready`, and `least` together where there are so many. No share is further off than it must be, or by a point if that
 * is more; of all ways that do this, the one that uses most.
 */
export function countsOf(parts: readonly Part[], least: number): ReadonlyMap<string, number> {
  const sorted = inOrder(parts)
  const all = sum(sorted.map(({ ready }) => ready))
  const fewest = Math.max(sorted.length, Math.min(least, all))
  return byCluster(sorted, unseen(sorted, fewest, all) ?? nearest(sorted, fewest, all))
}

/** Undefined: no total is that near. Where there are many endpoints, the first that is looked at is. */
function unseen(parts: readonly Part[], fewest: number, all: number): readonly number[] | undefined {
  const weights = sum(parts.map(({ weight }) => weight))
  // Beyond this the scarcest is short by more. One is added for what the division loses.
  const limits = parts.map(({ weight, ready }) => {
    const share = (100 * weight) / weights - unseenPoints
    return share > 0 ? Math.floor((100 * ready) / share) + 1 : all
  })
  for (let total = Math.min(all, ...limits); total >= fewest; total--) {
    const counts = madeUp(parts, total)
    if (pointsOff(parts, counts) <= unseenPoints) return counts
  }
  return undefined
}

function nearest(parts: readonly Part[], fewest: number, all: number): readonly number[] {
  const weights = sum(parts.map(({ weight }) => weight))
  let [best, found]: readonly [number, readonly number[]] = [Infinity, []]
  for (let total = fewest; total <= all; total++) {
    // By how much the scarcest is short at least: it only grows from here.
    if (Math.max(...parts.map(({ weight, ready }) => 100 * (weight / weights - ready / total))) > best) break
    const counts = madeUp(parts, total)
    const off = pointsOff(parts, counts)
    if (off <= best) [best, found] = [off, counts]
  }
  return found
}

/** The fewest endpoints, `least` of them or more, by which no share is off by more than `statedPoints`. */
export function neededFor(parts: readonly Part[], least: number): ReadonlyMap<string, number> {
  const plenty = inOrder(parts).map((part) => ({ ...part, ready: Infinity }))
  for (let total = Math.max(plenty.length, least); ; total++) {
    const counts = madeUp(plenty, total)
    if (pointsOff(plenty, counts) <= statedPoints) return byCluster(plenty, counts)
  }
}

/** Of the largest difference between a share and its weight. */
function pointsOff(parts: readonly Part[], counts: readonly number[]): number {
  const [weights, total] = [sum(parts.map(({ weight }) => weight)), sum(counts)]
  // Whole numbers but for the last step: what is the same comes out the same.
  return (100 * Math.max(...parts.map((part, i) => Math.abs(excess(part, counts[i] ?? 0, weights, total))))) / (weights * total)
}

/** Of `total` endpoints, so many more than its weight wants, times the sum of the weights. */
const excess = ({ weight }: Part, count: number, weights: number, total: number): number => count * weights - weight * total

/**
 * By largest remainder within what each has. Whoever is furthest below its quota is given one more, or furthest above it one less, which is the
 * least that is off whatever convex measure it is told by.
 */
function madeUp(parts: readonly Part[], total: number): readonly number[] {
  const weights = sum(parts.map(({ weight }) => weight))
  const counts = parts.map(({ weight, ready }) => Math.max(1, Math.min(ready, Math.floor((weight * total) / weights))))
  for (let missing = total - sum(counts); missing !== 0;) {
    const step = Math.sign(missing)
    const open = parts.flatMap((part, i) => {
      const count = counts[i] ?? 0
      const isOpen = step > 0 ? count < part.ready : count > 1
      return isOpen ? [{ i, below: step * -excess(part, count, weights, total) }] : []
    })
    const [first, ...others] = open.toSorted((a, b) => b.below - a.below)
    if (first === undefined) throw new Error(`no ${total} endpoints can be made up of these`)
    // Whose turn comes before the first has another.
    const turn = [first, ...others.filter(({ below }) => below > first.below - weights)].slice(0, Math.abs(missing))
    for (const { i } of turn) counts[i] = (counts[i] ?? 0) + step
    missing -= step * turn.length
  }
  return counts
}

/** Ties are decided by name, not by who came first. */
const inOrder = (parts: readonly Part[]): readonly Part[] => parts.toSorted((a, b) => (a.cluster < b.cluster ? -1 : 1))

const byCluster = (parts: readonly Part[], counts: readonly number[]): ReadonlyMap<string, number> =>
  new Map(parts.map(({ cluster }, i) => [cluster, counts[i] ?? 0]))
