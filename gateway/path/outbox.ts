// The frames that wait for a connection to take them: few, the oldest going first when there are too many, as for datagrams late is lost.
import type { Writable } from 'node:stream'
import type { Frame } from './frame.ts'

/** 30 ms at the most that a relay forwards, by datagrams of 1420 bytes. Whoever sends through it slows down by what is lost, as on any link. */
export const maxWaiting = 512

export class Outbox {
  readonly #socket: Writable
  #waiting: Buffer[] = []
  readonly #news = new Map<Frame['type'], Buffer>()
  #dropped = 0
  #corked = false

  constructor(socket: Writable) {
    this.#socket = socket
    socket.on('drain', () => {
      const [news, waiting] = [[...this.#news], this.#waiting]
      this.#news.clear()
      this.#waiting = []
      for (const [type, frame] of news) this.tell(type, frame)
      for (const frame of waiting) this.push(frame)
    })
  }

  get dropped(): number {
    return this.#dropped
  }

  /** What must arrive however much there is to send: it waits before all else, and the newest of its type takes the place of the older. */
  tell(type: Frame['type'], frame: Buffer): void {
    if (this.#socket.writableNeedDrain) this.#news.set(type, frame)
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
