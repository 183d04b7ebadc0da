// Running a program for what it answers: a bad exit code is an answer too.
import { spawn } from 'node:child_process'

export type Output = { readonly code: number; readonly stdout: string; readonly stderr: string }

/** Throws only when it cannot be started, or when `signal` aborts, which kills it. */
export function runFor(
  program: string,
  args: readonly string[],
  signal: AbortSignal = AbortSignal.timeout(60_000),
  input = '',
): Promise<Output> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], signal, killSignal: 'SIGKILL' })
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    child.on('error', reject).on('close', (code) => resolve({ code: code ?? 1, stdout, stderr }))
    child.stdin.on('error', () => undefined).end(input)
  })
}
