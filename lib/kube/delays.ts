// Keys that come due later, with one timer for all of them: a timer for each of 10 000 keys would be 10 000 objects to keep and fire.
import { heap } from '#lib/std/heap.ts'

export interface Delays extends Disposable {
  /** `key` comes due in `ms`, or earlier if it was to before. */
  put(key: string, ms: number): void
  drop(key: string): void
  readonly size: number
}

/** A timer with a longer time than this fires at once. */
const longest = 2 ** 31 - 1

interface Due {
  readonly key: string
  /** On performance.now()'s scale: a step of the wall clock must not hold keys back. */
  readonly at: number
}

export function delays(due: (key: string) => void): Delays {
  const dueAt = new Map<string, number>()
  // Entries that `dueAt` no longer knows are stale and skipped: cheaper than to search a heap.
  let line = heap<Due>((entry) => entry.at)
  let timer: NodeJS.Timeout | undefined

  const stale = (entry: Due) => dueAt.get(entry.key) !== entry.at

  function fire(): void {
    const now = performance.now()
    for (let next = line.peek(); next !== undefined && (stale(next) || next.at <= now); next = line.peek()) {
      line.pop()
      if (stale(next)) continue
      dueAt.delete(next.key)
      due(next.key)
    }
    arm()
  }

  function arm(): void {
    clearTimeout(timer)
    const next = line.peek()
    timer =
      next === undefined ? undefined : setTimeout(fire, Math.min(longest, Math.max(0, Math.ceil(next.at - performance.now()))))
  }

  /** Keys put off again and again leave stale entries behind: start a new line when most are. */
  function sweep(): void {
    if (line.size < 64 || line.size < 2 * dueAt.size) return
    line = heap<Due>((entry) => entry.at)
    for (const [key, at] of dueAt) line.push({ key, at })
  }

  return {
    put: (key, ms) => {
      const at = performance.now() + ms
      if (at >= (dueAt.get(key) ?? Infinity)) return
      dueAt.set(key, at)
      line.push({ key, at })
      sweep()
      if (line.peek()?.key === key) arm()
    },
    drop: (key) => void dueAt.delete(key),
    get size() {
      return dueAt.size
    },
    [Symbol.dispose]: () => {
      clearTimeout(timer)
      dueAt.clear()
    },
  }
}
