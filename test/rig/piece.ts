// A daemon of the rig: started in its own session, so that it outlives us; found again by its process id and start time.
import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { pause } from '#lib/std/pause.ts'

/** Something that runs, and can be made to fail. */
export interface Process {
  readonly name: string
  /** Undefined while it is not running. */
  readonly pid: number | undefined
  /** SIGKILL; resolves when the process is gone. */
  readonly kill9: () => Promise<void>
  /** SIGSTOP: it is there and does nothing, as on a machine that hangs. */
  readonly stop: () => void
  /** SIGCONT. */
  readonly resume: () => void
}

export interface Piece extends Process {
  /** Its standard output and standard error, of all its starts. */
  readonly log: string
  /** Does nothing when it runs already. */
  start(): void
}

export type PieceSpec = {
  readonly name: string
  readonly command: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly log: string
  readonly pidFile: string
}

/** `find` says which one it is; that it may have ended is for us to see. */
export function processOf(name: string, find: () => Identity | undefined): Process {
  const living = () => {
    const identity = find()
    return identity !== undefined && isAlive(identity) ? identity : undefined
  }
  const signal = (what: NodeJS.Signals) => {
    const at = living()
    if (at === undefined) throw new Error(`${name} is not running`)
    process.kill(at.pid, what)
  }
  return {
    name,
    get pid() {
      return living()?.pid
    },
    kill9: async () => {
      const identity = living()
      if (identity === undefined) return
      process.kill(identity.pid, 'SIGKILL')
      while (isAlive(identity)) await pause(5, AbortSignal.timeout(10_000))
    },
    stop: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
  }
}

/**
 * Kubernetes' programs fill a heap of some hundred MB as they start, and by Go's own measure (100) collect it again and again meanwhile:
 * a rig lives for minutes, and has memory rather than processors.
 */
const GOGC = '400'

export function piece({ name, command, env, log, pidFile }: PieceSpec): Piece {
  const [program = '', ...args] = command
  const running = processOf(name, () => readIdentity(pidFile))
  const start = () => {
    if (running.pid !== undefined) return
    for (const file of [log, pidFile]) mkdirSync(dirname(file), { recursive: true })
    const out = openSync(log, 'a')
    try {
      const child = spawn(program, args, {
        detached: true,
        stdio: ['ignore', out, out],
        env: { ...process.env, GOGC, ...env },
      })
      // The program itself may be missing: its absence shows as a piece that is not running.
      child.on('error', () => undefined)
      child.unref()
      const identity = child.pid === undefined ? undefined : identify(child.pid)
      if (identity === undefined) throw new Error(`${name} could not be started: ${program}`)
      writeFileSync(pidFile, JSON.stringify(identity))
    } finally {
      closeSync(out)
    }
  }
  const { kill9, stop, resume } = running
  return {
    name,
    log,
    get pid() {
      return running.pid
    },
    start,
    kill9,
    stop,
    resume,
  }
}

/** Resolves when `done`. Throws, with the end of its log, when a piece has ended instead. */
export async function waitFor(
  done: () => boolean | Promise<boolean>,
  by: Piece | readonly Piece[],
  signal: AbortSignal,
): Promise<void> {
  const pieces = 'name' in by ? [by] : by
  while (!(await done())) {
    signal.throwIfAborted()
    for (const { name, pid, log } of pieces)
      if (pid === undefined)
        throw new Error(`${name} ended:\n${readFileSync(log, 'utf8').trim().split('\n').slice(-5).join('\n')}`)
    await pause(20, signal)
  }
}

/** A process id is used again one day; with its start time (clock ticks since boot, proc(5)) it is unique. */
export type Identity = { readonly pid: number; readonly started: string }

/** Undefined: there is no such process, or only what is left of one. */
export function identify(pid: number): Identity | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field is the program's name in parentheses and may contain anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const [state, threads, started] = [fields[0], Number(fields[17]), fields[19]]
    // Its first thread may be dead while others still end, and hold its ports.
    const dead = (state === 'Z' || state === 'X') && threads <= 1
    return dead || started === undefined ? undefined : { pid, started }
  } catch {
    return undefined
  }
}

export const isAlive = (identity: Identity): boolean => identify(identity.pid)?.started === identity.started

function readIdentity(path: string): Identity | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Identity
  } catch {
    return undefined
  }
}
