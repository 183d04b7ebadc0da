// Many items into few objects of bounded size, so that one item's change rewrites one object whatever was there before.
// Items hang in a binary trie by the bits of their key's hash, and a leaf that grows too big splits in two: where an item lies
// follows from the set of items alone, not from the order in which they came, so a restart moves nothing.
import { hash32 } from '#lib/std/hash.ts'

/** Leaf → its items in the order of their keys; a leaf's name is its path in the trie. No leaf is empty or has more than `most` items. */
export function pack<T>(items: readonly T[], keyOf: (item: T) => string, most: number): ReadonlyMap<string, readonly T[]> {
  const leaves = new Map<string, readonly T[]>()
  const entries = items.map((item) => ({ item, key: keyOf(item), hash: hash32(keyOf(item)) }))

  function place(at: typeof entries, path: string): void {
    if (at.length > most && path.length < 32) {
      const bit = 1 << (31 - path.length)
      const [zeros = [], ones = []] = [0, bit].map((value) => at.filter((entry) => (entry.hash & bit) === value))
      place(zeros, `${path}0`)
      place(ones, `${path}1`)
      return
    }
    const sorted = at.toSorted((a, b) => (a.key < b.key ? -1 : 1)).map((entry) => entry.item)
    // More than one chunk only for keys that were chosen to have the same hash.
    for (let i = 0; i * most < sorted.length; i++)
      leaves.set(i === 0 ? path : `${path}.${i}`, sorted.slice(i * most, (i + 1) * most))
  }

  place(entries, '')
  return leaves
}
