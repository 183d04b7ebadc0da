// How long one waits: from the command to the answer of a pod in the other cluster, and for two bare clusters alone.
//
// The cache is warm: programs and images are there, and Tombolo's image is of the sources as they are. The playground runs as npm runs
// it, until its proof is on the screen; the take-down that follows is not counted.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { startRig } from '#test/rig/rig.ts'
import { twoClusters } from '#test/rig/spec.ts'
import { setUp } from '../setup/set-up.ts'
import type { Bed, Bench } from './bench.ts'

export const start: Bench = {
  name: 'start',
  asks: 'How long from the command to the first answer across clusters?',
  run: async (bed) => {
    const assets = await setUp(bed.signal, bed.say)
    await assets.images.tombolo(bed.signal)
    const times = bed.size === 'full' ? 3 : 1
    bed.report({
      figure: 'playground, warm cache: command to answer',
      unit: 's',
      samples: await repeat(times, () => playground(bed)),
      goal: '≤ 60',
    })
    bed.report({ figure: 'two bare clusters', unit: 's', samples: await repeat(times, () => bare(bed)), goal: '≤ 12' })
  },
}

/** One after the other. */
async function repeat(times: number, measure: () => Promise<number>): Promise<readonly number[]> {
  const samples: number[] = []
  while (samples.length < times) samples.push(await measure())
  return samples
}

const root = join(import.meta.dirname, '..', '..')

async function playground({ signal, say }: Bed): Promise<number> {
  const began = performance.now()
  const child = spawn(process.execPath, ['hack/setup/bootstrap.mjs', 'hack/playground.ts', '--once'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  const end = () => child.kill('SIGTERM')
  signal.addEventListener('abort', end, { once: true })
  let seconds: number | undefined
  for await (const line of createInterface({ input: child.stdout }))
    if (/ was answered by pod /.test(line)) seconds ??= (performance.now() - began) / 1000
  await ended
  signal.removeEventListener('abort', end)
  signal.throwIfAborted()
  if (seconds === undefined) throw new Error('the playground gave no proof')
  say(`the playground answered after ${seconds.toFixed(1)} s`)
  return seconds
}

async function bare({ signal, say }: Bed): Promise<number> {
  const began = performance.now()
  await using _rig = await startRig({ ...twoClusters(), images: 'base', purpose: 'bench' }, { say, signal })
  const seconds = (performance.now() - began) / 1000
  say(`two bare clusters after ${seconds.toFixed(1)} s`)
  return seconds
}
