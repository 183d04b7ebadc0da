// The names of what we publish: numbers, of which there are as many as a member may have objects (crds/rules/numbered.ts). An object keeps its
// number; a new one gets the first that is free from where the hash of its content points, so that a broker that is made anew mostly deals the
// same ones.
import { hash32 } from '#lib/std/hash.ts'

export interface Numbers {
  /** The same again until `settled(owner)`; undefined: none is free. `content`: what the object is about (crds/places.ts). */
  numberFor(owner: string, content: string): string | undefined
  /** What `owner` was given is written and seen, or given up. */
  settled(owner: string): void
}

/** `isTaken`: whether there is an object of that name. */
export function numbers(most: number, isTaken: (name: string) => boolean): Numbers {
  /** Given and not seen yet, by owner: content → name. */
  const given = new Map<string, Map<string, string>>()
  const reserved = new Set<string>()
  return {
    numberFor: (owner, content) => {
      const own = given.get(owner) ?? new Map<string, string>()
      const known = own.get(content)
      if (known !== undefined) return known
      const free = firstFree(most, content, (name) => reserved.has(name) || isTaken(name))
      if (free === undefined) return undefined
      reserved.add(free)
      given.set(owner, own.set(content, free))
      return free
    },
    settled: (owner) => {
      for (const name of given.get(owner)?.values() ?? []) reserved.delete(name)
      given.delete(owner)
    },
  }
}

/** Where the search begins: the number of an object that is alone. */
export const preferred = (most: number, content: string): number => (hash32(content) >>> 0) % most

function firstFree(most: number, content: string, isTaken: (name: string) => boolean): string | undefined {
  const first = preferred(most, content)
  for (let i = 0; i < most; i++) {
    const name = String((first + i) % most)
    if (!isTaken(name)) return name
  }
  return undefined
}
