// Work to do, by key. A key waits at most once however often it is added, and never runs twice at once:
// what is added while it runs waits until that run is done, then runs once more.
import { ring } from '#lib/std/ring.ts'
import { delays } from './delays.ts'

export interface Queue extends Disposable {
  /** Now; it overtakes a delay of the same key. */
  add(key: string): void
  /** In `ms`, or earlier if it was to come earlier already. */
  addAfter(key: string, ms: number): void
  /** The key that has waited longest, held until `done(key)`. Undefined once `signal` aborts. */
  take(signal: AbortSignal): Promise<string | undefined>
  done(key: string): void
  /** How many wait to be taken now. */
  readonly size: number
}

export function queue(): Queue {
  const ready = ring<string>()
  const waiting = new Set<string>() // in `ready`, or to go there when their run is done
  const running = new Set<string>()
  const takers = ring<() => void>()
  const later = delays(add)

  function add(key: string): void {
    later.drop(key)
    if (waiting.has(key)) return
    waiting.add(key)
    if (!running.has(key)) enter(key)
  }

  function enter(key: string): void {
    ready.push(key)
    takers.shift()?.()
  }

  /** Resolves when something may be ready. A taker that gave up stays in the ring: it passes its turn on. */
  function somethingNew(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener('abort', resolveNow)
        if (signal.aborted) takers.shift()?.()
        resolve()
      }
      const resolveNow = () => resolve()
      takers.push(wake)
      signal.addEventListener('abort', resolveNow, { once: true })
    })
  }

  return {
    add,
    addAfter: (key, ms) => {
      if (waiting.has(key)) return
      if (ms <= 0) add(key)
      else later.put(key, ms)
    },
    take: async (signal) => {
      while (!signal.aborted) {
        const key = ready.shift()
        if (key !== undefined) {
          waiting.delete(key)
          running.add(key)
          return key
        }
        await somethingNew(signal)
      }
      return undefined
    },
    done: (key) => {
      running.delete(key)
      if (waiting.has(key)) enter(key)
    },
    get size() {
      return ready.size
    },
    [Symbol.dispose]: () => later[Symbol.dispose](),
  }
}
