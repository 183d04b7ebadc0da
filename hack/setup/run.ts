// Runs a program to its end, for developer tools: the daemons have lib/host instead.
import { spawn } from 'node:child_process'

export interface RunOptions {
  readonly cwd?: string
  /** Added to our own environment. */
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: string
}

/** A program ended badly. The message has the end of what it said. */
export class RunFailed extends Error {
  override readonly name = 'RunFailed'
  /** undefined: ended by a signal, or could not be started. */
  readonly code: number | undefined
  readonly output: string
  readonly stderr: string

  constructor(command: string, code: number | undefined, output: string, stderr: string, options?: ErrorOptions) {
    const said = (stderr.trim() === '' ? output : stderr).trim().split('\n').slice(-6).join('\n')
    super(`${command}: ${said === '' ? `exit code ${code ?? 'none'}` : said}`, options)
    this.code = code
    this.output = output
    this.stderr = stderr
  }
}

/**
 * What it wrote on standard output. Throws RunFailed for any exit code but 0. An abort kills it with all that it started, and is
 * answered when they are gone: whoever holds a lock for their sake may let it go then. It is a session of its own, so that a terminal's
 * Ctrl-C comes to us alone.
 */
export function run(command: string, args: readonly string[], options: RunOptions, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const title = [command, ...args].join(' ').slice(0, 120)
    const stopped = () => new RunFailed(title, undefined, '', 'stopped', { cause: signal.reason })
    if (signal.aborted) {
      reject(stopped())
      return
    }
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    })
    const kill = () => killGroup(child.pid)
    signal.addEventListener('abort', kill)
    const [output, errors]: [string[], string[]] = [[], []]
    child.stdout.setEncoding('utf8').on('data', (text: string) => output.push(text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => errors.push(text))
    child.on('error', (cause) => {
      signal.removeEventListener('abort', kill)
      reject(new RunFailed(title, undefined, '', cause.message, { cause }))
    })
    child.on('close', (code) => {
      signal.removeEventListener('abort', kill)
      if (code === 0) resolve(output.join(''))
      else if (signal.aborted) reject(stopped())
      else reject(new RunFailed(title, code ?? undefined, output.join(''), errors.join('')))
    })
    // A program that does not read its input closes the pipe: nothing to do about it.
    child.stdin.on('error', () => undefined).end(options.stdin ?? '')
  })
}

function killGroup(leader: number | undefined): void {
  // One that could not be started has none.
  if (leader === undefined) return
  try {
    process.kill(-leader, 'SIGKILL')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
