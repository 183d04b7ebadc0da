// A binary min-heap: the smallest by `rank` comes out first.

export interface Heap<T> {
  push(value: T): void
  peek(): T | undefined
  pop(): T | undefined
  readonly size: number
}

export function heap<T>(rank: (value: T) => number): Heap<T> {
  const items: { readonly rank: number; readonly value: T }[] = []
  const rankAt = (i: number) => items[i]?.rank ?? Infinity

  function swap(i: number, j: number): void {
    const [a, b] = [items[i], items[j]]
    if (a === undefined || b === undefined) return
    items[i] = b
    items[j] = a
  }

  function rise(from: number): void {
    for (let i = from; i > 0;) {
      const parent = (i - 1) >> 1
      if (rankAt(parent) <= rankAt(i)) return
      swap(i, parent)
      i = parent
    }
  }

  function sink(): void {
    for (let i = 0; ;) {
      const [left, right] = [2 * i + 1, 2 * i + 2]
      const least = rankAt(right) < rankAt(left) ? right : left
      if (rankAt(i) <= rankAt(least)) return
      swap(i, least)
      i = least
    }
  }

  return {
    push: (value) => {
      items.push({ rank: rank(value), value })
      rise(items.length - 1)
    },
    peek: () => items[0]?.value,
    pop: () => {
      swap(0, items.length - 1)
      const least = items.pop()
      sink()
      return least?.value
    },
    get size() {
      return items.length
    },
  }
}
