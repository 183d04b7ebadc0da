// A bench: one question about speed or size, answered with figures. And the bed that all of them run on.
import type { Rig } from '#test/rig/rig.ts'

export interface Bench {
  /** What one types after `npm run bench --`. */
  readonly name: string
  readonly asks: string
  run(bed: Bed): Promise<void>
}

export interface Bed {
  readonly signal: AbortSignal
  /** `quick` is for seeing that a bench works: few samples, short windows, and no figure worth quoting. */
  readonly size: 'full' | 'quick'
  /** A line for the person who waits. */
  readonly say: (line: string) => void
  /** Two joined clusters, `east` with the broker and an exported service, `west` with a client; started by the first bench that asks. */
  fleet(): Promise<Rig>
  report(measured: Measurement): void
}

export type Measurement = {
  readonly figure: string
  readonly unit: string
  /** Raw, in the order of measuring. One sample is a value, more are a distribution. */
  readonly samples: readonly number[]
  /** The floor, or the peer, that ran beside it in the same run. */
  readonly against?: { readonly name: string; readonly samples: readonly number[] }
  /** What we want it to be. */
  readonly goal?: string
  /** Kept beside the raw samples. */
  readonly detail?: unknown
}

/** Of the machine, in ms: what two processes read can be compared. */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6
