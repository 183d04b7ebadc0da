// What repeats within one object is held once. There are hundreds of thousands of endpoints and some hundred of them in an object: nearly
// all have the conditions, the node and the zone of their neighbours, of which JSON makes one each.
import type { KubeObject } from '#lib/kube/object.ts'
import type { StoreWriter } from '#lib/kube/store.ts'

/** Equal values of one field become one value. In place: it came off the wire a moment ago and nobody has it yet. */
export function thin(rows: readonly Record<string, unknown>[]): void {
  const known = new Map<string, unknown>()
  for (const row of rows)
    for (const [field, value] of Object.entries(row)) {
      const isShared = typeof value === 'string' || (typeof value === 'object' && value !== null && !Array.isArray(value))
      // An address is nobody else's.
      if (!isShared || field === 'address') continue
      const key = `${field} ${typeof value === 'string' ? value : JSON.stringify(value)}`
      const first = known.get(key)
      if (first === undefined) known.set(key, value)
      else row[field] = first
    }
}

/** Before the store: `rowsOf` says where in an object the many are. */
export const thinned =
  <T extends KubeObject>(rowsOf: (object: T) => unknown) =>
  (writer: StoreWriter<T>): StoreWriter<T> => ({
    take: (event) => {
      if (event.type === 'put') {
        const rows = rowsOf(event.object)
        if (Array.isArray(rows)) thin(rows.filter(isRow))
      }
      writer.take(event)
    },
  })

const isRow = (row: unknown): row is Record<string, unknown> => typeof row === 'object' && row !== null && !Array.isArray(row)
