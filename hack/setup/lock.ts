// One set-up at a time. The kernel's file lock, held by a child that lives as long as its input is open:
// however we end, the pipe closes, the child ends, the lock is free. Nothing stale can be left.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'

const taken = 75

/** Waits for the lock on `path`; `onWait` is called once if somebody else holds it. */
export async function lock(path: string, onWait: () => void, signal: AbortSignal): Promise<AsyncDisposable> {
  mkdirSync(dirname(path), { recursive: true })
  const free = await hold(path, ['--nonblock', '--conflict-exit-code', String(taken)], signal)
  if (free !== undefined) return free
  onWait()
  const held = await hold(path, [], signal)
  if (held === undefined) throw new Error(`cannot lock ${path}`)
  return held
}

async function hold(path: string, how: readonly string[], signal: AbortSignal): Promise<AsyncDisposable | undefined> {
  signal.throwIfAborted()
  // In a session of its own: a terminal's Ctrl-C would free the lock before what was done under it has ended.
  const child = spawn('flock', [...how, path, 'sh', '-c', 'echo held; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  })
  const ended = once(child, 'close')
  const giveUp = () => child.kill()
  signal.addEventListener('abort', giveUp)
  const first = await Promise.race([once(child.stdout, 'data').then(() => 'held' as const), ended.then(() => 'ended' as const)])
  // An abort later is the owner's business: it disposes.
  signal.removeEventListener('abort', giveUp)
  if (first === 'ended') {
    signal.throwIfAborted()
    return undefined
  }
  return {
    [Symbol.asyncDispose]: async () => {
      child.stdin.end()
      await ended
    },
  }
}
