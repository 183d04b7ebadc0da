// How much one gateway may send through a relay: a bucket of tokens, a byte each.

export class Rate {
  readonly #perMs: number
  readonly #burst: number
  #tokens: number
  #at: number

  /** `bytesPerSecond`, and at once as much as in `burstMs` of it. */
  constructor(bytesPerSecond: number, burstMs: number, now: number) {
    this.#perMs = bytesPerSecond / 1000
    this.#burst = this.#perMs * burstMs
    this.#tokens = this.#burst
    this.#at = now
  }

  /** Whether so many bytes may pass at `now` (ms, monotonic); if so, they are counted. */
  take(bytes: number, now: number): boolean {
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) * this.#perMs)
    this.#at = now
    if (this.#tokens < bytes) return false
    this.#tokens -= bytes
    return true
  }
}
