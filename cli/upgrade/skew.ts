// How far two versions are from each other, and which steps of an upgrade are supported: forward, one minor version at a time.
import type { Result } from '#lib/std/result.ts'
import type { Version } from '#lib/std/version.ts'
import { parseVersion } from '#lib/std/version.ts'

export const skews = ['same', 'older', 'newer', 'unknown'] as const
/** What runs, as seen from this command. */
export type Skew = (typeof skews)[number]

export function skewOf(running: string | undefined, command: string): Skew {
  const [from, to] = [parseVersion(running ?? ''), parseVersion(command)]
  if (from === undefined || to === undefined) return 'unknown'
  const order = compare(from, to)
  return order === 0 ? 'same' : order < 0 ? 'older' : 'newer'
}

export type Refusal = { readonly says: string; readonly remedy: string }

/** Whether a cluster may go from what it runs to this command's version; `running` undefined where nobody wrote it down. */
export function checkStep(running: string | undefined, command: string): Result<'same' | 'forward' | 'unknown', Refusal> {
  const [from, to] = [parseVersion(running ?? ''), parseVersion(command)]
  if (from === undefined || to === undefined) return { ok: true, value: 'unknown' }
  const order = compare(from, to)
  if (order === 0) return { ok: true, value: 'same' }
  if (order > 0)
    return refusal(
      `the cluster runs ${running ?? ''}, which is newer than this command (${command})`,
      `Going back is not supported, as objects may hold what ${command} does not know. Use the tombolo of ${running ?? ''} or a later one.`,
    )
  if (from.major !== to.major || to.minor - from.minor > 1) {
    const next = from.major === to.major ? `${from.major}.${from.minor + 1}` : `the last ${from.major}.x`
    return refusal(
      `the cluster runs ${running ?? ''}, and this command is ${command}: more than one minor version apart`,
      `Go step by step: first tombolo upgrade with a command of ${next}, then again with this one.`,
    )
  }
  return { ok: true, value: 'forward' }
}

const refusal = (says: string, remedy: string): Result<never, Refusal> => ({ ok: false, error: { says, remedy } })

/** Semantic Versioning 2.0.0 §11: a pre-release comes before its release; two of them by their text, which is enough for ours. */
function compare(a: Version, b: Version): number {
  const numbers = a.major - b.major || a.minor - b.minor || a.patch - b.patch
  if (numbers !== 0) return numbers
  if (a.pre === b.pre) return 0
  if (a.pre === '') return 1
  if (b.pre === '') return -1
  return a.pre < b.pre ? -1 : 1
}
