// A command of the CLI in this process, with what it printed: for what a process of its own would only make slower.
import { PassThrough, Readable } from 'node:stream'
import { output } from '#cli/output/output.ts'
import { run } from '#cli/run.ts'
import { version } from '#cli/version.ts'
import type { CliOptions, Ran } from './cli.ts'
import { image } from './cli.ts'

/** As `tombolo` of cli.ts. */
export async function inProcess(
  args: readonly string[],
  { signal, stdin = '', interrupt, show }: Partial<Pick<CliOptions, 'signal' | 'stdin' | 'interrupt' | 'show'>> = {},
): Promise<Ran> {
  const said = { out: '', err: '' }
  const stream = (to: 'out' | 'err') => {
    const take = (chunk: Buffer) => {
      said[to] += chunk.toString()
      show?.(chunk.toString())
    }
    return Object.assign(new PassThrough().on('data', take), { isTTY: false }) as unknown as NodeJS.WriteStream
  }
  const ends = AbortSignal.any([signal, interrupt].filter((one) => one !== undefined))
  const printed = output({ out: stream('out'), err: stream('err'), colour: { out: false, err: false } })
  const session = { signal: ends, version, confirm: undefined, stdin: Readable.from([stdin]), output: printed }
  const code = await run(args, session)
  return { code, ...said }
}

/** To be called inside of `suite`: its commands find the image as those of processes do. */
export function withImage(): void {
  suiteSetup(() => (process.env['TOMBOLO_IMAGE'] = image))
  suiteTeardown(() => delete process.env['TOMBOLO_IMAGE'])
}
