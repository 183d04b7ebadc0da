// The entry of `tombolo`: a command line in a process of its own.
import { printable } from '#lib/std/printable.ts'
import type { Session } from './commands/command.ts'
import { output } from './output/output.ts'
import { wantsColour } from './output/paint.ts'
import { run } from './run.ts'
import { version } from './version.ts'

const stop = new AbortController()
for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort())
// `tombolo … | head`: whoever reads has seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})

const { argv, env, stdin, stdout, stderr } = process
const args = argv.slice(2)
const colour = (stream: NodeJS.WriteStream) => wantsColour(stream, env, args)

const session: Session = {
  output: output({ out: stdout, err: stderr, colour: { out: colour(stdout), err: colour(stderr) } }),
  signal: stop.signal,
  version,
  stdin,
  confirm: stdin.isTTY && stderr.isTTY ? ask : undefined,
}

process.exitCode = await run(args, session)

async function ask(question: string): Promise<boolean> {
  const { createInterface } = await import('node:readline/promises')
  const lines = createInterface({ input: stdin, output: stderr })
  try {
    return /^y(es)?$/i.test((await lines.question(`${printable(question)} [y/N] `, { signal: stop.signal })).trim())
  } finally {
    lines.close()
  }
}
