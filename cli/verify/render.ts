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
  readonly failover?: Failover
}

/** What was seen while a gateway was killed. */
export type Failover = {
  /** The node of the gateway that was killed. */
  readonly killed: string
  /** The node of the gateway that is active afterwards. */
  readonly tookOver?: string
  /** Requests: how many in all, and how many had no answer within 2 s. */
  readonly asked: number
  readonly lost: number
  /** From one answer to the next. */
  readonly longestSilenceMs: number
}

/** One word, for `-o name`: `connectivity/pod-to-pod-west-east-IPv4-from-another-node-than-a-gateway`. */
export const nameOf = ({ subject, name }: Pick<Row, 'subject' | 'name'>): string =>
  `${subject}/${name.replaceAll(/[^\w.]+/g, '-')}`

const sign = { passed: '✓', failed: '✗', skipped: '-' } as const
const tone = { passed: 'good', failed: 'bad', skipped: 'warn' } as const

export const linesOf = (rows: readonly Row[]): readonly Line[] =>
  [...Map.groupBy(rows, ({ subject }) => subject)].flatMap(([subject, of], i) => [
    ...(i === 0 ? [] : [{ text: '' }]),
    { text: subject.toUpperCase() },
    ...of.map(({ name, result, seconds, why, failover }) => ({
      text: [
        `${sign[result]} ${name}${result === 'skipped' ? '' : ` (${seconds.toFixed(1)} s)`}`,
        ...(why === undefined ? [] : [why]),
        ...(failover === undefined ? [] : [sentenceOf(failover)]),
      ].join(': '),
      tone: tone[result],
    })),
  ])

function sentenceOf({ killed, tookOver, asked, lost, longestSilenceMs }: Failover): string {
  const who =
    tookOver === undefined
      ? `nobody took over from ${killed}`
      : tookOver === killed
        ? `a new gateway on ${killed} was there before another took over`
        : `${tookOver} took over from ${killed}`
  return `${who}; longest silence ${(longestSilenceMs / 1000).toFixed(1)} s, ${lost} of ${asked} requests lost`
}
