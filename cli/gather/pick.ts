// Taking named fields out of an object and nothing else. A field that nobody named cannot get into a bundle, whatever is in it.

/** `spec.ports.{name,port}`: lists are walked through. A name stands for a plain value or a list of those, never for a whole branch. */
export type FieldPath = string

type Tree = Map<string, Tree>

export function pick(object: unknown, paths: readonly FieldPath[]): unknown {
  const tree: Tree = new Map()
  for (const path of paths.flatMap(expanded)) {
    let at = tree
    for (const part of path.split('.')) at = at.get(part) ?? set(at, part)
  }
  return take(object, tree)
}

function set(tree: Tree, part: string): Tree {
  const below: Tree = new Map()
  tree.set(part, below)
  return below
}

/** `a.{b,c}.d` is `a.b.d` and `a.c.d`. */
export function expanded(path: FieldPath): readonly string[] {
  const found = /^([^{]*)\{([^}]*)\}(.*)$/.exec(path)
  if (found === null) return [path]
  const [, before = '', names = '', after = ''] = found
  return names.split(',').flatMap((name) => expanded(`${before}${name}${after}`))
}

function take(value: unknown, tree: Tree): unknown {
  if (Array.isArray(value)) return kept(value.map((item) => take(item, tree)))
  if (typeof value !== 'object' || value === null) return tree.size === 0 ? value : undefined
  if (tree.size === 0) return undefined
  const fields = [...tree].flatMap(([name, below]) => {
    const found = Object.hasOwn(value, name) ? take((value as Record<string, unknown>)[name], below) : undefined
    return found === undefined ? [] : [[name, found] as const]
  })
  return fields.length === 0 ? undefined : Object.fromEntries(fields)
}

function kept(items: readonly unknown[]): unknown {
  const some = items.filter((item) => item !== undefined)
  return some.length === 0 && items.length > 0 ? undefined : some
}
