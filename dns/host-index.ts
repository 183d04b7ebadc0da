// Which slices have a pod of a name: one lookup, however many there are. By the hash of the name, as hundreds of thousands of texts would
// take more than all that is known of the pods; so what is found is looked through.
import { hash32 } from '#lib/std/hash.ts'

export interface HostIndex<T> {
  /** Where that name may be, in the order in which they were added. */
  find(host: string): readonly T[]
  /** A name once for each `at`. */
  add(hosts: Iterable<string>, at: T): void
  delete(hosts: Iterable<string>, at: T): void
}

export function hostIndex<T extends object>(): HostIndex<T> {
  // Nearly every name is in one slice, and a list of one would be larger than all the rest of its entry.
  const found = new Map<number, T | readonly T[]>()
  const at = (hash: number): readonly T[] => {
    const there = found.get(hash)
    return there === undefined ? [] : isList(there) ? there : [there]
  }
  const set = (hash: number, all: readonly T[]): void => {
    const [first, ...more] = all
    if (first === undefined) found.delete(hash)
    else found.set(hash, more.length === 0 ? first : all)
  }
  return {
    find: (host) => at(hash32(host)),
    add: (hosts, it) => {
      for (const hash of hashesOf(hosts)) set(hash, [...at(hash), it])
    },
    delete: (hosts, it) => {
      for (const hash of hashesOf(hosts))
        set(
          hash,
          at(hash).filter((other) => other !== it),
        )
    },
  }
}

const hashesOf = (hosts: Iterable<string>): ReadonlySet<number> => new Set([...hosts].map(hash32))
const isList = <T>(value: T | readonly T[]): value is readonly T[] => Array.isArray(value)
