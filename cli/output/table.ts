// Tables as kubectl prints them: upper-case headings, two spaces between columns, no lines.
import { stripVTControlCharacters } from 'node:util'
import { printable } from '#lib/std/printable.ts'
import type { Tone } from './paint.ts'
import { paint } from './paint.ts'

export type Cell = string | number | undefined
export type Column<Row> = {
  readonly title: string
  readonly cell: (row: Row) => Cell
  /** Only with `-o wide`. */
  readonly wide?: true
  /** Only when some row has something to say in it. */
  readonly ifAny?: true
  /** How what it says is meant; seen on a terminal only. */
  readonly tone?: (row: Row) => Tone | undefined
}

/** Rows of any type with the columns that show them; `rows` is also what JSON and YAML print. */
export type Table = {
  /** A word in lower case: the key in JSON, the heading where there are several tables. */
  readonly title: string
  readonly rows: readonly unknown[]
  readonly columns: readonly Column<never>[]
  /** What to say when there are no rows: why, and what to type. */
  readonly empty: string
  /** The row in one word, `kind/name`: what `-o name` prints, and what a row is known by while it changes. */
  readonly nameOf: (row: never) => string
}

/** `nameOf` absent: the title in the singular, and what the first column says. */
export const table = <Row>(
  title: string,
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  empty: string,
  nameOf: (row: Row) => string = (row) => `${title.replace(/s$/, '')}/${columns[0]?.cell(row) ?? ''}`,
): Table => ({ title, rows, columns, empty, nameOf })

export type Look = { readonly format: 'table' | 'wide'; readonly headed: boolean; readonly colour: boolean }

export function renderTable({ title, rows, columns, empty }: Table, { format, headed, colour }: Look): string {
  const shown = columns
    .filter((c) => format === 'wide' || c.wide === undefined)
    .filter((c) => c.ifAny === undefined || rows.some((row) => !isEmpty(cellOf(c, row))))
  const body =
    rows.length === 0 ? printable(empty) : draw([shown.map((c) => c.title), ...rows.map((row) => cells(row, shown, colour))])
  return headed ? `${title.toUpperCase()}\n${body}` : body
}

/** A table's columns and names are made for its rows (`table` above holds them together). */
export const namesOf = ({ rows, nameOf }: Table): readonly string[] => rows.map(nameOf as (row: unknown) => string)
const cellOf = (column: Column<never>, row: unknown): Cell => (column.cell as (row: unknown) => Cell)(row)
const toneOf = (column: Column<never>, row: unknown) => (column.tone as ((row: unknown) => Tone | undefined) | undefined)?.(row)

const cells = (row: unknown, columns: readonly Column<never>[], colour: boolean): string[] =>
  columns.map((column) => {
    const value = cellOf(column, row)
    if (isEmpty(value)) return '-'
    return paint(printable(String(value)), colour ? toneOf(column, row) : undefined)
  })

const isEmpty = (cell: Cell): boolean => cell === undefined || cell === ''

function draw(lines: readonly string[][]): string {
  const widths = (lines[0] ?? []).map((_, i) => Math.max(...lines.map((line) => width(line[i]))))
  return lines
    .map((line) =>
      line
        .map((text, i) => text + ' '.repeat((widths[i] ?? 0) - width(text)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

const width = (text = ''): number => Array.from(stripVTControlCharacters(text)).length
