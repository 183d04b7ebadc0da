// Many items into few objects of bounded size, so that one item's change rewrites one object whatever was there before.
// Items hang in a binary trie by the bits of their key's hash, and a leaf that grows too big splits in two. It is put together again only
// when both halves fill half an object: endpoints that come and go around the limit, as in a roll-out with surge, change one object a time.
// Where an item lies follows from the set of items and the objects that are there, so a restart moves nothing.
import { hash32 } from '#lib/std/hash.ts'

/**
 * Leaf → its items in the order of their keys; a leaf's name is its path in the trie. No leaf is empty or has more than `most` items.
 * `isThere`: whether there is an object for that leaf already.
 */
export function pack<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  most: number,
  isThere: (leaf: string) => boolean,
): ReadonlyMap<string, readonly T[]> {
  const leaves = new Map<string, readonly T[]>()
  const entries = items.map((item) => ({ item, key: keyOf(item), hash: hash32(keyOf(item)) }))
  const few = Math.floor(most / 2)

  function place(at: typeof entries, path: string): void {
    if (path.length < 32 && (at.length > most || isSplit(at, path))) {
      for (const [bit, half] of halves(at, path)) place(half, path + bit)
      return
    }
    const sorted = at.toSorted((a, b) => (a.key < b.key ? -1 : 1)).map((entry) => entry.item)
    // More than one chunk only for keys that were chosen to have the same hash.
    for (let i = 0; i * most < sorted.length; i++)
      leaves.set(i === 0 ? path : `${path}.${i}`, sorted.slice(i * most, (i + 1) * most))
  }

  /** Whether what now fits into one object lies in objects below it, and is too much to be put together. */
  function isSplit(at: typeof entries, path: string): boolean {
    if (path.length >= 32 || at.length <= few) return false
    return isThere(`${path}0`) || isThere(`${path}1`) || halves(at, path).some(([bit, half]) => isSplit(half, path + bit))
  }

  function halves(at: typeof entries, path: string) {
    const bit = 1 << (31 - path.length)
    return [
      ['0', at.filter(({ hash }) => (hash & bit) === 0)],
      ['1', at.filter(({ hash }) => (hash & bit) !== 0)],
    ] as const
  }

  place(entries, '')
  return leaves
}
