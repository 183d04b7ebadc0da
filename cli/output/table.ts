// Tables as kubectl prints them: upper-case headings, two spaces between columns, no lines.
import CliTable from 'cli-table3'

export type Cell = string | number | undefined
export type Column<Row> = {
  readonly title: string
  readonly cell: (row: Row) => Cell
  /** Only with `-o wide`. */
  readonly wide?: true
  /** Only when some row has something to say in it. */
  readonly ifAny?: true
}

/** Rows of any type with the columns that show them; `rows` is also what JSON and YAML print. */
export type Table = {
  /** A word in lower case: the key in JSON, the heading where there are several tables. */
  readonly title: string
  readonly rows: readonly unknown[]
  readonly columns: readonly Column<never>[]
  /** What to say when there are no rows: why, and what to type. */
  readonly empty: string
}

export const table = <Row>(title: string, rows: readonly Row[], columns: readonly Column<Row>[], empty: string): Table => ({
  title,
  rows,
  columns: columns,
  empty,
})

export function renderTable({ title, rows, columns, empty }: Table, format: 'table' | 'wide', headed: boolean): string {
  const shown = columns
    .filter((c) => format === 'wide' || c.wide === undefined)
    .filter((c) => c.ifAny === undefined || rows.some((row) => !isEmpty(cellOf(c, row))))
  const body = rows.length === 0 ? empty : draw([shown.map((c) => c.title), ...rows.map((row) => cells(row, shown))])
  return headed ? `${title.toUpperCase()}\n${body}` : body
}

const cells = (row: unknown, columns: readonly Column<never>[]): string[] =>
  columns.map((column) => {
    const value = cellOf(column, row)
    return isEmpty(value) ? '-' : String(value)
  })

/** A table's columns are made for its rows (`table` above holds them together). */
const cellOf = (column: Column<never>, row: unknown): Cell => (column.cell as (row: unknown) => Cell)(row)
const isEmpty = (cell: Cell): boolean => cell === undefined || cell === ''

const noLines = Object.fromEntries(
  ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right', 'left', 'left-mid'].map(
    (p) => [p, ''],
  ),
)

function draw(lines: readonly string[][]): string {
  const drawn = new CliTable({
    chars: { ...noLines, mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '  ' },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  })
  drawn.push(...lines)
  return drawn
    .toString()
    .split('\n')
    .map((text) => text.trimEnd())
    .join('\n')
}
