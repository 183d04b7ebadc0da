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

/** What it wrote on standard output. Throws RunFailed for any exit code but 0; an abort kills it. */
export function run(command: string, args: readonly string[], options: RunOptions, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      signal,
      killSignal: 'SIGKILL',
    })
    const [output, errors]: [string[], string[]] = [[], []]
    child.stdout.setEncoding('utf8').on('data', (text: string) => output.push(text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => errors.push(text))
    const title = [command, ...args].join(' ').slice(0, 120)
    child.on('error', (cause) => {
      reject(new RunFailed(title, undefined, '', signal.aborted ? 'stopped' : cause.message, { cause }))
    })
    child.on('close', (code) => {
      if (code === 0) resolve(output.join(''))
      else reject(new RunFailed(title, code ?? undefined, output.join(''), errors.join('')))
    })
    // A program that does not read its input closes the pipe: nothing to do about it.
    child.stdin.on('error', () => undefined).end(options.stdin ?? '')
  })
}
