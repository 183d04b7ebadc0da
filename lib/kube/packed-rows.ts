// Objects with many rows, such as the endpoints of an EndpointSlice, are kept with them packed: column by column, each value once, as
// one text. Whoever reads them finds them in their place, as if they had never been away.
// Deflated they would be a third of that, but zlib leaves its buffers, which are many times as much, to the garbage collector.

import { lastFew } from '#lib/std/last-few.ts'

type Row = Readonly<Record<string, unknown>>

/**
 * `at`: by row the place of its value in `values`, -1 where a row has no such field. Not said when the rows have all the same value, or
 * each its own.
 */
type Column = readonly [field: string, values: readonly unknown[], at?: readonly number[]]

/** More rows, or more fields of a row, than are meant to be: who chose them would have us work for each pair. */
const most = { rows: 5000, fields: 64 }

/**
 * Packs the list at `path`, in place: the object came off the wire a moment ago and nobody has it yet. What is no list of rows stays as it is, as does
 * one that is too long or has too many fields.
 * The rows are everybody's: treat them as frozen.
 */
export function packRows(object: object, path: readonly string[]): void {
  const [field = '', ...outer] = path.toReversed()
  const holder = outer.reduceRight<unknown>((at, name) => (isRow(at) ? at[name] : undefined), object)
  const rows = isRow(holder) ? holder[field] : undefined
  if (!isRow(holder) || !Array.isArray(rows) || rows.length === 0 || rows.length > most.rows || !rows.every(isRow)) return
  if (fieldsOf(rows).length > most.fields) return
  const packed = pack(rows)
  Object.defineProperty(holder, field, { enumerable: true, get: () => unpacked(packed) })
}

/** A change has several readers, one right after the other. A WeakRef would hold what a loop reads until the loop has ended. */
const unpacked = lastFew(128, unpack)

const isRow = (value: unknown): value is Row => typeof value === 'object' && value !== null && !Array.isArray(value)

export function pack(rows: readonly Row[]): string {
  return JSON.stringify([rows.length, ...fieldsOf(rows).map((field) => columnOf(rows, field))])
}

const fieldsOf = (rows: readonly Row[]): readonly string[] => [...new Set(rows.flatMap(Object.keys))]

function columnOf(rows: readonly Row[], field: string): Column {
  const places = new Map<string, number>()
  const values: unknown[] = []
  const at = rows.map((row) => {
    if (!Object.hasOwn(row, field)) return -1
    const value = row[field]
    const key = JSON.stringify(value)
    const known = places.get(key)
    if (known !== undefined) return known
    places.set(key, values.length)
    return values.push(value) - 1
  })
  const isSaid = at.every((place, i) => place === Math.min(i, values.length - 1))
  return isSaid ? [field, values] : [field, values, at]
}

export function unpack(packed: string): Row[] {
  const [length, ...columns] = JSON.parse(packed) as [number, ...Column[]]
  return Array.from({ length }, (_, i) => rowOf(columns, i))
}

const rowOf = (columns: readonly Column[], i: number): Row =>
  Object.fromEntries(
    columns.flatMap(([field, values, at]) => {
      const place = at?.[i] ?? Math.min(i, values.length - 1)
      return place < 0 ? [] : [[field, values[place]]]
    }),
  )
