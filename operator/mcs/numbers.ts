// The names of what we publish: numbers, of which there are as many as a member may have objects (crds/rules/numbered.ts). An object keeps its
// number; a new one gets the first that is free from where the hash of its content points, so that a broker that is made anew mostly deals the
// same ones.
import { hash32 } from '#lib/std/hash.ts'

export interface Numbers {
  /** The same again until an object has it; undefined: none is free. `content`: what the object is about (crds/places.ts). */
  numberFor(content: string): string | undefined
  /** Lets go of what objects have by now, and of what nobody asks for any more. */
  sweep(): void
}

export type NumbersOptions = {
  readonly most: number
  /** Whether there is an object of that name, as far as is heard. */
  readonly isTaken: (name: string) => boolean
  /** How many objects are there without a number: they count as well. */
  readonly unnumbered: () => number
  /** In milliseconds. */
  readonly now: () => number
}

/**
 * A number that was given may be written though nothing is heard of it: a write that failed may have been carried out, and a watch may be
 * behind. So it is kept for who asked until an object has it, or nobody has asked for so long, which is more than whoever fails waits.
 */
const keptMs = 180_000

export function numbers({ most, isTaken, unnumbered, now }: NumbersOptions): Numbers {
  /** Given and not seen yet, by name. */
  const given = new Map<string, { readonly content: string; readonly untilMs: number }>()
  /** The same by content: the name. */
  const nameOf = new Map<string, string>()

  function forget(name: string): void {
    const content = given.get(name)?.content
    if (content !== undefined) nameOf.delete(content)
    given.delete(name)
  }

  const isOver = (name: string, untilMs: number) => untilMs <= now() || isTaken(name)

  function isGiven(name: string): boolean {
    const found = given.get(name)
    return found !== undefined && !isOver(name, found.untilMs)
  }

  return {
    numberFor: (content) => {
      const known = nameOf.get(content)
      // Whoever asks did not find its object: what has the number now is another.
      const isKept = known !== undefined && isGiven(known)
      const name = isKept ? known : firstFree(most, content, unnumbered(), (some) => isTaken(some) || isGiven(some))
      if (name === undefined) return undefined
      if (known !== undefined) forget(known)
      forget(name)
      given.set(name, { content, untilMs: now() + keptMs })
      nameOf.set(content, name)
      return name
    },
    sweep: () => {
      for (const [name, { untilMs }] of given) if (isOver(name, untilMs)) forget(name)
    },
  }
}

/** Where the search begins: the number of an object that is alone. */
export const preferred = (most: number, content: string): number => (hash32(content) >>> 0) % most

/** `spare`: so many must stay free. */
function firstFree(most: number, content: string, spare: number, isTaken: (name: string) => boolean): string | undefined {
  const first = preferred(most, content)
  let found: string | undefined
  let left = spare
  for (let i = 0; i < most; i++) {
    const name = String((first + i) % most)
    if (isTaken(name)) continue
    found ??= name
    if (left-- <= 0) return found
  }
  return undefined
}
