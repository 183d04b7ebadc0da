// What benches run on: one fleet for all of them, and the place where figures and raw samples go.
import { appendFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { firstAnswer } from '#test/kit/fleet.ts'
import type { Rig } from '#test/rig/rig.ts'
import { startRig } from '#test/rig/rig.ts'
import { twoClusters } from '#test/rig/spec.ts'
import { buildFleet } from '../playground/up.ts'
import type { Say } from '../setup/progress.ts'
import type { Bed } from './bench.ts'
import type { Figure } from './figure.ts'
import { spread } from './figure.ts'

export type BedOptions = {
  /** For the file of raw samples. */
  readonly folder: string
  readonly size: Bed['size']
  readonly say: Say
  /** Told each figure as it comes. */
  readonly onFigure: (figure: Figure) => void
  readonly signal: AbortSignal
}

export interface Beds extends AsyncDisposable {
  /** Where the raw samples are: one JSON object a line. */
  readonly file: string
  /** The bed as one bench sees it. */
  of(bench: string): Bed
}

/** Disposing takes the fleet down. */
export function beds({ folder, size, say, onFigure, signal }: BedOptions): Beds {
  const file = join(folder, `${new Date().toISOString().replaceAll(':', '')}.jsonl`)
  mkdirSync(folder, { recursive: true })
  let fleet: Promise<Rig> | undefined
  return {
    file,
    of: (bench) => ({
      signal,
      size,
      say: (line) => say(`${bench}: ${line}`),
      fleet: () => (fleet ??= startFleet(say, signal)),
      report: ({ samples, against, detail, ...about }) => {
        const [measured, floor] = [measure(samples), against && { name: against.name, measured: measure(against.samples) }]
        appendFileSync(file, `${JSON.stringify({ bench, ...about, samples, against, detail })}\n`)
        onFigure({ bench, ...about, measured, ...(floor === undefined ? {} : { against: floor }) })
      },
    }),
    [Symbol.asyncDispose]: async () => {
      // One that did not start has taken itself down.
      const rig = await fleet?.catch(() => undefined)
      await rig?.down()
    },
  }
}

const measure = (samples: readonly number[]): Figure['measured'] =>
  samples.length === 1 ? { value: samples[0] ?? NaN } : spread(samples)

async function startFleet(say: Say, signal: AbortSignal): Promise<Rig> {
  const rig = await startRig({ ...twoClusters(), purpose: 'bench' }, { say, signal })
  try {
    await buildFleet(rig, 'wireguard', say, signal)
    await firstAnswer(rig.cluster('west'), 30_000, signal)
    return rig
  } catch (error) {
    throw new Error(`the fleet did not come up; the logs are in ${await rig.fail()}`, { cause: error })
  }
}
