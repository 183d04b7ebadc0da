// Handshakes of WireGuard that cross on the way through a relay. Who has begun one and is asked to answer another forgets its own: when both
// ends begin at once each answers what the other has forgotten, and 5 s later both try again, at once again. The third of a second by
// which WireGuard puts that off at random is not enough where packets are on their way for long. So of two that cross one counts, and
// both ends can tell which: the lesser by its bytes. Types of messages are in clear (WireGuard's whitepaper, §5.4).

const types = { initiation: 1, response: 2 } as const
/** An answer takes no longer. One that comes later has not crossed, it follows one that was lost. */
export const crossingMs = 2_000

/** At one end, with one peer. Times in ms. */
export class Crossing {
  #ours: { readonly bytes: Buffer; readonly at: number } | undefined

  /** A message on its way to the peer. */
  sent(bytes: Buffer, now: number): void {
    // A copy: what it lies in is used again.
    if (bytes[0] === types.initiation) this.#ours = { bytes: Buffer.from(bytes), at: now }
  }

  /** Whether WireGuard may have what has come from the peer. */
  takes(bytes: Buffer, now: number): boolean {
    if (bytes[0] === types.response) this.#ours = undefined
    if (bytes[0] !== types.initiation || this.#ours === undefined) return true
    return now - this.#ours.at >= crossingMs || Buffer.compare(bytes, this.#ours.bytes) < 0
  }
}
