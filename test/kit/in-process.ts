// A command of the CLI in this process, with what it printed: for what a process of its own would only make slower.
import { PassThrough } from 'node:stream'
import { output } from '#cli/output/output.ts'
import { explainError } from '#cli/output/explain.ts'
import { program } from '#cli/program.ts'
import { leavesOf, quietSession } from '#cli/tree.ts'
import type { Ran } from './cli.ts'

export async function inProcess(args: readonly string[]): Promise<Ran> {
  const said = { out: '', err: '' }
  const stream = (to: 'out' | 'err') => {
    const through = new PassThrough().on('data', (chunk: Buffer) => (said[to] += chunk.toString()))
    return Object.assign(through, { isTTY: false }) as unknown as NodeJS.WriteStream
  }
  const printed = output({ out: stream('out'), err: stream('err'), colour: { out: false, err: false } })
  const { signal, version } = quietSession
  const tombolo = await program(args, { signal, version, confirm: undefined, output: printed })
  for (const command of [tombolo, ...tombolo.commands, ...leavesOf(tombolo).map((leaf) => leaf.command)])
    command.configureOutput({ writeOut: (text) => (said.out += text), writeErr: (text) => (said.err += text) })
  try {
    await tombolo.parseAsync([...args], { from: 'user' })
    return { code: 0, ...said }
  } catch (error) {
    const { lines, exitCode } = explainError(error, false)
    return { code: exitCode, out: said.out, err: said.err + lines.join('\n') }
  }
}
