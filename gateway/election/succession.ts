// When a standby need not wait for the Lease to run out. Gateways of one cluster have cables to each other too, and the pulse inside
// tells in little more than half a second that a process fell silent, and at once that one would rather not lead. The Lease still decides who
// follows it. For a moment there may be two that lead; the higher term wins, and far gateways take packets from nobody else.
import type { Standing } from '../hand-over/standing.ts'
import { outranks } from '../hand-over/standing.ts'
import { splitIdentity } from './role.ts'

/** Another gateway of this cluster that was heard since the Lease has its present holder. Times in ms. */
export type Sibling = {
  readonly node: string
  /** Of the process that was heard last. */
  readonly bootID: string
  readonly silentMs: number
  readonly standing: Standing
  /** How long it has been saying that it hears no gateway of any other cluster; undefined if it does not. */
  readonly cutOffMs: number | undefined
}

export type SuccessionFacts = {
  /** Who the Lease says leads, as `identityOf` writes it. */
  readonly holder: string | undefined
  /** Ours. */
  readonly identity: string
  readonly standing: Standing
  readonly siblings: readonly Sibling[]
  /** How long ago any gateway was last heard but the holder; undefined if there is no other. */
  readonly othersSilentMs: number | undefined
  /** How long ago a gateway of another cluster last proved that it hears us; undefined if none does. */
  readonly provedMs: number | undefined
  /** From `patience`. */
  readonly patienceMs: number
}

/** Two pulses that did not come, and a little more: who was heard since is there. */
export const silenceMs = 600
/** What the Lease waits without any pulse. */
const mostMs = 6_000
const memoryMs = 300_000

/**
 * How long the one in the lead may be silent. Longer after each time lately that it was taken over for that, so that a path that comes and goes
 * does not move all traffic with each change. `takenAt`: when that happened, on the clock of `now`, ms.
 */
export const patience = (takenAt: readonly number[], now: number): number =>
  Math.min(mostMs, silenceMs * 2 ** takenAt.filter((at) => now - at < memoryMs).length)

export type Gone = { readonly holder: string; readonly because: 'restarted' | 'yields' | 'silent' | 'cutOff' }

/** The path to it or from it failed, which may come again: these cost patience. */
export const isOfThePath = ({ because }: Gone): boolean => because === 'silent' || because === 'cutOff'

/**
 * The holder of the Lease, if its process is known to be gone, or would rather not lead where we would. Who hears nobody at all has lost its own way, and knows nothing.
 * One that was never heard as the holder is not missed either: between two gateways whose cable is cut, the lead would go to and fro.
 * One that lives and reaches no other cluster is of no use where we reach one. It has waited for long enough before it says so, and what we
 * have to show is a proof that is younger than that. Reaching fewer than we do is no reason: then a single
 * member that answers some gateways and not others could move the lead of every cluster, and harm others than itself.
 */
export function goneHolder(facts: SuccessionFacts): Gone | undefined {
  const { holder, identity, standing, siblings, othersSilentMs, provedMs = Infinity, patienceMs } = facts
  if (holder === undefined || holder === identity || standing === 'Never') return undefined
  const [node, bootID] = splitIdentity(holder)
  // An earlier process of this node: there is but one at a time.
  if (node === splitIdentity(identity)[0]) return { holder, because: 'restarted' }
  const sibling = siblings.find((s) => s.node === node)
  if (sibling === undefined) return undefined
  if (sibling.bootID !== bootID) return { holder, because: 'restarted' }
  const better = siblings.some((s) => s !== sibling && s.silentMs <= silenceMs && outranks(s.standing, standing))
  if (outranks(standing, sibling.standing) && sibling.silentMs <= silenceMs && !better) return { holder, because: 'yields' }
  const alone = othersSilentMs !== undefined && othersSilentMs >= patienceMs
  if (sibling.silentMs > patienceMs) return alone ? undefined : { holder, because: 'silent' }
  const cutOffMs = sibling.cutOffMs ?? 0
  return provedMs < cutOffMs && cutOffMs > patienceMs - silenceMs ? { holder, because: 'cutOff' } : undefined
}
