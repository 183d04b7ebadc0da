// The CLI as a user runs it from a clone: a process of its own, with what it printed and its exit code.
import { spawn } from 'node:child_process'
import { join } from 'node:path'

export type Ran = { readonly code: number; readonly out: string; readonly err: string }

/** The one that set-up makes, which is in the store of every node of a rig. */
export const image = 'localhost/tombolo:dev'

const command = join(import.meta.dirname, '..', '..', 'bin', 'tombolo')

export type CliOptions = {
  readonly signal: AbortSignal
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: string
  readonly cwd?: string
  /** Presses Ctrl-C when it aborts, and the command ends as it likes; `signal` kills it. */
  readonly interrupt?: AbortSignal
  /** Ends it where it stands when it aborts, as when the machine goes. */
  readonly kill?: AbortSignal
  /** Shows what it prints while it runs. */
  readonly show?: (text: string) => void
}

/** Runs `tombolo ARGS…`; never throws for what the program said, only if it could not be started. */
export function tombolo(args: readonly string[], { signal, env, stdin, cwd, show, interrupt, kill }: CliOptions): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { signal, cwd, env: { TOMBOLO_IMAGE: image, ...process.env, ...env } })
    interrupt?.addEventListener('abort', () => child.kill('SIGINT'), { once: true })
    kill?.addEventListener('abort', () => child.kill('SIGKILL'), { once: true })
    let out = ''
    let err = ''
    const take = (add: (text: string) => void) => (text: string) => {
      add(text)
      show?.(text)
    }
    child.stdout.setEncoding('utf8').on(
      'data',
      take((text) => (out += text)),
    )
    child.stderr.setEncoding('utf8').on(
      'data',
      take((text) => (err += text)),
    )
    child.on('error', reject).on('close', (code) => resolve({ code: code ?? 1, out, err }))
    // One that is killed at once reads nothing; its end says all.
    child.stdin.on('error', () => undefined).end(stdin ?? '')
  })
}

/** The same, for a step that must succeed. */
export async function mustTombolo(args: readonly string[], options: CliOptions): Promise<Ran> {
  const ran = await tombolo(args, options)
  if (ran.code !== 0) throw new Error(`tombolo ${args.join(' ')}: exit ${ran.code}\n${ran.out}${ran.err}`)
  return ran
}
