// One value that changes, and those who want to know. For what no store shows: the state of a connection, what was refused.

export interface Cell<T> {
  readonly value: T
  /** Tells the listeners only when the value is another one by `same`. */
  set(value: T): void
  /** The result ends it. */
  onChange(listener: (value: T) => void): () => void
}

export function cell<T>(first: T, same: (a: T, b: T) => boolean = Object.is): Cell<T> {
  const listeners = new Set<(value: T) => void>()
  let now = first
  return {
    get value() {
      return now
    },
    set: (value) => {
      if (same(now, value)) return
      now = value
      for (const listener of listeners) listener(value)
    },
    onChange: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
