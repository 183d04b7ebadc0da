// Waiting for a cluster to come round, with the reason of the wait in sight and in the error when time is up.
import { pause } from '#lib/std/pause.ts'
import { failed } from '../problem.ts'

export type Probe<T> = { readonly done: T } | { readonly waiting: string }
export type Say = (detail: string) => void

export type Wait = {
  /** What is awaited, as the subject of "… did not happen within 60 s". */
  readonly what: string
  readonly timeoutMs: number
  readonly remedy: string
  readonly say?: Say
}

const everyMs = 100

/** Asks until `probe` is done. Throws a Problem when `timeoutMs` are over, and whatever `probe` throws at once. */
export async function until<T>(wait: Wait, probe: () => Promise<Probe<T>>, signal: AbortSignal): Promise<T> {
  const began = performance.now()
  for (;;) {
    const seen = await probe()
    if ('done' in seen) return seen.done
    wait.say?.(seen.waiting)
    if (performance.now() - began > wait.timeoutMs)
      throw failed(`${wait.what} did not happen within ${Math.round(wait.timeoutMs / 1000)} s: ${seen.waiting}.`, wait.remedy)
    await pause(everyMs, signal)
    signal.throwIfAborted()
  }
}
