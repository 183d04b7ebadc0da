// The frames that wait for a connection to take them: few, the oldest going first when there are too many, as for datagrams late is lost.
import type { TLSSocket } from 'node:tls'

/** 30 ms at the most that a relay forwards, by datagrams of 1420 bytes. Whoever sends through it slows down by what is lost, as on any link. */
export const maxWaiting = 512

export class Outbox {
  readonly #socket: TLSSocket
  #waiting: Buffer[] = []
  #news: Buffer | undefined
  #dropped = 0
  #corked = false

  constructor(socket: TLSSocket) {
    this.#socket = socket
    socket.on('drain', () => {
      const [news, waiting] = [this.#news, this.#waiting]
      this.#news = undefined
      this.#waiting = []
      if (news !== undefined) this.tell(news)
      for (const frame of waiting) this.push(frame)
    })
  }

  get dropped(): number {
    return this.#dropped
  }

  /** What is said once and must arrive: of what waits, a newer one takes the place of the older. */
  tell(frame: Buffer): void {
    if (this.#socket.writableNeedDrain) this.#news = frame
    else this.push(frame)
  }

  push(frame: Buffer): void {
    if (this.#socket.destroyed || !this.#socket.writable) return
    if (this.#socket.writableNeedDrain) {
      this.#waiting.push(frame)
      if (this.#waiting.length <= maxWaiting) return
      this.#waiting.shift()
      this.#dropped++
      return
    }
    // What one turn of the loop brings goes out as one record.
    if (!this.#corked) {
      this.#corked = true
      this.#socket.cork()
      process.nextTick(() => {
        this.#corked = false
        this.#socket.uncork()
      })
    }
    this.#socket.write(frame)
  }
}
