// Waiting that an owner can end. The only place that calls setTimeout for a delay.
import { setTimeout as sleep } from 'node:timers/promises'

/** Resolves after `ms`, or early, without an error, when `signal` is aborted: the caller's loop condition decides what then. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal })
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

/** Resolves when `signal` aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/** Runs `work` every `ms`, the first time after `ms`, until `signal` aborts. */
export async function every(ms: number, work: () => void, signal: AbortSignal): Promise<void> {
  for (;;) {
    await pause(ms, signal)
    if (signal.aborted) return
    work()
  }
}
