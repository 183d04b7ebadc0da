// How every daemon begins and ends: its environment is read whole or refused with exit code 2, as is a place where it cannot work; SIGTERM
// and SIGINT stop it once; and whatever else is thrown ends the process as Node does it.
import { z } from 'zod'
import type { Logger, LogLevel } from '#lib/std/log.ts'
import { logger } from '#lib/std/log.ts'
import { Misplaced } from '#lib/std/misplaced.ts'

/** What every daemon's configuration has. */
type CommonConfig = { readonly LOG_LEVEL: LogLevel }

/** Runs `run` until it returns; its signal aborts when the kubelet, or a person, wants the process to end. */
export async function daemon<Config extends CommonConfig>(
  name: string,
  schema: z.ZodType<Config>,
  env: NodeJS.ProcessEnv,
  run: (config: Config, log: Logger, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const config = schema.safeParse(env)
  if (!config.success) {
    process.stderr.write(`${name}: the environment is not right\n${z.prettifyError(config.error)}\n`)
    process.exitCode = 2
    return
  }
  const stop = new AbortController()
  for (const asked of ['SIGTERM', 'SIGINT'] as const) process.once(asked, () => stop.abort())
  try {
    await run(config.data, logger(name, config.data.LOG_LEVEL), stop.signal)
  } catch (error) {
    const sentence = forAPerson(error)
    if (sentence === undefined) throw error
    process.stderr.write(`${name}: ${sentence}\n`)
    // Whatever has begun ends with it.
    process.exit(2)
  }
}

/** What a person has to mend; undefined for what is our own fault. */
function forAPerson(error: unknown): string | undefined {
  if (error instanceof Misplaced) return error.message
  const { code, port } = error as { readonly code?: unknown; readonly port?: unknown }
  return code === 'EADDRINUSE'
    ? `another program listens on port ${String(port)} already: end it, or set another port in the environment`
    : undefined
}
