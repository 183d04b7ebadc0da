// Runs the suite's program to its end, which Ctrl-C brings early: then it takes what it made out of the clusters before it ends.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { delimiter, resolve } from 'node:path'
import { pause } from '#lib/std/pause.ts'

/** After an interrupt: namespaces are deleted one by one, at five requests a second. */
const graceMs = 30_000

export type Progress = {
  /** Of all specs, those that were chosen. */
  readonly planned: number
  readonly ran: number
  readonly failed: number
}

/** Read from what ginkgo (v2, verbose, without colour) has written so far. */
export const progressOf = (said: string): Progress => ({
  planned: Number(/^Will run (\d+) of/m.exec(said)?.[1] ?? 0),
  ran: count(said, /^• \[/gm),
  failed: count(said, /^• \[[A-Z]/gm),
})

/** Those the suite said it used. */
export const namespacesIn = (said: string): readonly string[] => [...new Set(said.match(/\bmcs-conformance-\d+/g))]

const count = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0

export type Ran = {
  /** Undefined: it was killed. */
  readonly code: number | undefined
  /** All that it wrote. */
  readonly said: string
}

/** The suite writes its report into `folder`. Throws when the program cannot be started. */
export async function runSuite(
  program: string,
  args: readonly string[],
  folder: string,
  onProgress: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<Ran> {
  // A group of its own: what a terminal sends to all of us would be a second interrupt, at which it ends without cleaning up.
  const child = spawn(program, args, { cwd: folder, env: environment(), stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const closed = once(child, 'close') as Promise<[number | null]>
  let [said, ran] = ['', 0]
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text
      const progress = progressOf(said)
      if (progress.ran > ran) onProgress(progress)
      ran = progress.ran
    })
  const over = new AbortController()
  const interrupt = async (): Promise<void> => {
    child.kill('SIGINT')
    await pause(graceMs, over.signal)
    if (!over.signal.aborted) child.kill('SIGKILL')
  }
  const onAbort = () => void interrupt()
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  try {
    const [code] = await closed
    return { code: code ?? undefined, said }
  } catch (cause) {
    throw new Error(`${program} cannot be started`, { cause })
  } finally {
    over.abort()
    signal.removeEventListener('abort', onAbort)
  }
}

/** Ours; paths in it were meant from here. */
function environment(): NodeJS.ProcessEnv {
  const { KUBECONFIG, ...others } = process.env
  if (KUBECONFIG === undefined || KUBECONFIG === '') return others
  const paths = KUBECONFIG.split(delimiter).filter((path) => path !== '')
  return { ...others, KUBECONFIG: paths.map((path) => resolve(path)).join(delimiter) }
}
