// Waiting for something that happens soon, in tests.
import { setTimeout as sleep } from 'node:timers/promises'

/** A check that takes long starts programs: what it waits for wants the processor too. */
const mostBetweenMs = 500

/** Runs `check` until it does not throw, `everyMs` apart or as long as it takes itself; after `ms` throws what it threw last. */
export async function eventually(check: () => void | Promise<void>, ms = 20_000, everyMs = 10): Promise<void> {
  const end = performance.now() + ms
  for (;;) {
    const began = performance.now()
    try {
      await check()
      return
    } catch (error) {
      if (performance.now() > end) throw error
    }
    await sleep(Math.max(everyMs, Math.min(performance.now() - began, mostBetweenMs)))
  }
}
