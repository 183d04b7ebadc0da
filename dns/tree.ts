// A tree of names: what DNS itself is. A name without records that has names below it exists (RFC 8020), and comes out of the shape.
import type { Name } from './wire/name.ts'
import type { Data } from './wire/record.ts'

/** A record without its owner, which is where it hangs. */
export type Entry = { readonly ttl: number; readonly data: Data }

export interface Node {
  readonly entries: readonly Entry[]
  /** By the label left of this node's name, in lower case. */
  readonly children: Pick<ReadonlyMap<string, Node>, 'get' | 'keys'>
}

/** The node at `path` below `node`, the leftmost label being the deepest; undefined when no such name exists. */
export function find(node: Node, path: Name): Node | undefined {
  let at: Node | undefined = node
  for (let i = path.length - 1; i >= 0 && at !== undefined; i--) at = at.children.get(path[i] ?? '')
  return at
}

/** One that is all there. */
export interface Tree extends Node {
  readonly children: ReadonlyMap<string, Node>
}

/** A tree with the given entries at the given paths below its root; a path may come again, or with none. */
export function tree(rows: Iterable<readonly [path: Name, ...entries: readonly Entry[]]>): Tree {
  const root = empty()
  for (const [path, ...entries] of rows) grow(root, path).entries.push(...entries)
  return root
}

interface Growing extends Tree {
  readonly entries: Entry[]
  readonly children: Map<string, Growing>
}

const empty = (): Growing => ({ entries: [], children: new Map() })

const grow = (root: Growing, path: Name): Growing =>
  path.reduceRight((at, label) => {
    const child = at.children.get(label) ?? empty()
    at.children.set(label, child)
    return child
  }, root)
