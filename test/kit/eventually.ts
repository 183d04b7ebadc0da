// Waiting for something that happens soon, in tests.
import { setTimeout as sleep } from 'node:timers/promises'

/** Runs `check` every `everyMs` until it does not throw; after `ms` throws what it threw last. */
export async function eventually(check: () => void | Promise<void>, ms = 20_000, everyMs = 10): Promise<void> {
  const end = performance.now() + ms
  for (;;) {
    try {
      await check()
      return
    } catch (error) {
      if (performance.now() > end) throw error
    }
    await sleep(everyMs)
  }
}
