// A figure: what was measured, in which unit, against what. One JSON object a line, raw samples beside it in a file.

export type Spread = { readonly n: number; readonly p50: number; readonly p99: number; readonly max: number }

export type Figure = {
  readonly bench: string
  readonly figure: string
  readonly unit: string
  /** A distribution, or one value. */
  readonly measured: Spread | { readonly value: number }
  /** The floor or the peer that ran beside it. */
  readonly against?: { readonly name: string; readonly measured: Spread | { readonly value: number } }
  /** What the issue asks for, for the table's last column; never asserted. */
  readonly goal?: string
}

/** Percentiles by nearest rank, so that each is a sample that was really seen. With fewer than 100 samples p99 is the maximum. */
export function spread(samples: readonly number[]): Spread {
  const sorted = inOrder(samples)
  return { n: sorted.length, p50: rank(0.5, sorted), p99: rank(0.99, sorted), max: rank(1, sorted) }
}

/** The same p50 by itself, for what is reckoned with it. */
export const p50 = (samples: readonly number[]): number => rank(0.5, inOrder(samples))

const inOrder = (samples: readonly number[]) => samples.toSorted((a, b) => a - b)
const rank = (p: number, sorted: readonly number[]): number => sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)] ?? NaN

const middle = (m: Figure['measured']): number => ('value' in m ? m.value : m.p50)

export const ratioOf = (f: Figure): number | undefined =>
  f.against === undefined ? undefined : middle(f.measured) / middle(f.against.measured)

export function jsonLine(f: Figure): string {
  const ratio = ratioOf(f)
  return JSON.stringify({
    bench: f.bench,
    figure: f.figure,
    unit: f.unit,
    ...rounded(f.measured),
    ...(f.against === undefined
      ? {}
      : { against: { name: f.against.name, ...rounded(f.against.measured) }, ratio: round(ratio ?? NaN) }),
    ...(f.goal === undefined ? {} : { goal: f.goal }),
  })
}

export function tableRow(f: Figure): readonly string[] {
  const ratio = ratioOf(f)
  return [
    f.bench,
    f.figure,
    words(f.measured, f.unit),
    f.against === undefined ? '' : `${f.against.name}: ${words(f.against.measured, f.unit)}`,
    ratio === undefined ? '' : String(round(ratio)),
    f.goal ?? '',
  ]
}

const words = (m: Figure['measured'], unit: string): string =>
  'value' in m ? `${round(m.value)} ${unit}` : `p50 ${round(m.p50)}, p99 ${round(m.p99)}, max ${round(m.max)} ${unit} (n=${m.n})`
const rounded = (m: Figure['measured']) => Object.fromEntries(Object.entries(m).map(([name, value]) => [name, round(value)]))
const round = (value: number): number => Number(value.toPrecision(4))
