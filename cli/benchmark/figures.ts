// From what the programs measured to the rows and tables of `tombolo benchmark`. Pure.
import type { Table } from '../output/table.ts'
import { table } from '../output/table.ts'
import type { Measured } from './programs.ts'
import type { Way, WayName } from './ways.ts'
import { nameOf } from './ways.ts'

export const subjects = ['throughput', 'latency'] as const
export type Subject = (typeof subjects)[number]

type Common = Pick<Way, 'name' | 'from' | 'to'> & {
  /** Why there is no figure. */
  readonly skipped?: string
}

export type ThroughputRow = Common & {
  readonly connections: number
  readonly seconds?: number
  readonly mbitPerSecond?: number
  /** To the same inside of a cluster. */
  readonly ratio?: number
}

export type LatencyRow = Common & {
  readonly samples?: number
  readonly minMs?: number
  readonly p50Ms?: number
  readonly p99Ms?: number
  /** p50, to the same inside of a cluster. */
  readonly ratio?: number
}

/** A way, and what came of it if it could be tried. */
export type Tried = { readonly way: Way; readonly measured?: Measured }

export const throughputRows = (tried: readonly Tried[], connections: number): readonly ThroughputRow[] =>
  besideInside(
    tried.map(({ way, measured }) => ({
      ...commonOf(way),
      connections,
      ...(measured?.kind === 'sent'
        ? { seconds: measured.ms / 1000, mbitPerSecond: (measured.bytes * 8) / 1000 / measured.ms }
        : {}),
    })),
    (row) => row.mbitPerSecond,
  )

export const latencyRows = (tried: readonly Tried[]): readonly LatencyRow[] =>
  besideInside(
    tried.map(({ way, measured }): LatencyRow => {
      if (measured?.kind !== 'echoed') return commonOf(way)
      const sorted = measured.micros.toSorted((a, b) => a - b)
      const at = (share: number) => (sorted[Math.ceil(share * sorted.length) - 1] ?? sorted[0] ?? 0) / 1000
      return { ...commonOf(way), samples: sorted.length, minMs: at(0), p50Ms: at(0.5), p99Ms: at(0.99) }
    }),
    (row) => row.p50Ms,
  )

const commonOf = (way: Way): Common => ({
  name: way.name,
  from: way.from,
  to: way.to,
  ...('skipped' in way ? { skipped: way.skipped } : {}),
})

function besideInside<Row extends Common>(rows: readonly Row[], figure: (row: Row) => number | undefined): readonly Row[] {
  const inside = rows.find((row) => row.name === 'inside')
  const beside = inside === undefined ? undefined : figure(inside)
  return rows.map((row) => {
    const value = figure(row)
    return row === inside || value === undefined || beside === undefined || beside === 0 ? row : { ...row, ratio: value / beside }
  })
}

const titles: Readonly<Record<WayName, string>> = {
  gateways: 'across, on gateway nodes',
  others: 'across, on other nodes',
  inside: 'inside one cluster',
}

const ends = [
  { title: 'WAY', cell: ({ name }: Common) => titles[name] },
  { title: 'FROM', cell: ({ from }: Common) => nameOf(from) },
  { title: 'TO', cell: ({ to }: Common) => nameOf(to) },
]
const skipped = { title: 'SKIPPED', cell: (row: Common) => row.skipped, ifAny: true } as const
const fixed = (digits: number, value: number | undefined) => value?.toFixed(digits)

export const tableOf = {
  throughput: (rows: readonly ThroughputRow[]): Table =>
    table(
      'throughput',
      rows,
      [
        ...ends,
        { title: 'MBIT/S', cell: (row) => fixed(0, row.mbitPerSecond) },
        { title: 'OF INSIDE', cell: (row) => fixed(2, row.ratio) },
        { title: 'CONNECTIONS', cell: (row) => row.connections, wide: true },
        { title: 'SECONDS', cell: (row) => fixed(1, row.seconds), wide: true },
        skipped,
      ],
      'Nothing was measured.',
      ({ name }) => `throughput/${name}`,
    ),
  latency: (rows: readonly LatencyRow[]): Table =>
    table(
      'latency',
      rows,
      [
        ...ends,
        { title: 'P50 MS', cell: (row) => fixed(2, row.p50Ms) },
        { title: 'P99 MS', cell: (row) => fixed(2, row.p99Ms) },
        { title: 'OF INSIDE', cell: (row) => fixed(2, row.ratio) },
        { title: 'MIN MS', cell: (row) => fixed(2, row.minMs), wide: true },
        { title: 'SAMPLES', cell: (row) => row.samples, wide: true },
        skipped,
      ],
      'Nothing was measured.',
      ({ name }) => `latency/${name}`,
    ),
}
