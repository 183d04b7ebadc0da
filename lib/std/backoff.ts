// How long to wait before the next try: exponential with full-range jitter, so that a thousand clients do not return in step.

export interface Backoff {
  /** The next delay in ms: between half and the whole of `base * 2^tries`, capped. */
  next(): number
  /** Call after a success that has lasted. */
  reset(): void
}

export function backoff(baseMs: number, capMs: number, random: () => number = Math.random): Backoff {
  let tries = 0
  return {
    next: () => {
      const ceiling = Math.min(capMs, baseMs * 2 ** tries)
      tries = Math.min(tries + 1, 30)
      return ceiling / 2 + (random() * ceiling) / 2
    },
    reset: () => {
      tries = 0
    },
  }
}
