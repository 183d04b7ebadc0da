// How long a person waits for the command itself: from Enter to the prompt, beside a Node that does nothing.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Bed, Bench } from './bench.ts'
import { now } from './bench.ts'

const tombolo = join(import.meta.dirname, '..', '..', 'bin', 'tombolo')

/** From a pod to the Service of the other cluster, looking at both. */
const askWhy = ['why', 'shop/client', 'web.shop.svc.clusterset.local', '--context', 'west', '--to-context', 'east']

export const cli: Bench = {
  name: 'cli',
  asks: 'How long does the command take to start and to answer?',
  run: async (bed) => {
    const times = bed.size === 'quick' ? 3 : 20
    // The first start compiles, and keeps what it compiled.
    await timed(bed, tombolo, ['version'])
    const [version, floor]: [number[], number[]] = [[], []]
    for (let i = 0; i < times; i++) {
      floor.push(await timed(bed, process.execPath, ['-e', '0']))
      version.push(await timed(bed, tombolo, ['version']))
    }
    bed.report({
      figure: 'tombolo version, from start to end',
      unit: 'ms',
      samples: version,
      against: { name: 'node that does nothing', samples: floor },
      goal: '≤ 150 ms',
    })
    const { kubeconfig } = await bed.fleet()
    const [show, why]: [number[], number[]] = [[], []]
    for (let i = 0; i < times; i++) {
      show.push(await timed(bed, tombolo, ['show', 'all', '--context', 'east', '--kubeconfig', kubeconfig]))
      why.push(await timed(bed, tombolo, [...askWhy, '--kubeconfig', kubeconfig]))
    }
    bed.report({ figure: 'tombolo show all, from start to end', unit: 'ms', samples: show, goal: '≤ 1500 ms' })
    bed.report({ figure: 'tombolo why, over both clusters', unit: 'ms', samples: why, goal: '≤ 3000 ms' })
  },
}

async function timed({ signal }: Bed, program: string, args: readonly string[]): Promise<number> {
  const began = now()
  const child = spawn(program, args, { stdio: 'ignore', signal })
  const [code] = (await once(child, 'exit')) as [number | null]
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code ?? 'a signal'}`)
  return now() - began
}
