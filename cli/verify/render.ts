// The rows of `tombolo verify` as a person reads them.
import type { Line } from '../output/lines.ts'
import type { Subject } from './plan.ts'

export type Row = {
  readonly subject: Subject
  readonly name: string
  readonly result: 'passed' | 'failed' | 'skipped'
  readonly seconds: number
  /** Why it failed or was skipped. */
  readonly why?: string
}

const sign = { passed: '✓', failed: '✗', skipped: '-' } as const
const tone = { passed: 'good', failed: 'bad', skipped: 'warn' } as const

export const linesOf = (rows: readonly Row[]): readonly Line[] =>
  [...Map.groupBy(rows, ({ subject }) => subject)].flatMap(([subject, of], i) => [
    ...(i === 0 ? [] : [{ text: '' }]),
    { text: subject.toUpperCase() },
    ...of.map(({ name, result, seconds, why }) => ({
      text: `${sign[result]} ${name}${result === 'skipped' ? '' : ` (${seconds.toFixed(1)} s)`}${why === undefined ? '' : `: ${why}`}`,
      tone: tone[result],
    })),
  ])
