// The frames that a connection brings: no more than a rate allows, whoever is at the other end, as each is work for this program.
import type { Readable } from 'node:stream'
import { pause } from '#lib/std/pause.ts'
import type { Frame } from './frame.ts'
import { FrameReader } from './frame.ts'
import { Rate } from './rate.ts'

/** What a frame is counted for beside its body, in bytes: a small one is as much work as this. */
export const frameCost = 128
/** So long nothing is read from who is over the rate: what it says meanwhile waits with it. */
const restMs = 20

export type Hearer = {
  readonly bytesPerSecond: number
  take(frame: Frame): void
  /** A datagram over the rate. What is no datagram is heard all the same, as a busy gateway must not seem to be gone. */
  refuse(): void
  malformed(): void
}

/** Hands on what `socket` brings from now on, until it closes. `signal`: its owner's. */
export function hear(socket: Readable, hearer: Hearer, signal: AbortSignal): void {
  const reader = new FrameReader()
  const rate = new Rate(hearer.bytesPerSecond, 200, performance.now())
  socket.on('data', (chunk: Buffer) => {
    const frames = reader.push(chunk)
    if (frames === undefined) {
      hearer.malformed()
      return
    }
    const now = performance.now()
    let isOver = false
    for (const frame of frames) {
      const passes = rate.take(frame.bytes.length + frameCost, now)
      isOver ||= !passes
      if (passes || frame.type !== 'Datagram') hearer.take(frame)
      else hearer.refuse()
    }
    if (!isOver) return
    socket.pause()
    void pause(restMs, signal).then(() => socket.resume())
  })
}
